"""The loop with what apps track: outcomes, experiments, signals, adaptive ramps, holdbacks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fader.engine.observe import directed
from fader.errors import BadInput, Refused
from fader.model.decision import Step
from fader.model.evidence import NameEvidence
from fader.model.share import WHOLE
from fader.model.state import Phase
from fader.rollout.plan import PAST
from fader.rollout.replay import replay
from fader.schema.document import load_document

FILE = """
services:
  shop:
    listen: 127.0.0.1:8080
    unit: [{{header: x-user-id}}]
    versions: {{v1: "http://127.0.0.1:9001", v2: "http://127.0.0.1:9002", v3: "http://127.0.0.1:9003"}}
    baseline: v1
metrics:
  conversion: {{kind: proportion, of: units, event: order, better: higher}}
events: {{refund: {{better: lower}}}}
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: {stages}
    bake: 5s
    guardrails: {{errors: {{tolerate: 5pp}}}}
{more}"""
OUTCOME = "    outcomes: {conversion: {tolerate: 20%, smallest: 10%}}\n"


async def begin(
    world: Any, stages: str = "[10%, 50%, 100%]", more: str = "", seconds: int = 5, **rates: object
) -> None:
    """Users were there before the rollout is started."""
    world.tracks |= rates
    await world.apply(FILE.format(stages=stages, more=more))
    for _ in range(seconds):
        await world.second()
    await world.ask("start")


async def steps(world: Any) -> tuple[Step, ...]:
    found: tuple[Step, ...] = await world.desk.history("shop-v2")
    assert all(replay(s) for s in found), "every step comes out the same from its record"
    assert [msgspec.json.decode(msgspec.json.encode(s), type=Step) for s in found] == list(found)
    return found


async def test_fewer_orders_pull_the_plug_though_no_request_fails(world: Any) -> None:
    await begin(world, more=OUTCOME, order={"v1": 0.05, "v2": 0.005})
    done = await world.until(lambda v: v.state.phase is Phase.ROLLED_BACK, seconds=120)
    assert "conversion fell from " in done.headline
    assert [(r.metric, r.verdict) for r in done.readings] == [("conversion", "worse")]
    assert done.reading_sentences[0].startswith("conversion is worse: ")
    last = (await steps(world))[-1]
    assert [r.metric for r in last.readings] == ["conversion"]
    assert [j.metric for j in last.judgements] == ["errors", "conversion"]


async def test_an_outcome_that_does_not_suffer_completes(world: Any) -> None:
    await begin(world, more=OUTCOME, order={"v1": 0.05, "v2": 0.05})
    done = await world.until(lambda v: v.state.phase is Phase.COMPLETED, seconds=120)
    assert done.readings, "what was read last is kept"
    await world.second()
    assert (await world.desk.rollout("shop-v2")).readings == done.readings


async def test_what_is_learnt_of_an_outcome_is_frozen(world: Any) -> None:
    await begin(world, more=OUTCOME, order={"v1": 0.05})
    view = await world.until(lambda v: v.state.stage == 0)
    assert [b.metric for b in view.state.bases] == ["errors", "conversion"]
    assert 0.05 < view.state.bases[1].rate < 0.6
    await world.second()
    cell = world.events._cells["shop-v2", 1, 0].cell
    assert [m.metric.name for m in cell.metrics] == ["errors", "conversion"]
    assert cell.past == view.state.started_at - PAST


async def test_an_experiment_is_planned_held_read_and_asks(world: Any) -> None:
    more = OUTCOME + "    experiment: {share: 50%, for: 15s, primary: conversion}\n"
    await begin(world, more=more, seconds=8, order={"v1": 0.02, "v2": 0.05})
    view = await world.until(lambda v: v.state.stage == 1)
    assert view.state.plan is not None
    assert view.plan.startswith("a difference of ")
    for _ in range(8):
        await world.second()
    view = await world.desk.rollout("shop-v2")
    assert "; the experiment is read in " in view.headline
    assert view.verdict == ""
    asked = await world.until(lambda v: v.state.phase is Phase.AWAITING)
    assert asked.verdict.startswith("conversion is better on v2 after the experiment: ")
    assert asked.verdict in asked.state.cause
    await world.ask("approve")
    done = await world.desk.rollout("shop-v2")
    assert done.state.phase is Phase.COMPLETED
    assert done.readings[0].fixed_low is not None
    assert done.readings[0].fixed_low <= done.readings[0].effect <= done.readings[0].fixed_high
    await steps(world)


async def test_a_further_arm_runs_beside_is_taken_out_for_harm_and_the_experiment_goes_on(world: Any) -> None:
    more = OUTCOME + "    experiment: {share: 30%, for: 15s, primary: conversion, beside: [v3]}\n"
    rates = {"v1": 0.02, "v2": 0.05, "v3": 0.02}
    await begin(world, "[10%, 30%, 100%]", more, seconds=8, order=rates)
    before = await world.until(lambda v: v.state.stage == 0)
    assert [a.status for a in before.arms] == ["ahead"]
    assert world.publisher.current.services[0].split.beside == ()
    await world.until(lambda v: v.state.stage == 1)
    for _ in range(4):
        await world.second()
    view = await world.desk.rollout("shop-v2")
    assert [(a.version, a.status, a.share) for a in view.arms] == [("v3", "running", 300_000)]
    assert view.arms[0].units > 80
    assert {r.arm for r in view.readings} == {"v2", "v3"}
    world.error_rates["v3"] = 0.4
    gone = await world.until(lambda v: bool(v.state.withdrawn))
    assert (gone.state.phase, gone.state.share, gone.state.stage) == (Phase.RAMPING, 300_000, 1)
    assert gone.state.cause.startswith("v3 was taken out of the experiment and its users have v1 again: errors rose")
    assert [a.withdrawn for a in world.publisher.current.services[0].split.beside] == [True]
    units = (await world.desk.rollout("shop-v2")).health.baseline_units
    asked = await world.until(lambda v: v.state.phase is Phase.AWAITING)
    assert asked.verdict.startswith("conversion is better on v2 after the experiment: ")
    assert asked.health.baseline_units == units, "who had the arm is no evidence for the baseline"
    assert asked.health.crossed == 0
    await world.ask("approve")
    done = await world.desk.rollout("shop-v2")
    assert done.state.phase is Phase.COMPLETED
    assert [a.status for a in done.arms] == ["withdrawn"]
    assert [s.event for s in await steps(world)] == [
        "start",
        "learned",
        "advance",
        "withdraw",
        "ask",
        "approve_complete",
    ]


async def test_a_further_arm_that_does_not_answer_is_no_start(world: Any) -> None:
    more = OUTCOME + "    experiment: {share: 30%, for: 10s, primary: conversion, beside: [v3]}\n"
    text = FILE.format(stages="[30%, 100%]", more=more)
    await world.apply(text)
    world.dead.add("v3")
    with pytest.raises(Refused, match=r"shop-v2 cannot start: v3 does not answer at 127\.0\.0\.1:9003"):
        await world.ask("start")
    world.dead.clear()
    await world.ask("start")
    gone = text.replace(', v3: "http://127.0.0.1:9003"', "").replace(", beside: [v3]", "")
    with pytest.raises(BadInput, match="version v3 of shop is gone while rollout shop-v2 needs it"):
        await world.apply(gone)


async def test_further_arms_end_with_the_stage(world: Any) -> None:
    more = OUTCOME + "    experiment: {share: 30%, for: 10s, primary: conversion, beside: [v3]}\n"
    await begin(world, "[30%, 50%, 100%]", more, seconds=8, order={"v1": 0.02, "v2": 0.05, "v3": 0.05})
    await world.until(lambda v: v.state.phase is Phase.AWAITING)
    assert [a.version for a in world.publisher.current.services[0].split.beside] == ["v3"]
    world.restart()
    world.gateway_reports()
    await world.ask("approve")
    after = await world.desk.rollout("shop-v2")
    assert (after.state.stage, after.state.share) == (1, 500_000)
    assert world.publisher.current.services[0].split.beside == ()
    assert [a.status for a in after.arms] == ["ended"]
    await world.until(lambda v: v.state.phase is Phase.COMPLETED, seconds=120)


async def test_the_plan_of_a_file_says_what_its_experiment_can_show(world: Any) -> None:
    text = FILE.format(
        stages="[50%, 100%]", more=OUTCOME + "    experiment: {share: 50%, for: 7d, primary: conversion}\n"
    )
    blind = (await world.applier.plan(load_document(text, "fader.yaml"))).changes[-1]
    assert blind.detail.endswith("the experiment could not be planned: too little is known of conversion before it")
    world.tracks |= {"order": {"v1": 0.05}}
    for _ in range(5):
        await world.second()
    change = (await world.applier.plan(load_document(text, "fader.yaml"))).changes[-1]
    assert (change.kind, change.action) == ("rollout", "change")
    assert "a difference of " in change.detail
    assert "2,800 users come in 7 days" in change.detail


async def test_a_side_effect_that_nobody_declared_is_found_and_named(world: Any) -> None:
    await begin(world, "[50%, 100%]", support={"v1": 0.005, "v2": 0.05})
    view = await world.until(lambda v: bool(v.signals) or v.state.phase is Phase.COMPLETED, seconds=60)
    assert [(s.kind, s.name, s.harmful) for s in view.signals] == [("event", "support", False)]
    assert view.signal_sentences[0].startswith("event support: ")


async def test_a_declared_one_holds_the_ramp(world: Any) -> None:
    await begin(world, "[{share: 50%, bake: 10s}, 100%]", refund={"v1": 0.002, "v2": 0.05})
    view = await world.until(lambda v: any(s.harmful for s in v.signals), seconds=60)
    for _ in range(15):
        await world.second()
    view = await world.desk.rollout("shop-v2")
    assert (view.state.phase, view.state.stage) == (Phase.RAMPING, 0)
    assert any(w.startswith("event refund goes the wrong way: ") for w in view.waits)


async def test_a_new_error_of_the_app_is_pulled_and_named(world: Any) -> None:
    world.thrown["v2"] = "KeyError"
    await begin(world)
    done = await world.until(lambda v: v.state.phase is Phase.ROLLED_BACK)
    assert "v2 brought a new error, " in done.headline
    assert "KeyError" in done.headline
    assert (await steps(world))[-1].signals[0].new


async def test_an_adaptive_ramp_finds_its_way(world: Any) -> None:
    await begin(world, "auto", "    budget: {units: 400, first: 5%}\n")
    done = await world.until(lambda v: v.state.phase is Phase.COMPLETED, seconds=240)
    assert done.state.shares[0] == 50_000
    assert list(done.state.shares) == [50_000, 130_000, 360_000]
    assert [s.share for s in done.stages] == [*done.state.shares, WHOLE]
    assert {s.status for s in done.stages} == {"passed"}
    await steps(world)


async def test_an_adaptive_ramp_begins_with_what_its_budget_covers(world: Any) -> None:
    """All 400 users come within a step: 20 of them are 5 %."""
    await begin(world, "auto", "    budget: {units: 20}\n")
    begun = await world.until(lambda v: v.state.stage == 0)
    assert begun.state.shares == (50_000,)
    assert "5 % of users, whom the harm budget of 20 users covers" in begun.state.cause


async def test_an_adaptive_ramp_goes_on_after_a_restart(world: Any) -> None:
    await begin(world, "auto", "    budget: {units: 400, first: 5%}\n")
    before = (await world.until(lambda v: v.state.stage == 1)).state
    world.restart()
    world.gateway_reports()
    await world.second(each=0)
    assert (await world.desk.rollout("shop-v2")).state == before


async def test_a_holdback_is_released_by_itself(world: Any) -> None:
    await begin(world, "[50%, 100%]", "    holdback: {share: 5%, for: 20s}\n")
    kept = await world.until(lambda v: v.state.share == 950_000)
    assert "; 5 % are held back for another 20 s" in kept.headline
    assert world.publisher.current.services[0].baseline == "v1"
    done = await world.until(lambda v: v.state.phase is Phase.COMPLETED)
    assert done.state.ended_at - kept.state.stage_since == pytest.approx(20, abs=1)
    assert world.publisher.current.services[0].baseline == "v2"
    assert [s.event for s in await steps(world)] == ["start", "learned", "advance", "complete"]


async def test_a_holdback_can_still_pull_the_plug(world: Any) -> None:
    await begin(world, "[10%, 50%, 100%]", "    holdback: {share: 5%, for: 60s}\n")
    await world.until(lambda v: v.state.share == 950_000)
    world.error_rates["v2"] = 0.3
    done = await world.until(lambda v: v.state.phase is Phase.ROLLED_BACK)
    assert "was rolled back at 95 %" in done.headline


async def test_directions_are_those_of_the_file(world: Any) -> None:
    await begin(world)
    spec = world.states.entry("shop-v2").spec
    names = (
        NameEvidence("event", "refund", 1, 1),
        NameEvidence("event", "visit", 1, 1),
        NameEvidence("route", "refund", 1, 1),
        NameEvidence("fingerprint", "boom", 1, 1),
    )
    assert [n.better for n in directed(spec, names)] == ["lower", "", "", "lower"]
