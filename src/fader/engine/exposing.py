"""Exposures to flags that the server itself evaluates, by OFREP: told to the event store a second later, in one go."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import structlog

from fader.assign.exposed import Exposed
from fader.clock import Clock
from fader.engine.turns import flushes
from fader.errors import Unavailable
from fader.model.evaluation import Evaluation
from fader.model.flag import Flag
from fader.ports.events import EventStore, Tracked

EVERY = 1.0
#: Exposures that wait for a store that takes none; further ones are dropped, and their units told when they ask again.
MOST = 100_000

log = structlog.get_logger("fader.exposures")


class Exposing:
    def __init__(self, events: EventStore, clock: Clock) -> None:
        self._events, self._clock = events, clock
        self._exposed = Exposed()
        self._waiting: list[Tracked] = []

    def follow(self, flags: tuple[Flag, ...]) -> None:
        """The flags now in force."""
        self._exposed.follow(flags, self._clock())

    def tell(self, answer: Evaluation, unit: str) -> None:
        """`unit` was given this answer of a rollout, to use it."""
        now = self._clock()
        if len(self._waiting) < MOST and self._exposed.new(answer, unit, now):
            event = Tracked(uuid4().hex, "exposure", unit, now, (), answer.rollout, answer.variant, now)
            self._waiting.append(event)

    async def run(self) -> None:
        """Until cancelled, and then once more."""
        await flushes(self.flush, EVERY)

    async def flush(self) -> None:
        """What waits; it goes on waiting where the store cannot take it."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            await asyncio.to_thread(self._events.track, tuple(waiting))
        except Unavailable as error:
            self._waiting = waiting + self._waiting
            log.error("exposures cannot be kept yet", waiting=len(self._waiting), why=str(error))
