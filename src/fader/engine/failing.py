"""A look at what fails on a candidate: asked of the store when somebody was hurt anew, and not too often."""

from __future__ import annotations

import asyncio
from functools import partial

from fader.engine.pace import Pace, timed
from fader.model.failure import Failure
from fader.model.view import RolloutView
from fader.ports.events import EventStore

#: As many as are shown, and how far back they are looked for; seconds.
MOST, REACH = 12, 3600.0
#: The store is asked again at most this often; seconds.
EVERY = 10.0
#: Rollouts whose answer is kept.
KEPT = 100


class Failing:
    def __init__(self, events: EventStore, pace: Pace) -> None:
        self._events, self._pace = events, pace
        self._held: dict[str, tuple[float, tuple[int, int], tuple[Failure, ...]]] = {}

    async def of(self, view: RolloutView, now: float) -> tuple[Failure, ...]:
        """Latest first; () where nobody was hurt, and of a flag's rollout without a service. An ended rollout shows the
        last hour before its end."""
        hurt = view.state.attempt, view.units_harmed
        if not (view.units_harmed and view.service):
            return ()
        held = self._held.get(view.name)
        if held and (held[1] == hurt or now - held[0] < EVERY or not self._pace.free(now)):
            return held[2]
        until = view.state.ended_at + 1.0 if view.state.ended_at else now + 1.0
        since = max(view.state.started_at, until - REACH)
        rollout = view.name if view.flag else ""
        ask = partial(
            self._events.failures,
            view.service,
            view.candidate,
            view.baseline,
            since,
            until,
            MOST,
            rollout,
            view.state.started_at,
        )
        found, cpu = await asyncio.to_thread(timed, ask)
        self._pace.ran(now, cpu)
        self._held.pop(view.name, None)
        while len(self._held) >= KEPT:
            del self._held[next(iter(self._held))]
        self._held[view.name] = now, hurt, found
        return found
