"""A cell of the in-memory twin: its lines and events, and which of them belong to it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fader.model.evidence import HealthEvidence, MetricEvidence
from fader.ports.events import Cell, Exposure, Names
from fader.telemetry.given import NO_EVIDENCE
from fader.telemetry.line import Line
from fader.telemetry.memory_requests import bins, counting_of
from fader.telemetry.memory_units import Counting, Event, Exposed, Pair, exposures, is_outcome, past_of, within
from fader.telemetry.tracked import ERROR, EXPOSURE, TrackedRow


@dataclass
class Attempt:
    cell: Cell
    lines: list[Line]
    sealed: Exposure | None = None


@dataclass
class OpenCell:
    """`forgotten`: the durations of forgotten units, by metric, arm and bin: they name nobody and stay."""

    cell: Cell
    lines: list[Line]
    tracked: list[TrackedRow]
    forgotten: Counter[tuple[int, bool, int]] = field(default_factory=Counter)
    sealed: tuple[tuple[MetricEvidence, ...], HealthEvidence, Names] | None = None

    def within(self) -> list[Line]:
        cell = self.cell
        if cell.draw is not None:
            return [line for line in everybody(self.lines) if within(cell, line.at)]
        if cell.flag:
            return [line for line in visits(cell.service, self.lines) if within(cell, line.at)]
        return [
            line
            for line in self.lines
            if line.s == cell.service
            and line.why == "rollout"
            and line.u
            and line.v
            and line.v not in self.elsewhere
            and line.at >= cell.since
            and (not cell.until or line.at < cell.until)
        ]

    @property
    def elsewhere(self) -> set[str]:
        """The versions of arms that the cell does not compare."""
        return {arm.version for arm in self.cell.arms}

    def away(self) -> set[str]:
        """Units that were in one of those."""
        if not self.cell.arms:
            return set()
        everything = OpenCell(replace(self.cell, arms=()), self.lines, self.tracked)
        lines = () if self.cell.flag else everything.within()
        met = {line.u or "" for line in lines if line.v in self.elsewhere}
        for event in self.tracked:
            if event.name == EXPOSURE and event.r == self.cell.rollout and event.v in self.elsewhere:
                met |= {event.u} if within(self.cell, event.t) else set()
        return met


def visits(service: str, lines: Iterable[Line]) -> list[Line]:
    """Requests of the sample as what units do, whichever version they were for."""
    mine = [line for line in lines if line.s == service and line.why and line.why not in NO_EVIDENCE]
    return [line for line in mine if line.u and line.p is not None]


def everybody(lines: Iterable[Line]) -> list[Line]:
    """Requests of the sample, of all services, of those too whom no rollout reached."""
    mine = [line for line in lines if line.why in ("rollout", "none", "outside", "withdrawn")]
    return [line for line in mine if line.u and line.p is not None]


def arms_of(cell: Cell, line: Line, exposed: Mapping[tuple[str, bool], Exposed]) -> list[bool]:
    """The arms that a request counts in."""
    if not cell.flag:
        return [line.v == cell.candidate]
    unit = line.u or ""
    return [arm for arm in (True, False) if (unit, arm) in exposed and line.at >= exposed[unit, arm].first]


def exposed_to_flag(
    cell: Cell, lines: Iterable[Line], tracked: Sequence[TrackedRow], units: set[str | None] | None
) -> Exposure:
    """Of a whole attempt, and of these units alone, None for all; hurt is who met an error afterwards."""
    gave = [e for e in tracked if e.v == cell.candidate and (units is None or e.u in units)]
    first = {unit: what.first for (unit, _), what in exposures(cell, (), gave).items()}
    bad = [(e.u, e.t) for e in tracked if e.name == ERROR]
    bad += [(x.u or "", x.at) for x in lines if x.s == cell.service and x.status >= 500 and x.u]
    hurt = {unit for unit, at in bad if first.get(unit, math.inf) <= at and within(cell, at)}
    return Exposure(len(first), len(hurt), min(first.values(), default=0.0))


def units_of(what: list[tuple[float, str, bool]], arm: bool) -> int:
    return len({unit for _, unit, a in what if a is arm})


def before(known: OpenCell, counting: Counting, start: float) -> dict[str, Pair]:
    """p and q of each unit from what it did before the attempt, both arms and neither."""
    cell = known.cell
    if not cell.past:
        return {}
    events: dict[str, list[Event]] = defaultdict(list)
    for line in visits(cell.service, known.lines) if cell.draw is None else everybody(known.lines):
        if cell.past <= line.at < start:
            events[line.u or ""].append(line)
    for event in known.tracked:
        if event.name != EXPOSURE and cell.past <= event.t < start:
            events[event.u].append(event)
    return {unit: past_of(counting, kept) for unit, kept in events.items()}


def events_of(known: OpenCell) -> dict[str, list[Event]]:
    """What each unit did in the cell's time, before its exposure and after."""
    events: dict[str, list[Event]] = defaultdict(list)
    for line in known.within():
        events[line.u or ""].append(line)
    for event in known.tracked:
        if within(known.cell, event.t) and event.name != EXPOSURE:
            events[event.u].append(event)
    return events


def values_of(known: OpenCell, i: int, arm: bool, unit: str = "") -> Counter[int]:
    """The values of the `i`-th metric, where it is a quantile, in log bins: of one unit or, "", of all. A unit that met
    both arms has its values in each: requests as they came, what it did from its exposure to that arm on."""
    metric, cell = known.cell.metrics[i], known.cell
    if metric.metric.kind != "quantile":
        return Counter()
    lines = [line for line in known.within() if unit in ("", line.u)]
    if cell.by_request and not is_outcome(metric.metric):
        return bins(metric.metric, [line for line in lines if (line.v == cell.candidate) is arm])
    found: Counter[int] = Counter()
    counting, events = counting_of(metric, ""), events_of(known)
    tracked = [event for event in known.tracked if unit in ("", event.u)]
    for what in exposures(cell, lines, tracked).values():
        if what.inside and what.arm is arm:
            found.update(counting.bins(events[what.unit], what.first))
    return found


def forgotten_of(known: OpenCell, metric: int, arm: bool) -> Counter[int]:
    return Counter({b: n for (i, a, b), n in known.forgotten.items() if (i, a) == (metric, arm)})
