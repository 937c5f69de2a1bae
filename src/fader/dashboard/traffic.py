"""What the pictures of a service show: requests over time, and how long they took, as columns of one hour. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fader.model.traffic import Slot, VersionTraffic

COLUMNS = 60
#: Seconds per column; the finest that shows all there is.
GRAINS = (10.0, 30.0, 60.0)
#: How many steps of darkness a heat map has.
LEVELS = 6
#: A heat map's axis has so many labels, evenly apart, and one more.
LABELS = 4
#: The upper bound of the last bin is at least this, and means no bound; ms.
ENDLESS = 1e8
#: "Now" in a table is the last so many seconds.
RECENT = 60.0


@dataclass(frozen=True, slots=True)
class Column:
    """`index` counts from the left edge of the picture; columns that no report covers are absent."""

    index: int
    at: float
    seconds: float
    requests: int
    errors: int
    bins: tuple[tuple[float, int], ...]

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Frame:
    """The time that all pictures of a page show: `COLUMNS` columns of `grain` seconds from `since` on."""

    since: float
    grain: float

    @property
    def until(self) -> float:
        return self.since + COLUMNS * self.grain


def frame(traffic: Sequence[VersionTraffic], now: float) -> Frame:
    first = min((t.slots[0].at for t in traffic if t.slots), default=now)
    grain = next((g for g in GRAINS if now - first < (COLUMNS - 1) * g), GRAINS[-1])
    last = now - now % grain
    return Frame(last - (COLUMNS - 1) * grain, grain)


def columns(traffic: VersionTraffic, shown: Frame) -> tuple[Column, ...]:
    found: dict[int, list[Slot]] = {}
    for slot in traffic.slots:
        index = math.floor((slot.at - shown.since) / shown.grain)
        if 0 <= index < COLUMNS:
            found.setdefault(index, []).append(slot)
    return tuple(_column(index, shown.since + index * shown.grain, slots) for index, slots in sorted(found.items()))


def _column(index: int, at: float, slots: Sequence[Slot]) -> Column:
    return Column(
        index=index,
        at=at,
        seconds=sum(s.seconds for s in slots),
        requests=sum(s.requests for s in slots),
        errors=sum(s.errors for s in slots),
        bins=added(*(s.latency_bins for s in slots)),
    )


def added(*bins: Sequence[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    total: dict[float, int] = {}
    for each in bins:
        for bound, count in each:
            total[bound] = total.get(bound, 0) + count
    return tuple(sorted(total.items()))


def recent(traffic: VersionTraffic, now: float) -> Column | None:
    """The last minute as one column; None where no report covers any of it."""
    slots = [s for s in traffic.slots if s.at > now - RECENT - 10.0]
    return _column(0, slots[0].at, slots) if slots else None


def quantile(bins: Sequence[tuple[float, int]], q: float) -> float | None:
    """The q-quantile in ms, interpolated inside its bin; the last bin is open, its lower bound is said. None: empty."""
    total = sum(count for _, count in bins)
    if not total:
        return None
    below, lower = 0, 0.0
    for bound, count in bins:
        if count and below + count >= q * total:
            return lower if bound >= ENDLESS else lower + (bound - lower) * (q * total - below) / count
        below, lower = below + count, bound
    return lower


@dataclass(frozen=True, slots=True)
class Line:
    """`path`: steps in a box of `COLUMNS` by 100, broken where nothing is known. `arm`: cand, base or other."""

    version: str
    arm: str
    path: str


def lines(shown: Mapping[str, Sequence[Column]], arms: Mapping[str, str]) -> tuple[float, tuple[Line, ...]]:
    """The upper end of the axis in requests per second, and one line per version."""
    top = nice(max((c.rate for many in shown.values() for c in many), default=0.0))
    return top, tuple(
        Line(v, arms[v], steps([(c.index, 100 - 100 * c.rate / top) for c in many])) for v, many in shown.items()
    )


def steps(points: Sequence[tuple[int, float]]) -> str:
    path, last = "", -2
    for index, y in points:
        path += f"{'L' if index == last + 1 else 'M'}{index} {y:.1f}h1"
        last = index
    return path


def nice(x: float) -> float:
    """The least of 1, 2, 5 · 10ⁿ that is not below x; 1 for nothing."""
    if x <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(x))
    return next(m * power for m in (1, 2, 5, 10) if x <= m * power * (1 + 1e-9))


@dataclass(frozen=True, slots=True)
class Heat:
    """How long a version's requests took, over time: `paths[i]` are the cells of darkness i + 1, in a box of
    `COLUMNS` by `rows`. A cell is as dark as its part of the column's requests is large. `labels`: bounds in ms from
    the top down, evenly apart."""

    version: str
    arm: str
    rows: int
    paths: tuple[str, ...]
    labels: tuple[float, ...]


def heats(shown: Mapping[str, Sequence[Column]], arms: Mapping[str, str]) -> tuple[Heat, ...]:
    """Those of the versions that had requests, all on one axis so that they can be compared."""
    bounds = sorted({bound for many in shown.values() for c in many for bound, _ in c.bins})
    used = {bounds.index(bound) for many in shown.values() for c in many for bound, count in c.bins if count}
    if not used:
        return ()
    lowest = min(used)
    rows = math.ceil((max(used) - lowest + 1) / LABELS) * LABELS
    first = max(0, min(lowest, len(bounds) - rows))
    place = {bound: rows - 1 - (i - first) for i, bound in enumerate(bounds)}
    edges = [0.0, *bounds]
    labels = tuple(edges[min(first + rows - i * (rows // LABELS), len(edges) - 1)] for i in range(LABELS + 1))
    return tuple(
        Heat(version, arms[version], rows, _cells(many, place), labels)
        for version, many in shown.items()
        if any(count for c in many for _, count in c.bins)
    )


def _cells(shown: Sequence[Column], place: Mapping[float, int]) -> tuple[str, ...]:
    paths = [""] * LEVELS
    for column in shown:
        total = sum(count for _, count in column.bins)
        for bound, count in column.bins:
            if count:
                paths[level(count / total) - 1] += f"M{column.index} {place[bound]}h1v1h-1z"
    return tuple(paths)


def level(part: float) -> int:
    """1 to `LEVELS`: by the square root, so that a slow tail of one per cent can be seen."""
    return max(1, min(LEVELS, math.ceil(LEVELS * math.sqrt(part))))
