"""What fails on a candidate is asked for when somebody was hurt anew, and not too often."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.unit.engine.conftest import World

from fader.engine.failing import EVERY, MOST, Failing
from fader.engine.pace import Pace
from fader.model.failure import Failure
from fader.model.view import RolloutView
from fader.ports.events import Tracked
from fader.telemetry.memory import MemoryEventStore


class Counting(MemoryEventStore):
    """Counts how often failures were asked for."""

    asked = 0

    def failures(
        self,
        service: str,
        candidate: str,
        baseline: str,
        since: float,
        until: float,
        most: int,
        rollout: str = "",
        met: float = 0.0,
    ) -> tuple[Failure, ...]:
        self.asked += 1
        return super().failures(service, candidate, baseline, since, until, most, rollout, met)


def failed(at: float, count: int) -> bytes:
    lines = (
        {"t": at + i / 100, "s": "shop", "u": f"u{i}", "r": "shop-v2", "v": "v2", "w": "v2", "why": "rollout", "c": 500}
        for i in range(count)
    )
    return b"".join(json.dumps(line | {"p": "1", "m": "GET", "path": "/x"}).encode() + b"\n" for line in lines)


async def ramping(world: World) -> RolloutView:
    await world.ask("start")
    return await world.until(lambda v: v.state.stage == 0)


async def test_the_store_is_asked_when_somebody_was_hurt_anew_and_not_too_often(world: World) -> None:
    view, events = replace(await ramping(world), units_harmed=0), Counting()
    now = world.now + 10
    events.append("gw", "a", 0, failed(now - 1, 30))
    events.load()
    failing = Failing(events, Pace(part=1.0))
    assert await failing.of(view, now) == ()
    assert events.asked == 0
    hurt = replace(view, units_harmed=30)
    found = await failing.of(hurt, now)
    assert (len(found), found[0].request.status, events.asked) == (MOST, 500, 1)
    more = replace(view, units_harmed=31)
    assert await failing.of(more, now + EVERY / 2) == found
    assert events.asked == 1
    await failing.of(more, now + EVERY)
    assert events.asked == 2
    await failing.of(more, now + 9 * EVERY)
    assert events.asked == 2


async def test_a_store_that_is_slow_to_answer_is_asked_less_often(world: World) -> None:
    view, events = replace(await ramping(world), units_harmed=30), Counting()
    now, pace = world.now + 10, Pace(part=1.0)
    failing = Failing(events, pace)
    await failing.of(view, now)
    pace.ran(now, 60.0)
    more = replace(view, units_harmed=31)
    await failing.of(more, now + 2 * EVERY)
    assert events.asked == 1
    await failing.of(replace(more, name="another"), now + 2 * EVERY)  # of which nothing is known yet
    assert events.asked == 2
    await failing.of(more, now + 70.0)
    assert events.asked == 3


async def test_of_a_flag_exposures_since_the_start_say_whose_requests_failed(world: World) -> None:
    events, now = Counting(), world.now + 10
    view = await ramping(world)
    state = replace(view.state, started_at=now - 5)
    of_flag = replace(view, state=state, flag="checkout", candidate="on", baseline="off", units_harmed=2)
    for unit, at in (("u0", now - 3), ("u1", now - 9), ("u2", now)):
        events.track((Tracked(unit, "exposure", unit, at, (), view.name, "on"),))
    events.append("gw", "a", 0, failed(now - 1, 3))
    events.load()
    assert len(await Failing(events, Pace()).of(of_flag, now)) == 1
    asked = events.asked
    assert await Failing(events, Pace()).of(replace(of_flag, service=""), now) == ()
    assert events.asked == asked


async def test_a_rollout_that_nobody_was_hurt_by_shows_none(world: World) -> None:
    assert await world.desk.failures("shop-v2") == ()
    await ramping(world)
    view = await world.desk.rollout("shop-v2")
    assert bool(await world.desk.failures("shop-v2")) == bool(view.units_harmed)
