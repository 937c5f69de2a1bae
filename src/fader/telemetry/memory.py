"""The in-memory twin of the event store: every answer is counted from the lines themselves, the plain way."""

from __future__ import annotations

import math
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from fader.model.evidence import LearningEvidence, MetricEvidence
from fader.model.metric import Comparison, Metric
from fader.model.summary import GAMMA, ArmSummary, Histogram
from fader.ports.events import Cell, CellMetric, Exposure
from fader.telemetry.line import Line, read
from fader.telemetry.line import name as logged_name
from fader.telemetry.spool import Segment, check, unheld
from fader.telemetry.terms import terms

CAP = 5
SLOT = 300

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass
class OpenCell:
    """`forgotten`: the durations of forgotten units, by metric, arm and bin: they name nobody and stay."""

    cell: Cell
    lines: list[Line]
    forgotten: Counter[tuple[int, bool, int]] = field(default_factory=Counter)
    sealed: tuple[MetricEvidence, ...] | None = None

    def within(self) -> list[Line]:
        cell = self.cell
        return [
            line
            for line in self.lines
            if line.s == cell.service
            and line.why == "rollout"
            and line.u
            and line.v
            and line.at >= cell.since
            and (not cell.until or line.at < cell.until)
        ]


@dataclass
class Attempt:
    cell: Cell
    lines: list[Line]
    sealed: Exposure | None = None


class MemoryEventStore:
    """An EventStore for tests and for trying things out. Nothing outlives it."""

    def __init__(self) -> None:
        self._held: dict[Segment, int] = {}
        self._waiting: list[bytes] = []
        self._lines: list[Line] = []
        self._cells: dict[tuple[str, int, int], OpenCell] = {}
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._broken = 0

    def append(self, gateway: str, segment: str, offset: int, lines: bytes) -> int:
        check(gateway, segment, offset)
        held = self._held.get((gateway, segment), 0)
        fresh = unheld(held, offset, lines)
        if fresh:
            self._waiting.append(fresh)
            self._held[gateway, segment] = held + len(fresh)
        return held + len(fresh)

    def load(self) -> int:
        count = 0
        for data in self._waiting:
            lines, broken = read(data)
            self._broken += broken
            count += len(lines)
            self._lines += lines
            for cell in self._cells.values():
                cell.lines += lines
            for attempt in self._attempts.values():
                attempt.lines += lines
        self._waiting.clear()
        return count

    def broken(self) -> int:
        return self._broken

    def open_cell(self, cell: Cell) -> None:
        for i, cell_metric in enumerate(cell.metrics):
            terms(cell_metric, str(i))
        known = self._cells.get(cell.key)
        if known is None or (known.sealed is None and replace(known.cell, until=cell.until) != cell):
            self._cells[cell.key] = OpenCell(cell, list(self._lines))
        elif known.sealed is None:
            known.cell = cell
        self._open_attempt(cell)

    def evidence(self, rollout: str, attempt: int, stage: int) -> tuple[MetricEvidence, ...]:
        known = self._cells.get((rollout, attempt, stage))
        if known is None:
            return ()
        if known.sealed is not None:
            return known.sealed
        evidence = []
        for i, cell_metric in enumerate(known.cell.metrics):
            candidate = [line for line in known.within() if line.v == known.cell.candidate]
            baseline = [line for line in known.within() if line.v != known.cell.candidate]
            evidence.append(
                MetricEvidence(
                    cell_metric.metric.name,
                    summary(cell_metric, candidate, True),
                    summary(cell_metric, baseline, False),
                    histogram(_bins(cell_metric.metric, candidate) + _of(known.forgotten, i, True)),
                    histogram(_bins(cell_metric.metric, baseline) + _of(known.forgotten, i, False)),
                )
            )
        return tuple(evidence)

    def learning(
        self, service: str, version: str, metrics: tuple[Metric, ...], since: float
    ) -> tuple[LearningEvidence, ...]:
        begin = math.floor(since / SLOT) * SLOT
        served = [
            line
            for line in self._lines
            if line.s == service
            and line.v == version
            and line.w in (None, version)
            and line.why in ("rollout", "none")
            and line.u
            and line.p is not None
            and line.at >= begin
        ]
        evidence = []
        for metric in metrics:
            terms(CellMetric(metric), "m")
            lines = [line for line in served if selected(metric, line)]
            events = sum(holds(metric.where, line) for line in lines) if metric.kind == "proportion" else 0
            units = len({line.u for line in lines})
            evidence.append(
                LearningEvidence(metric.name, len(lines), units, float(events), histogram(_bins(metric, lines)))
            )
        return tuple(evidence)

    def exposure(self, rollout: str, attempt: int) -> Exposure:
        known = self._attempts.get((rollout, attempt))
        if known is None:
            return Exposure()
        if known.sealed is not None:
            return known.sealed
        later = [
            a.cell.since for a in self._attempts.values() if a.cell.rollout == rollout and a.cell.attempt > attempt
        ]
        met = [
            line
            for line in known.lines
            if line.s == known.cell.service
            and line.why == "rollout"
            and line.r == rollout
            and line.v == known.cell.candidate
            and line.u
            and known.cell.since <= line.at < min(later, default=math.inf)
        ]
        harmed = {line.u for line in met if line.status >= 500 or line.w not in (None, line.v)}
        return Exposure(len({line.u for line in met}), len(harmed), min((line.at for line in met), default=0.0))

    def counted(self, service: str, since: float, until: float) -> int:
        return sum(line.s == service and since <= line.at < until for line in self._lines)

    def forget(self, unit: str) -> int:
        name = logged_name(unit)
        if name is None:
            return 0
        self.load()
        for known in self._cells.values():
            for line in known.within():
                if line.u == name:
                    arm = line.v == known.cell.candidate
                    for i, cell_metric in enumerate(known.cell.metrics):
                        known.forgotten.update({(i, arm, b): n for b, n in _bins(cell_metric.metric, [line]).items()})
            known.lines = [line for line in known.lines if line.u != name]
        for attempt in self._attempts.values():
            attempt.lines = [line for line in attempt.lines if line.u != name]
        before = len(self._lines)
        self._lines = [line for line in self._lines if line.u != name]
        return before - len(self._lines)

    def retain(self, since: float) -> int:
        for key, known in self._cells.items():
            if known.sealed is None and known.cell.until and known.cell.until < since:
                known.sealed = self.evidence(*key)
        for (rollout, number), attempt in self._attempts.items():
            cells = [c for c in self._cells.values() if (c.cell.rollout, c.cell.attempt) == (rollout, number)]
            if attempt.sealed is None and all(c.sealed is not None for c in cells):
                attempt.sealed = self.exposure(rollout, number)
        before = len(self._lines)
        self._lines = [line for line in self._lines if line.at >= since]
        return before - len(self._lines)

    def close(self) -> None:
        pass

    def _open_attempt(self, cell: Cell) -> None:
        key = cell.rollout, cell.attempt
        known = self._attempts.get(key)
        if known is not None and (known.sealed is not None or known.cell.since <= cell.since):
            return
        self._attempts[key] = Attempt(cell, list(self._lines))
        for other in self._attempts.values():
            if other.cell.rollout == cell.rollout and other.cell.attempt < cell.attempt:
                other.lines = list(self._lines)


def summary(cell_metric: CellMetric, lines: Iterable[Line], candidate: bool) -> ArmSummary:
    """The arm's sums: per unit first, then over units."""
    units: dict[str | None, list[Line]] = defaultdict(list)
    for line in lines:
        if selected(cell_metric.metric, line):
            units[line.u].append(line)
    total = ArmSummary()
    for kept in units.values():
        inside = [line for line in kept if line.p is not None]
        n = len(inside)
        cap = CAP if cell_metric.metric.kind == "proportion" else math.inf
        y = min(cap, sum(event(cell_metric, line, candidate) for line in inside))
        over = min(cap, sum(above(cell_metric.metric, line, cell_metric.margin_threshold) for line in inside))
        failures = sum(event(cell_metric, line, candidate) for line in kept)
        total += ArmSummary(
            int(n > 0), n, y, y * y, y * n, n * n, int(failures > 0), failures, over, over * over, over * n
        )
    return total


def event(cell_metric: CellMetric, line: Line, candidate: bool) -> bool:
    metric = cell_metric.metric
    if metric.kind == "quantile":
        return above(metric, line, cell_metric.threshold)
    deflected = candidate and (line.status >= 500 if line.w is None else line.w != line.v)
    if metric.better == "lower":
        return holds(metric.where, line) or deflected
    return holds(metric.where, line) and not deflected


def above(metric: Metric, line: Line, threshold: float) -> bool:
    value = number(metric.value, line) if metric.kind == "quantile" else None
    return value is not None and value > threshold


def selected(metric: Metric, line: Line) -> bool:
    return metric.kind == "proportion" or (holds(metric.where, line) and number(metric.value, line) is not None)


def holds(where: Iterable[Comparison], line: Line) -> bool:
    for comparison in where:
        text = {"method": line.m, "path": line.path}
        value = text[comparison.field] if comparison.field in text else number(comparison.field, line)
        if value is None or not OPERATORS[comparison.operator](value, comparison.value):
            return False
    return True


def number(name: str, line: Line) -> float | None:
    if name == "status":
        return line.status
    if name == "duration_ms":
        return None if line.us is None else line.us / 1000
    return {"bytes_received": line.rx, "bytes_sent": line.tx}[name]


def histogram(bins: Counter[int]) -> Histogram:
    kept = sorted((b, n) for b, n in bins.items() if n)
    return Histogram(tuple(b for b, _ in kept), tuple(n for _, n in kept))


def _bins(metric: Metric, lines: Iterable[Line]) -> Counter[int]:
    bins: Counter[int] = Counter()
    for line in lines:
        if metric.kind == "quantile" and selected(metric, line) and line.p is not None:
            value = number(metric.value, line) or 0.0
            bins[math.ceil(math.log(max(value, 0.001)) / math.log(GAMMA))] += 1
    return bins


def _of(forgotten: Counter[tuple[int, bool, int]], metric: int, arm: bool) -> Counter[int]:
    return Counter({b: n for (i, a, b), n in forgotten.items() if (i, a) == (metric, arm)})
