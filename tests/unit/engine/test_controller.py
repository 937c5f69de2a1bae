"""The loop around the decision, on a simulated clock: what is saved, what is published, what survives a crash."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fader.errors import Refused
from fader.model.state import Phase
from fader.rollout.replay import replay

FILE = Path(__file__).with_name("fader.yaml").read_text()


def interval(world: Any) -> tuple[int, int] | None:
    split = world.publisher.current.services[0].split
    return (split.interval.start, split.interval.width) if split else None


async def test_a_healthy_candidate_goes_all_the_way(world: Any) -> None:
    await world.ask("start")
    assert interval(world) == (0, 0)
    await world.until(lambda v: v.state.stage == 0)
    assert interval(world) == (0, 100_000)
    await world.until(lambda v: v.state.stage == 1)
    assert interval(world) == (0, 500_000)
    done = await world.until(lambda v: v.state.phase is Phase.COMPLETED)
    assert world.publisher.current.services[0].baseline == "v2"
    assert interval(world) is None
    assert 180 < done.units_exposed <= 260
    steps = await world.desk.history("shop-v2")
    assert [s.event for s in steps] == ["start", "learned", "advance", "complete"]
    assert [s.seq for s in steps] == [1, 2, 3, 4]
    assert all(replay(s) for s in steps)


async def test_a_bad_candidate_is_pulled_in_the_tick_that_sees_it(world: Any) -> None:
    world.error_rates["v2"] = 0.3
    await world.ask("start")
    done = await world.until(lambda v: v.state.phase is Phase.ROLLED_BACK)
    assert interval(world) is None
    assert done.state.stage == 0
    assert 0 < done.units_harmed <= 40
    assert done.seconds_to_decision > 0
    await world.second()
    assert (await world.desk.rollout("shop-v2")).state == done.state


async def test_a_dead_candidate_is_pulled_without_statistics(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    world.dead.add("v2")
    for _ in range(4):
        await world.second(each=0)
    done = await world.desk.rollout("shop-v2")
    assert done.state.phase is Phase.ROLLED_BACK
    assert "answer" in done.headline or "endpoint" in done.headline


async def test_a_silent_gateway_holds_and_says_so(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    world.silent = True
    for _ in range(60):
        await world.second(each=0)
    view = await world.desk.rollout("shop-v2")
    assert view.state.stage == 0
    assert any("gateway" in w for w in view.waits)


async def test_no_traffic_is_no_proof(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    for _ in range(60):
        await world.second(each=0)
    assert (await world.desk.rollout("shop-v2")).state.stage == 0


async def test_lines_that_envoy_counted_and_nobody_delivered_hold_the_ramp(world: Any) -> None:
    await world.apply(FILE.replace("bake: 5s", "bake: 40s"))
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    for _ in range(60):
        world.requests += 200
        await world.second()
    view = await world.desk.rollout("shop-v2")
    assert view.state.stage == 0
    assert view.state.phase is Phase.RAMPING
    assert any("lost" in w or "log" in w for w in view.waits), view.waits


async def test_a_refused_configuration_holds(world: Any) -> None:
    await world.ask("start")
    world.refuses = "no such field"
    for _ in range(20):
        await world.second()
    view = await world.desk.rollout("shop-v2")
    assert view.state.share == 0
    assert any("no such field" in w for w in view.waits)


async def test_a_new_process_resumes_the_stage_and_its_evidence(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 1)
    for _ in range(2):
        await world.second()
    before = (await world.desk.rollout("shop-v2")).state
    units = world.controller.seen["shop-v2"].evidence.metrics[0].candidate.units
    version = world.publisher.current.version
    world.restart()
    assert world.publisher.current.version == version
    world.gateway_reports()
    await world.second(each=0)
    view = await world.desk.rollout("shop-v2")
    assert view.state == before
    assert world.controller.seen["shop-v2"].evidence.metrics[0].candidate.units == units
    await world.until(lambda v: v.state.phase is Phase.COMPLETED)


async def test_the_view_carries_the_health_of_the_stage_and_none_of_another(world: Any) -> None:
    assert (await world.desk.rollout("shop-v2")).health is None
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    for _ in range(2):
        await world.second()
    seen = (await world.desk.rollout("shop-v2")).health
    assert seen.candidate_units > 0
    assert seen.baseline_units > seen.candidate_units
    assert seen.crossed == 0
    await world.ask("abort")
    assert (await world.desk.rollout("shop-v2")).health is None


async def test_a_crash_between_saving_and_publishing_is_healed_by_the_next_tick(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    world.states.why = "killed"
    with pytest.raises(OSError, match="killed"):
        await world.ask("abort")
    assert world.states.entry("shop-v2").state.phase is Phase.ABORTED
    assert interval(world) == (0, 100_000), "what is decided is not in force yet"
    world.states.why = ""
    world.restart()
    world.gateway_reports()
    await world.second()
    assert interval(world) is None


async def test_a_store_that_fails_decides_nothing_and_is_said_out_loud(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    before = (await world.desk.rollout("shop-v2")).state
    world.events.why = "disk full"
    loop = asyncio.create_task(world.controller.run())
    async with asyncio.timeout(10):
        while not world.controller.failing:
            await asyncio.sleep(0.01)
    view = await world.desk.rollout("shop-v2")
    assert view.state == before
    assert any("disk full" in w for w in view.waits)
    world.events.why = ""
    async with asyncio.timeout(10):
        while world.controller.failing:
            await asyncio.sleep(0.01)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def test_a_second_rollout_of_the_service_is_refused_and_names_the_first(world: Any) -> None:
    await world.ask("start")
    with pytest.raises(Refused, match="shop-v2 is active on shop"):
        await world.ask("start", "shop-v3")


async def test_after_completion_the_next_starts_from_the_new_baseline_and_abort_goes_back(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.phase is Phase.COMPLETED)
    started = await world.ask("start", "shop-v3")
    assert started.spec.baseline == "v2"
    await world.ask("abort", "shop-v3")
    with pytest.raises(Refused):
        await world.ask("start")
    await world.ask("abort")
    assert world.publisher.current.services[0].baseline == "v1"


async def test_a_candidate_that_does_not_answer_cannot_start(world: Any) -> None:
    world.dead.add("v2")
    with pytest.raises(Refused, match=r"v2 does not answer at 127\.0\.0\.1:9002"):
        await world.ask("start")


async def test_a_retry_begins_with_users_who_were_not_hurt(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    await world.ask("abort")
    await world.ask("retry")
    view = await world.until(lambda v: v.state.stage == 0)
    assert interval(world) == (100_000, 100_000)
    assert view.state.attempt == 2


async def test_a_person_who_is_quicker_than_the_tick_wins(world: Any) -> None:
    """The tick decides on what it read; what a person did meanwhile is not overwritten."""
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    world.error_rates["v2"] = 1.0
    entry = world.states.entry("shop-v2")
    for _ in range(3):
        world.users_ask()
        world.now += 0.5
    world.gateway_reports()
    world.events.load()
    await world.ask("abort")
    await world.controller._judge(entry, world.publisher.current.version, sampled=False)
    assert world.states.entry("shop-v2").state.phase is Phase.ABORTED
    assert [s.event for s in world.states.history("shop-v2")][-1] == "abort"


@pytest.mark.parametrize(("p", "word"), [("0.1", ""), ("0.2", "the sampled requests add up to 50 %")])
async def test_a_sample_that_does_not_add_up_holds_and_says_so(world: Any, p: str, word: str) -> None:
    world.users, world.sample, world.p = 3_000, 10, p
    sampled = FILE.replace("    baseline: v1", "    baseline: v1\n    sample: 10%", 1)
    await world.apply(sampled.replace("bake: 5s", "bake: 60s"))
    await world.ask("start")
    await world.until(lambda v: v.state.stage == 0)
    for _ in range(25):
        await world.second()
    said = [w for w in (await world.desk.rollout("shop-v2")).waits if w.startswith("the sampled requests")]
    assert len(said) == bool(word)
    assert all(w.startswith(word) for w in said)
