"""Whom a rollout has reached, by stage and segment: what the store knows, asked for not too often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.unit.engine.conftest import FILE, World

from fader.engine.pace import Pace
from fader.engine.reach import EVERY, Reached
from fader.model.reach import SegmentReach
from fader.model.state import Phase
from fader.ports.events import Exposure
from fader.telemetry.memory import MemoryEventStore

LISTED = ", ".join(f"user-{i}" for i in range(200))
SEGMENTS = f"""
segments:
  half: {{units: [{LISTED}]}}
  nobody: {{units: [stranger]}}
  where: {{when: 'country == "US"'}}
  both: {{units: [user-1], when: 'country == "US"'}}
"""


class Counting(MemoryEventStore):
    """Counts how often it is asked who of some units was exposed."""

    asked = 0

    def among(self, rollout: str, attempt: int, units: Sequence[str]) -> Exposure | None:
        self.asked += 1
        return super().among(rollout, attempt, units)


async def test_stages_and_segments_add_up_to_what_the_view_says(world: World) -> None:
    await world.apply(FILE + SEGMENTS)
    world.error_rates |= {"v1": 0.05, "v2": 0.05}
    await world.ask("start")
    view = await world.until(lambda v: v.state.stage == 1)
    for _ in range(3):
        await world.second()
    view, reach = await world.desk.rollout("shop-v2"), await world.desk.reach("shop-v2")
    first, second = reach.stages
    assert (first.stage, second.stage) == (0, 1)
    assert first.candidate + first.baseline + first.crossed == world.users
    assert abs(first.candidate - world.users * 0.1) < world.users * 0.05
    assert second.candidate > first.candidate
    half, nobody, both = reach.segments
    assert (half.segment, half.listed) == ("half", 200)
    assert 0 < half.exposed < view.units_exposed
    assert 0 < half.harmed <= min(half.exposed, view.units_harmed)
    assert nobody == SegmentReach("nobody", 1, 0, 0)
    assert (both.listed, both.more, half.more) == (1, True, False)
    assert (reach.uncounted, reach.many) == (("where",), ())
    assert not reach.sampled
    assert reach.of(1) is second
    assert reach.of(2) is None


async def test_before_the_start_nobody_is_reached(world: World) -> None:
    await world.apply(FILE + SEGMENTS)
    reach = await world.desk.reach("shop-v2")
    assert (reach.stages, reach.segments, reach.uncounted) == ((), (), ())


class Gone(MemoryEventStore):
    """Has let go of who was exposed."""

    def among(self, rollout: str, attempt: int, units: Sequence[str]) -> Exposure | None:
        return None


async def test_what_is_no_longer_known_is_told_of_no_segment(world: World) -> None:
    await world.apply(FILE + SEGMENTS)
    view = replace(await world.desk.rollout("shop-v2"), units_exposed=5)
    reach = await Reached(world.states, Gone(), Pace()).of(view, world.now)
    assert (reach.segments, reach.uncounted) == ((), ())


async def test_the_store_is_asked_again_when_there_are_more_and_not_too_often(world: World) -> None:
    await world.apply(FILE + SEGMENTS)
    await world.ask("start")
    view = await world.until(lambda v: v.state.phase is Phase.RAMPING)
    events = Counting()
    pace = Pace(part=1.0)
    reached, now = Reached(world.states, events, pace), world.now
    shown = replace(view, units_exposed=5)
    await reached.of(shown, now)
    assert events.asked == 3
    await reached.of(shown, now + 5 * EVERY)
    assert events.asked == 3
    more = replace(view, units_exposed=6)
    await reached.of(more, now + EVERY / 2)
    assert events.asked == 3
    await reached.of(more, now + EVERY)
    assert events.asked == 6
    moved = replace(more, state=replace(more.state, revision=99))
    await reached.of(moved, now + EVERY)
    assert events.asked == 9
    pace.ran(now + EVERY, 60.0)
    await reached.of(replace(moved, units_exposed=7), now + 3 * EVERY)
    assert events.asked == 9
    await reached.of(replace(moved, units_exposed=7), now + EVERY + 70.0)
    assert events.asked == 12
