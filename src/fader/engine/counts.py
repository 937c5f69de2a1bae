"""What a gateway has counted of a service lately: two moments apart, both long enough ago for the lines to be here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fader.engine.fleet import Fleet
from fader.model.report import VersionCount

#: A line that is not in the store this long after Envoy counted its request is late or lost. Seconds.
PATIENCE = 10.0
#: How far back a check reaches, so that its cost does not grow with age. Seconds.
REACH = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """`requests` were counted between the moments `since` and `until`."""

    since: float
    until: float
    requests: int


class Counts:
    def __init__(self, fleet: Fleet, which: Callable[[VersionCount], bool] = lambda count: True) -> None:
        """`which`: the counts that are meant, among those of the service."""
        self._fleet, self._which = fleet, which
        self._counted: dict[tuple[str, float], deque[tuple[float, int]]] = {}

    def span(self, service: str, now: float) -> Span | None:
        """None while there are no two moments, and with several gateways: the store would have to tell their lines
        apart."""
        reports = self._fleet.reports()
        if len(reports) != 1 or not reports[0].envoy_started_at:
            return None
        counts = self._counted.setdefault((service, reports[0].envoy_started_at), deque())
        counts.append((now, sum(c.requests for c in reports[0].counts if c.service == service and self._which(c))))
        while counts[0][0] < now - REACH:
            counts.popleft()
        ripe = [(at, n) for at, n in counts if at <= now - PATIENCE]
        if len(ripe) < 2:
            return None
        (since, first), (until, last) = ripe[0], ripe[-1]
        return Span(since, until, last - first)
