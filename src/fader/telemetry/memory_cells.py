"""A cell of the in-memory twin: its lines and events, and which of them belong to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

from fader.model.evidence import HealthEvidence, MetricEvidence
from fader.ports.events import Cell, Names
from fader.telemetry.line import Line
from fader.telemetry.memory_units import Counting, Event, Pair, past_of, within
from fader.telemetry.tracked import EXPOSURE, TrackedRow


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
        everything = OpenCell(replace(self.cell, arms=()), self.lines, self.tracked)
        met = {line.u or "" for line in everything.within() if line.v in self.elsewhere}
        for event in self.tracked:
            if event.name == EXPOSURE and event.r == self.cell.rollout and event.v in self.elsewhere:
                met |= {event.u} if within(self.cell, event.t) else set()
        return met


def units_of(what: list[tuple[float, str, bool]], arm: bool) -> int:
    return len({unit for _, unit, a in what if a is arm})


def before(known: OpenCell, counting: Counting, start: float) -> dict[str, Pair]:
    """p and q of each unit from what it did before the attempt, both arms and neither."""
    cell = known.cell
    if not cell.past:
        return {}
    events: dict[str, list[Event]] = defaultdict(list)
    for line in known.lines:
        good = line.s == cell.service and line.why in ("rollout", "none") and line.u and line.p is not None
        if good and cell.past <= line.at < start:
            events[line.u or ""].append(line)
    for event in known.tracked:
        if event.name != EXPOSURE and cell.past <= event.t < start:
            events[event.u].append(event)
    return {unit: past_of(counting, kept) for unit, kept in events.items()}


def forgotten_of(known: OpenCell, metric: int, arm: bool) -> Counter[int]:
    return Counter({b: n for (i, a, b), n in known.forgotten.items() if (i, a) == (metric, arm)})
