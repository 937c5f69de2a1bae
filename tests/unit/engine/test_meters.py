"""External metrics in a running control plane: asked on their own schedule, judged, held when unknown, replayed."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from tests.unit.engine.conftest import FILE, World

from fader.engine.meters import Meters
from fader.model.external import Answer, External, Question
from fader.model.state import Phase
from fader.model.verdict import Verdict
from fader.rollout.replay import replay

EVENTS, TOTAL = 'e{v="{{version}}"}', 'n{v="{{version}}"}'
METRIC = (
    f"  upstream: {{kind: external, provider: prom, events: '{EVENTS}', total: '{TOTAL}', every: 1s, better: lower}}"
)
#: The file of all tests, with its first rollout watched by what a provider counts.
WRITTEN = (
    FILE.replace("\nrollouts:", f"\n{METRIC}\nrollouts:").replace(
        "{tolerate: 5pp}}", "{tolerate: 5pp}, upstream: 20pp}", 1
    )
    + 'providers: {prom: {kind: prometheus, url: "http://127.0.0.1:9"}}\n'
)


class Counted(World):
    """Beside its users, a provider counts 100 requests per second and version, of which so many in a hundred failed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.failing = {"v1": 2.0, "v2": 2.0}
        self._luck = Random(11)
        self._levels = {(text, version): 0.0 for text in (EVENTS, TOTAL) for version in ("v1", "v2")}

    async def second(self, each: int = 1) -> None:
        for version, rate in self.failing.items():
            self._levels[EVENTS, version] += sum(self._luck.random() < rate / 100 for _ in range(100))
            self._levels[TOTAL, version] += 100
        self.providers.answers = dict(self._levels)
        await asyncio.gather(*self.meters.turn())
        await super().second(each)

    async def waits(self) -> str:
        return "; ".join((await self.desk.rollout("shop-v2")).waits)


@pytest.fixture
async def counted() -> Counted:
    made = Counted()
    await made.apply(WRITTEN)
    made.gateway_reports()
    await made.second()
    await made.ask("start")
    await made.until(lambda v: v.state.phase is Phase.RAMPING)
    for _ in range(3):
        await made.second()
    return made


async def test_a_healthy_candidate_goes_through(counted: Counted) -> None:
    view = await counted.until(lambda v: v.state.phase is Phase.COMPLETED, seconds=300)
    assert view.state.phase is Phase.COMPLETED
    advanced = [s for s in await counted.desk.history("shop-v2") if s.event in ("advance", "complete")]
    assert all("upstream proven less than" in s.reason for s in advanced)


async def test_what_the_provider_counts_pulls_the_plug(counted: Counted) -> None:
    counted.failing["v2"] = 60.0
    view = await counted.until(lambda v: v.state.phase is Phase.ROLLED_BACK, seconds=120)
    assert "upstream rose from " in view.state.cause
    assert " of the total in prom (over " in view.state.cause


async def test_the_record_holds_what_it_was_decided_on(counted: Counted) -> None:
    counted.failing["v2"] = 60.0
    await counted.until(lambda v: v.state.phase is Phase.ROLLED_BACK, seconds=120)
    step = (await counted.desk.history("shop-v2"))[-1]
    assert step.evidence
    assert len(step.evidence.metric("upstream").blocks) >= 30
    assert replay(step)


async def test_what_it_waits_for_is_told_in_intervals(counted: Counted) -> None:
    assert "more intervals, " in await counted.waits()


async def test_a_silent_provider_holds_and_never_rolls_back(counted: Counted) -> None:
    await counted.second()
    counted.providers.down = "did not answer within 5 s"
    for _ in range(40):
        await counted.second()
    view = await counted.desk.rollout("shop-v2")
    assert (view.state.phase, view.state.stage) == (Phase.RAMPING, 0)
    assert "upstream is unknown: prom did not answer within 5 s" in await counted.waits()
    (judgement,) = (j for j in view.judgements if j.metric == "upstream")
    assert judgement.verdict is Verdict.UNKNOWN
    counted.providers.down = ""
    await counted.until(lambda v: v.state.stage == 1, seconds=120)


async def test_an_answer_that_is_still_out_keeps_nobody_waiting_and_grows_old(counted: Counted) -> None:
    class Never:
        async def ask(self, external: External, candidate: Question, baseline: Question) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    await counted.second()
    counted.meters = Meters(counted.states, Never(), counted.changes, lambda: counted.now)
    counted.now += 1.0
    asking = counted.meters.turn()
    assert len(asking) == 1
    for _ in range(70):
        counted.now += 1.0
        assert counted.meters.turn() == asking
        counted.gateway_reports()
        await counted.controller.tick()
    assert "upstream is unknown: the last answer of prom is 72 s old" in await counted.waits()
    asking[0].cancel()


async def test_a_restart_goes_on_with_the_series(counted: Counted) -> None:
    for _ in range(4):
        await counted.second()
    (before,) = counted.states.series("shop-v2", 1, 0)
    assert len(before.blocks) >= 4
    counted.restart()
    await counted.second()
    (after,) = counted.states.series("shop-v2", 1, 0)
    assert after.blocks[:-1] == before.blocks


async def test_it_is_asked_as_often_as_the_file_says(counted: Counted) -> None:
    await asyncio.gather(*counted.meters.turn())
    before = len(counted.providers.asked)
    counted.now += 0.5
    await asyncio.gather(*counted.meters.turn())
    assert len(counted.providers.asked) == before
    counted.now += 0.5
    await asyncio.gather(*counted.meters.turn())
    assert len(counted.providers.asked) == before + 1
    _, candidate, baseline = counted.providers.asked[-1]
    assert (candidate.version, baseline.version, candidate.service) == ("v2", "v1", "shop")
    assert candidate.since >= 1_000_000


async def test_nothing_is_asked_before_the_first_stage_and_after_the_last() -> None:
    world = Counted()
    await world.apply(WRITTEN)
    asked = len(world.providers.asked)
    await world.second()
    assert len(world.providers.asked) == asked


async def test_an_answer_to_a_stage_that_has_ended_is_dropped(counted: Counted) -> None:
    counted.now += 1.0
    asking = counted.meters.turn()
    before = counted.states.series("shop-v2", 1, 0)
    await counted.ask("abort")
    await asyncio.gather(*asking)
    assert counted.states.series("shop-v2", 1, 0) == before


async def test_a_plan_asks_each_query_once() -> None:
    world = Counted()
    plan = await world.apply(WRITTEN)
    assert plan.answers == ()
    assert plan.warnings == ("upstream of shop-v2 cannot be read, and would hold it: prom has no data, of v2",)
    world.providers.answers = {(EVENTS, v): 3.0 for v in ("v1", "v2")} | {(TOTAL, v): 1400.0 for v in ("v1", "v2")}
    plan = await world.apply(WRITTEN)
    assert plan.warnings == ()
    assert plan.answers == ("prom answers: upstream of shop-v2 is 3 of 1,400 for v2, 3 of 1,400 for v1",)
