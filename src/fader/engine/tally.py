"""Evaluations of flags, counted by day: what SDKs say, and what the server evaluates itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import structlog

from fader.clock import Clock
from fader.engine.turns import flushes
from fader.model.usage import Usage, day_of
from fader.ports.states import StateStore

#: Seconds from one writing to the next.
EVERY = 10.0
#: Deliveries by their id, remembered so that one that comes again counts once.
REMEMBERED = 10_000

log = structlog.get_logger("fader.tally")


class Tally:
    """What was counted since the last writing is lost with the process."""

    def __init__(self, states: StateStore, clock: Clock) -> None:
        self._states, self._clock = states, clock
        self._counts: dict[tuple[str, str], int] = {}
        self._known: dict[str, None] = {}
        self._order: deque[str] = deque()

    def add(self, flag: str, variant: str, count: int = 1) -> None:
        key = flag, variant
        self._counts[key] = self._counts.get(key, 0) + count

    def take(self, delivery: str, counts: Mapping[tuple[str, str], int]) -> None:
        """What an SDK counted. A delivery that was taken already counts for nothing."""
        if delivery in self._known:
            return
        self._known[delivery] = None
        self._order.append(delivery)
        if len(self._order) > REMEMBERED:
            del self._known[self._order.popleft()]
        for (flag, variant), count in counts.items():
            self.add(flag, variant, count)

    async def run(self) -> None:
        """Until cancelled, and then once more."""
        await flushes(self.flush, EVERY)

    async def flush(self) -> None:
        """Write what was counted, under the day of now. Never raises: what cannot be written waits."""
        counts, self._counts = self._counts, {}
        day = day_of(self._clock())
        usage = tuple(Usage(flag, variant, day, count) for (flag, variant), count in counts.items())
        try:
            await asyncio.to_thread(self._states.add_usage, usage)
        except Exception as error:
            log.error("evaluations cannot be kept yet", why=str(error))
            for (flag, variant), count in counts.items():
                self.add(flag, variant, count)
