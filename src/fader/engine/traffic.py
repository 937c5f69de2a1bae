"""What each version answered over the last hour, from the differences of the gateways' exact counters.

In memory only: after a restart of the server it begins anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from fader.model.report import GatewayReport
from fader.model.traffic import Slot, VersionTraffic

#: The grain of time in which it is kept, and how much of it; seconds.
SLOT = 10.0
KEPT = 3600.0
#: Two reports further apart say how much, not when: what lies between is unknown. Seconds.
GAP = 10.0


@dataclass(slots=True)
class Count:
    requests: int = 0
    errors: int = 0
    bins: Counter[float] = field(default_factory=Counter)


Counts = dict[tuple[str, str], Count]


@dataclass(frozen=True, slots=True)
class Heard:
    at: float
    envoy_started_at: float
    counts: Counts


@dataclass(slots=True)
class Span:
    """`covered`: gateway → seconds of this span that its reports speak of. `slots`: made once, when it is over."""

    at: float
    covered: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counts = field(default_factory=lambda: defaultdict(Count))
    slots: dict[tuple[str, str], Slot] = field(default_factory=dict)


class Traffic:
    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}
        self._spans: deque[Span] = deque()

    def take(self, report: GatewayReport, now: float) -> None:
        """The first report of an Envoy is only what its next one is compared with, and so is one after a gap."""
        last = self._heard.get(report.gateway)
        new = Heard(now, report.envoy_started_at, counted(report))
        self._heard[report.gateway] = new
        if not last or last.envoy_started_at != new.envoy_started_at or not (last.counts and new.counts):
            return
        if not 0.0 < now - last.at <= GAP:
            return
        span = self._span(now)
        span.covered[report.gateway] += now - last.at
        for key, count in new.counts.items():
            before, to = last.counts.get(key, Count()), span.counts[key]
            to.requests += max(0, count.requests - before.requests)
            to.errors += max(0, count.errors - before.errors)
            for bound, number in count.bins.items():
                to.bins[bound] += max(0, number - before.bins[bound])

    def _span(self, now: float) -> Span:
        at = now - now % SLOT
        if not self._spans or self._spans[-1].at < at:
            self._spans.append(Span(at))
        while self._spans[0].at <= at - KEPT:
            self._spans.popleft()
        return self._spans[-1]

    def of(self, service: str, versions: tuple[str, ...], since: float = 0.0) -> tuple[VersionTraffic, ...]:
        """One per version, in this order; a version without requests has slots of zeros. `since`: what ended before
        is left out."""
        spans = [span for span in self._spans if span.at + SLOT > since]
        return tuple(self._version((service, version), spans) for version in versions)

    def _version(self, key: tuple[str, str], spans: list[Span]) -> VersionTraffic:
        slots = tuple(self._slot(span, key) for span in spans)
        sums = [heard.counts.get(key, Count()) for heard in self._heard.values()]
        return VersionTraffic(key[1], slots, sum(c.requests for c in sums), sum(c.errors for c in sums))

    def _slot(self, span: Span, key: tuple[str, str]) -> Slot:
        if key in span.slots:
            return span.slots[key]
        count = span.counts.get(key, Count())
        bins = tuple(sorted(count.bins.items()))
        slot = Slot(span.at, max(span.covered.values()), count.requests, count.errors, bins)
        if span is not self._spans[-1]:
            span.slots[key] = slot
        return slot


def counted(report: GatewayReport) -> Counts:
    """By service and version, whatever the reason of the assignment."""
    found: Counts = defaultdict(Count)
    for c in report.counts:
        count = found[c.service, c.version]
        count.requests += c.requests
        count.errors += c.errors
        count.bins.update(dict(c.latency_bins))
    return dict(found)
