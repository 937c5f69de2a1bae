"""What units did, counted the plain way: each unit's events one by one, from its first exposure on."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from fader.model.metric import REQUEST, Comparison, Metric, Selection
from fader.model.share import Draw
from fader.model.summary import GAMMA, ArmSummary
from fader.ports.events import Cell, CellMetric
from fader.telemetry.line import Line, drawn_logged
from fader.telemetry.tracked import ERROR, EXPOSURE, TrackedRow

Event = Line | TrackedRow
Holds = Callable[[Iterable[Comparison], Line], bool]


@dataclass(frozen=True)
class Exposed:
    """One unit in one arm: its first exposure, and whether it is in the sample."""

    unit: str
    arm: bool
    first: float
    inside: bool


def exposures(cell: Cell, lines: Iterable[Line], tracked: Iterable[TrackedRow]) -> dict[tuple[str, bool], Exposed]:
    """By unit and arm. `lines` are those of the cell, which expose nobody to a flag; of tracked events only exposures
    of its rollout in its time."""
    if cell.draw is not None:
        return arrivals(cell, cell.draw, lines, tracked)
    found: dict[tuple[str, bool], Exposed] = {}
    met = [(line.u or "", line.v == cell.candidate, line.at, line.p is not None) for line in lines if not cell.flag]
    for event in tracked:
        if event.name == EXPOSURE and event.r == cell.rollout and within(cell, event.t):
            if any(event.v == arm.version for arm in cell.arms):
                continue
            met.append((event.u, event.v == cell.candidate, event.t, True))
    for unit, arm, at, inside in met:
        before = found.get((unit, arm), Exposed(unit, arm, math.inf, False))
        found[unit, arm] = Exposed(unit, arm, min(at, before.first), inside or before.inside)
    return found


def arrivals(
    cell: Cell, draw: Draw, lines: Iterable[Line], tracked: Iterable[TrackedRow]
) -> dict[tuple[str, bool], Exposed]:
    """Of a holdout: each unit in the arm that its hash says, from what it did first that no rollout can cause."""
    holds, first = drawn_logged(draw), dict[str, float]()
    came = [(line.u or "", line.at) for line in lines]
    came += [(e.u, e.t) for e in tracked if e.name not in (EXPOSURE, ERROR) and within(cell, e.t)]
    for unit, at in came:
        first[unit] = min(at, first.get(unit, math.inf))
    return {(u, arm): Exposed(u, arm, at, True) for u, at in first.items() for arm in [not holds(u)]}


def within(cell: Cell, at: float) -> bool:
    return at >= cell.since and (not cell.until or at < cell.until)


def occurred(event: Event) -> float:
    return event.at if isinstance(event, Line) else event.t


def property_of(event: TrackedRow, name: str, number: bool) -> float | str | None:
    return event.numbers.get(name) if number else (event.texts.get(name) or None)


@dataclass
class Counting:
    """How a metric is counted. `holds` and `value` are those of requests; `deflected` says whether a request that
    another version answered is one of the candidate's failures."""

    metric: CellMetric
    holds: Callable[[Iterable[Comparison], Line], bool]
    compare: Callable[[Comparison, Any], bool]
    value: Callable[[str, Line], float | None]
    candidate: str = ""

    def chosen(self, selection: Selection, event: Event) -> Fraction | None:
        """What the event adds, None when it is not selected."""
        if isinstance(event, Line) != (selection.event == REQUEST):
            return None
        if isinstance(event, Line):
            good = self.holds(selection.where, event)
            if self.candidate and self.metric.metric.kind == "proportion" and event.v == self.candidate:
                away = event.status >= 500 if event.w is None else event.w != event.v
                good = good or away if self.metric.metric.better == "lower" else good and not away
            number = self.value(selection.value, event) if selection.value else 1.0
        else:
            good = event.name == selection.event and all(
                self.compare(c, property_of(event, c.field, not isinstance(c.value, str))) for c in selection.where
            )
            number = event.numbers.get(selection.value) if selection.value else 1.0
        if not good or number is None:
            return None
        return Fraction(math.floor(max(min(number, 1e8), -1e8) * 1_000_000 + 0.5), 1_000_000)

    def unit(self, events: Iterable[Event], first: float) -> tuple[Fraction, Fraction, Fraction, float]:
        """(y, n, over, time of the first event) of one unit; y is not capped, n is 1 where it is not counted."""
        m = self.metric.metric
        y = n = over = Fraction(0)
        at = math.inf
        what = Selection(m.event, m.where, m.value if m.kind in ("mean", "ratio") else "")
        for event in events:
            t = occurred(event)
            if t < first + m.after or (m.window and t >= first + m.window):
                continue
            more = self.chosen(what, event)
            if m.kind == "quantile" and more is not None:
                number = self.number(event)
                if number is None:
                    continue
                n += 1
                over += number > self.metric.margin_threshold
                more = Fraction(1) if number > self.metric.threshold else None
            if more is not None:
                y, at = y + more, min(at, t)
            if m.kind == "proportion" and self.named(event):
                n += 1
            if m.kind == "ratio" and m.per is not None:
                n += replace(self, metric=CellMetric(replace(m, kind="count"))).chosen(m.per, event) or 0
        return y, (n if self.own_n else Fraction(1)), over, at

    def number(self, event: Event) -> float | None:
        name = self.metric.metric.value
        return self.value(name, event) if isinstance(event, Line) else event.numbers.get(name)

    def bins(self, events: Iterable[Event], first: float) -> Counter[int]:
        """The values of a quantile that count, in log bins."""
        m = self.metric.metric
        found: Counter[int] = Counter()
        for event in events:
            t = occurred(event)
            number = self.number(event) if self.named(event) else None
            if t < first + m.after or (m.window and t >= first + m.window) or number is None:
                continue
            if self.chosen(Selection(m.event, m.where), event) is not None:
                found[math.ceil(math.log(max(number, 0.001)) / math.log(GAMMA))] += 1
        return found

    def named(self, event: Event) -> bool:
        name = self.metric.metric.event
        return name == (REQUEST if isinstance(event, Line) else event.name)

    @property
    def own_n(self) -> bool:
        m = self.metric.metric
        return m.kind in ("ratio", "quantile") or (m.kind == "proportion" and m.of == "requests")

    @property
    def cap(self) -> float:
        m = self.metric.metric
        if m.kind == "retention" or (m.kind == "proportion" and m.of == "units"):
            return 1
        if m.kind == "proportion":
            return m.cap or 5
        return (m.cap or math.inf) if m.kind != "quantile" else math.inf


Pair = tuple[Fraction, Fraction]
NOTHING: Pair = (Fraction(0), Fraction(0))


@dataclass
class Counted:
    """The units that count, by arm: (y, n, over, p and q). `slots`: first-event units by minute, by arm."""

    kept: dict[bool, list[tuple[Fraction, Fraction, Fraction, Pair]]]
    first: Counter[bool]
    failures: dict[bool, Fraction]
    slots: dict[int, tuple[int, int]]

    def summary(self, arm: bool, rate: Fraction | None) -> ArmSummary:
        return summed(self.kept[arm], rate, self.first[arm], self.failures[arm])


def counted_of(
    counting: Counting,
    cell: Cell,
    exposed: dict[tuple[str, bool], Exposed],
    events: dict[str, list[Event]],
    ripe: float,
    past: dict[str, Pair],
    away: set[str],
) -> Counted:
    """`past`: p and q of a unit before the attempt; `away`: units that were in an arm that is not compared."""
    m = counting.metric.metric
    kept: dict[bool, list[tuple[Fraction, Fraction, Fraction, Pair]]] = {True: [], False: []}
    first: Counter[bool] = Counter()
    failures: dict[bool, Fraction] = {True: Fraction(0), False: Fraction(0)}
    minutes: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for (unit, arm), what in exposed.items():
        if (unit, not arm) in exposed or unit in away:
            continue
        if m.kind == "retention" and (math.floor(what.first / 300) + 1) * 300 + m.window > ripe:
            continue
        y, n, over, at = counting.unit(events.get(unit, ()), what.first)
        if what.inside or m.event == REQUEST:
            failures[arm] += y
            if at < math.inf:
                first[arm] += 1
                minutes[math.floor((at - cell.since) / 60)][not arm] += 1
        if what.inside and (not counting.own_n or y or n):
            kept[arm].append((capped(y, counting.cap), n, over, past.get(unit, (Fraction(0), Fraction(0)))))
    slots = {minute: (c, b) for minute, (c, b) in minutes.items()} if m.kind != "retention" else {}
    return Counted(kept, first, failures, slots)


def capped(y: Fraction, cap: float) -> Fraction:
    return y if math.isinf(cap) else min(y, Fraction(cap).limit_denominator(1_000_000))


def rate_of(pairs: Iterable[Pair]) -> Fraction | None:
    kept = list(pairs)
    p, q = sum((p for p, _ in kept), Fraction(0)), sum((q for _, q in kept), Fraction(0))
    return p / q if q else None


def summed(
    units: list[tuple[Fraction, Fraction, Fraction, Pair]], rate: Fraction | None, first: int, failures: Fraction
) -> ArmSummary:
    def total(of: Callable[[Fraction, Fraction, Fraction, Fraction], Fraction]) -> float:
        return float(sum((of(y, n, o, x(pair)) for y, n, o, pair in units), Fraction(0)))

    def x(pair: Pair) -> Fraction:
        return Fraction(0) if rate is None else pair[0] - rate * pair[1]

    return ArmSummary(
        len(units),
        total(lambda y, n, o, x: n),
        total(lambda y, n, o, x: y),
        total(lambda y, n, o, x: y * y),
        total(lambda y, n, o, x: y * n),
        total(lambda y, n, o, x: n * n),
        first,
        float(failures),
        total(lambda y, n, o, x: o),
        total(lambda y, n, o, x: o * o),
        total(lambda y, n, o, x: o * n),
        total(lambda y, n, o, x: x),
        total(lambda y, n, o, x: x * x),
        total(lambda y, n, o, x: x * y),
        total(lambda y, n, o, x: x * n),
    )


def past_of(counting: Counting, events: Iterable[Event]) -> Pair:
    """p and q of one unit from its events of another time: all of them, without exposures or a window."""
    kept = list(events)
    plain = replace(counting, candidate="")
    m = replace(plain.metric.metric, window=0.0, after=0.0)
    y, n, _, _ = replace(plain, metric=replace(plain.metric, metric=m)).unit(kept, -math.inf)
    return capped(y, counting.cap), (n if counting.own_n else Fraction(int(bool(kept))))


def is_outcome(metric: Metric) -> bool:
    """Whether it is of what units do from their first exposure on, and not of requests as they come."""
    requests = metric.kind == "quantile" or (metric.kind == "proportion" and metric.of == "requests")
    return not (metric.event == REQUEST and requests and not metric.window and not metric.after)
