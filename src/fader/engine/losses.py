"""Did the log deliver every request that Envoy counted? A check of the data, never a test of a version."""

from __future__ import annotations

import asyncio
from collections import deque

from fader.engine.fleet import Fleet
from fader.ports.events import EventStore

#: A line that is not in the store this long after Envoy counted its request is late or lost. Seconds.
PATIENCE = 10.0
#: How far back a check reaches, so that its cost does not grow with age. Seconds.
REACH = 60.0
#: Seconds between checks.
EVERY = 5.0


class Losses:
    def __init__(self, events: EventStore, fleet: Fleet) -> None:
        self._events, self._fleet = events, fleet
        self._counted: dict[tuple[str, float], deque[tuple[float, int]]] = {}
        self._lost: dict[str, int] = {}
        self._checked: dict[str, float] = {}

    async def lost(self, service: str, now: float) -> int:
        """Requests of the last minute that Envoy had counted `PATIENCE` seconds ago and the store does not hold.

        Requests that ended since then hide as many lost ones, so this is a lower bound. Only for a service whose
        units are all logged.
        """
        if now - self._checked.get(service, 0.0) < EVERY:
            return self._lost.get(service, 0)
        self._checked[service] = now
        reports = self._fleet.reports()
        if len(reports) != 1 or not reports[0].envoy_started_at:
            return 0  # with several gateways the store would have to tell their lines apart
        counts = self._counted.setdefault((service, reports[0].envoy_started_at), deque())
        counts.append((now, sum(c.requests for c in reports[0].counts if c.service == service)))
        while counts[0][0] < now - REACH:
            counts.popleft()
        ripe = [n for at, n in counts if at <= now - PATIENCE]
        if len(ripe) < 2:
            return 0
        first_at, first = counts[0]
        held = await asyncio.to_thread(self._events.counted, service, first_at, now)
        self._lost[service] = max(0, ripe[-1] - first - held)
        return self._lost[service]
