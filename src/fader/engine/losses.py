"""Did the log deliver what Envoy counted? A check of the data, never a test of a version."""

from __future__ import annotations

import asyncio

from fader.engine.counts import Counts
from fader.engine.fleet import Fleet
from fader.ports.events import EventStore

#: Seconds between checks.
EVERY = 5.0


class Losses:
    def __init__(self, events: EventStore, fleet: Fleet) -> None:
        self._events = events
        self._all, self._judged = Counts(fleet), Counts(fleet, lambda count: count.reason == "rollout")
        self._lost: dict[str, int] = {}
        self._weight: dict[str, tuple[float, int]] = {}
        self._checked: dict[str, float] = {}

    async def lost(self, service: str, now: float) -> int:
        """Requests of the last minute that Envoy had counted some seconds ago and the store does not hold.

        Requests that ended since then hide as many lost ones, so this is a lower bound. Only for a service whose
        units are all logged.
        """
        if self._due(service, now):
            span = self._all.span(service, now)
            if span is None:
                return 0
            held = await asyncio.to_thread(self._events.counted, service, span.since, now)
            self._lost[service] = max(0, span.requests - held)
        return self._lost.get(service, 0)

    async def weight(self, service: str, now: float) -> tuple[float, int]:
        """Estimated per counted request of the last minute, and the sampled units that the estimate rests on; (1, 0)
        where nothing can be said. Only for a service of which a sample is logged."""
        if self._due(service, now):
            span = self._judged.span(service, now)
            if span is None or span.requests <= 0:
                return 1.0, 0
            found = await asyncio.to_thread(self._events.weighed, service, span.since, span.until)
            self._weight[service] = found.requests / span.requests, found.units
        return self._weight.get(service, (1.0, 0))

    def _due(self, service: str, now: float) -> bool:
        if now - self._checked.get(service, 0.0) < EVERY:
            return False
        self._checked[service] = now
        return True
