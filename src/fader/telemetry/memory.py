"""The in-memory twin of the event store: every answer is counted from the lines themselves, the plain way."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from fader.model.evidence import Beside, HealthEvidence, LearningEvidence, MetricEvidence
from fader.model.failure import Failure
from fader.model.metric import Metric
from fader.model.summary import ArmSummary, Histogram
from fader.ports.events import Cell, CellMetric, Exposure, Names, Tracked, Weighed
from fader.telemetry.given import told
from fader.telemetry.line import Line, read
from fader.telemetry.line import name as logged_name
from fader.telemetry.measure import measures
from fader.telemetry.memory_cells import (
    Attempt,
    OpenCell,
    before,
    events_of,
    exposed_to_flag,
    forgotten_of,
    values_of,
)
from fader.telemetry.memory_failing import by_variant, by_version, failures
from fader.telemetry.memory_learning import Lesson
from fader.telemetry.memory_names import names_of
from fader.telemetry.memory_requests import (
    counting_of,
    exposed_to,
    histogram,
    inside,
    minutes,
    summary,
)
from fader.telemetry.memory_units import (
    NOTHING,
    Counted,
    Counting,
    Pair,
    counted_of,
    exposures,
    is_outcome,
    rate_of,
    within,
)
from fader.telemetry.restarts import restarts
from fader.telemetry.spool import Segment, check, unheld
from fader.telemetry.tally import unknown
from fader.telemetry.tracked import EXPOSURE, TrackedRow, decode, encode

SLOT = 300
SKEW_REACH = 300.0


class MemoryEventStore:
    """An EventStore for tests and for trying things out. Nothing outlives it."""

    def __init__(self) -> None:
        self._held: dict[Segment, int] = {}
        self._waiting: list[bytes] = []
        self._lines: list[Line] = []
        self._waiting_tracked: list[TrackedRow] = []
        self._tracked: list[TrackedRow] = []
        self._latest: dict[tuple[str, str], float] = defaultdict(float)
        self._cells: dict[tuple[str, int, int], OpenCell] = {}
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._broken, self._retained = 0, 0.0

    def append(self, gateway: str, segment: str, offset: int, lines: bytes) -> int:
        check(gateway, segment, offset)
        held = self._held.get((gateway, segment), 0)
        fresh = unheld(held, offset, lines)
        if fresh:
            self._waiting.append(fresh)
            self._held[gateway, segment] = held + len(fresh)
        return held + len(fresh)

    def track(self, events: tuple[Tracked, ...]) -> None:
        self._waiting_tracked += decode(encode(events))

    def load(self) -> int:
        count = 0
        ids = {event.i for event in self._tracked}
        for event in self._waiting_tracked:
            if event.i not in ids:
                ids.add(event.i)
                count += 1
                self._tracked.append(event)
                for cell in self._cells.values():
                    cell.tracked.append(event)
                if event.name == EXPOSURE:
                    self._latest["rollout", event.r] = max(self._latest["rollout", event.r], event.t)
        self._waiting_tracked.clear()
        for data in self._waiting:
            lines, broken = read(data)
            self._broken += broken
            count += len(lines)
            self._lines += lines
            self._tell(lines)
            for line in lines:
                self._latest["service", line.s] = max(self._latest["service", line.s], line.at)
            for cell in self._cells.values():
                cell.lines += lines
            for attempt in self._attempts.values():
                attempt.lines += lines
        self._waiting.clear()
        return count

    def _tell(self, lines: list[Line]) -> None:
        """Exposures that the lines tell."""
        exposures = list(told(lines))
        self._tracked += exposures
        for cell in self._cells.values():
            cell.tracked += exposures
        for event in exposures:
            self._latest["rollout", event.r] = max(self._latest["rollout", event.r], event.t)

    def broken(self) -> int:
        return self._broken

    def open_cell(self, cell: Cell) -> None:
        measures(cell.metrics, by_request=cell.by_request)
        for each in (cell, *cell.paired):
            known = self._cells.get(each.key)
            if known is None or (known.sealed is None and replace(known.cell, until=each.until) != each):
                made = self._cells[each.key] = OpenCell(each, list(self._lines), list(self._tracked))
                if each.draw is not None and each.since < self._retained:
                    made.sealed = unknown(each), HealthEvidence(), Names()
            elif known.sealed is None:
                known.cell = each
        if cell.draw is None:
            self._open_attempt(cell)

    def evidence(self, rollout: str, attempt: int, stage: int) -> tuple[MetricEvidence, ...]:
        known = self._cells.get((rollout, attempt, stage))
        if known is None:
            return ()
        if known.sealed is not None:
            return known.sealed[0]
        paired = [self._cells[cell.key] for cell in known.cell.paired]
        evidence = []
        for i, cell_metric in enumerate(known.cell.metrics):
            if cell_metric.metric.kind == "external":
                evidence.append(MetricEvidence(cell_metric.metric.name, missing="it is counted elsewhere"))
                continue
            arms = [pair for other in (known, *paired) for pair in self._pairs(other, cell_metric, True)]
            rate = rate_of([*arms, *self._pairs(known, cell_metric, False)])
            others = [(other.cell.candidate, self._compared(other, i, rate)) for other in paired]
            evidence.append(
                replace(
                    self._compared(known, i, rate),
                    others=tuple((arm, found.candidate) for arm, found in others),
                    beside=tuple(Beside(arm, found.candidate_values, found.restarts) for arm, found in others),
                )
            )
        return tuple(evidence)

    def _start(self, known: OpenCell) -> float:
        """When the attempt began."""
        return min(c.cell.since for k, c in self._cells.items() if k[:2] == known.cell.key[:2])

    def _pairs(self, known: OpenCell, cell_metric: CellMetric, arm: bool) -> list[Pair]:
        """p and q of each unit that counts in the arm."""
        counting = counting_of(cell_metric, known.cell.candidate if known.cell.by_request else "")
        past = before(known, counting, self._start(known))
        if not known.cell.by_request or is_outcome(cell_metric.metric):
            return [pair for *_, pair in self._counted(known, counting, past).kept[arm]]
        lines = [line for line in known.within() if (line.v == known.cell.candidate) == arm]
        return [past.get(unit or "", NOTHING) for unit in {x.u for x in lines if inside(cell_metric.metric, x)}]

    def _compared(self, known: OpenCell, i: int, rate: Fraction | None) -> MetricEvidence:
        """The `i`-th metric of the two arms of a cell. `rate`: of P to Q over all arms of the stage."""
        cell_metric = known.cell.metrics[i]
        counting = counting_of(cell_metric, known.cell.candidate if known.cell.by_request else "")
        past = before(known, counting, self._start(known))
        values = self._values(known, i, True), self._values(known, i, False)
        if not known.cell.by_request or is_outcome(cell_metric.metric):
            counted = self._counted(known, counting, past)
            arms = counted.summary(True, rate), counted.summary(False, rate)
            return MetricEvidence(cell_metric.metric.name, *arms, *values, restarts=restarts(counted.slots))
        candidate = [line for line in known.within() if line.v == known.cell.candidate]
        baseline = [line for line in known.within() if line.v != known.cell.candidate]
        return MetricEvidence(
            cell_metric.metric.name,
            summary(cell_metric, candidate, True, past, rate),
            summary(cell_metric, baseline, False, past, rate),
            values[0],
            values[1],
            restarts=restarts(minutes(cell_metric, known.cell, candidate, baseline)),
        )

    def _values(self, known: OpenCell, i: int, arm: bool) -> Histogram:
        return histogram(values_of(known, i, arm) + forgotten_of(known, i, arm))

    def health(self, rollout: str, attempt: int, stage: int) -> HealthEvidence:
        known = self._cells.get((rollout, attempt, stage))
        if known is None:
            return HealthEvidence()
        if known.sealed is not None:
            return known.sealed[1]
        cell = known.cell
        exposed, away = exposures(cell, known.within(), known.tracked), known.away()
        crossed = {unit for unit, arm in exposed if (unit, not arm) in exposed or unit in away}
        sampled = Counter(what.arm for what in exposed.values() if what.inside and what.unit not in crossed)
        did = [event for event in known.tracked if event.name != EXPOSURE and within(cell, event.t)]
        names = {name for m in measures(cell.metrics) for name in m.events} if cell.draw is None else set()
        units = {unit for unit, _ in exposed}
        active = {line.u for line in known.within()} | {event.u for event in did}
        seen = [event for event in self._tracked if event.seen > 0]
        recent = [e.t - e.seen for e in seen if e.seen >= max(e.seen for e in seen) - SKEW_REACH]
        return HealthEvidence(
            sampled[True],
            sampled[False],
            len(crossed),
            len(units - active - away),
            len({event.u for event in did if event.name in names} - units - away),
            statistics.median(recent) if recent else 0.0,
            others=tuple((pair.candidate, self.health(*pair.key).candidate_units) for pair in cell.paired),
        )

    def names(self, rollout: str, attempt: int, stage: int) -> Names:
        known = self._cells.get((rollout, attempt, stage))
        if known is None:
            return Names()
        if known.sealed is not None:
            return known.sealed[2]
        if known.cell.draw is not None:
            return Names()
        return names_of(known)

    def _counted(self, known: OpenCell, counting: Counting, past: dict[str, Pair]) -> Counted:
        cell = known.cell
        exposed = exposures(cell, known.within(), known.tracked)
        latest = self._heard(cell.service, cell.rollout)
        if cell.draw is not None:
            latest = max(self._latest.values(), default=0.0)
        ripe = min(cell.until or math.inf, latest)
        return counted_of(counting, cell, exposed, events_of(known), ripe, past, known.away())

    def learning(
        self, service: str, version: str, metrics: tuple[Metric, ...], since: float, rollout: str = ""
    ) -> tuple[LearningEvidence, ...]:
        return self._lesson(service, version, since, rollout).learnt(metrics)

    def spread(self, service: str, version: str, metric: CellMetric, since: float) -> ArmSummary:
        return self._lesson(service, version, since).spread(metric)

    def _lesson(self, service: str, version: str, since: float, rollout: str = "") -> Lesson:
        begin = math.floor(since / SLOT) * SLOT
        return Lesson(service, version, begin, rollout, self._lines, self._tracked, self._heard(service, rollout))

    def _heard(self, service: str, rollout: str) -> float:
        return max(self._latest["service", service], self._latest["rollout", rollout])

    def exposure(self, rollout: str, attempt: int) -> Exposure:
        known = self._attempts.get((rollout, attempt))
        if known is None:
            return Exposure()
        if known.sealed is not None:
            return known.sealed
        return self._exposed(known, None)

    def among(self, rollout: str, attempt: int, units: Sequence[str]) -> Exposure | None:
        known = self._attempts.get((rollout, attempt))
        if known is None:
            return Exposure()
        return None if known.sealed is not None else self._exposed(known, {logged_name(unit) for unit in units})

    def _exposed(self, known: Attempt, units: set[str | None] | None) -> Exposure:
        """Of these units alone, None for all."""
        rollout, attempt = known.cell.rollout, known.cell.attempt
        later = [
            a.cell.since for a in self._attempts.values() if a.cell.rollout == rollout and a.cell.attempt > attempt
        ]
        until = min(later, default=math.inf)
        if known.cell.flag:
            return exposed_to_flag(replace(known.cell, until=until, arms=()), self._lines, self._tracked, units)
        return exposed_to(known.cell, until, known.lines, units)

    def failures(
        self,
        service: str,
        candidate: str,
        baseline: str,
        since: float,
        until: float,
        most: int,
        rollout: str = "",
        met: float = 0.0,
    ) -> tuple[Failure, ...]:
        lines = [x for x in self._lines if x.s == service and since <= x.at < until]
        arm = by_variant(self._tracked, rollout, met) if rollout else by_version
        return failures(lines, arm, candidate, baseline, most)

    def counted(self, service: str, since: float, until: float) -> int:
        return sum(line.s == service and since <= line.at < until for line in self._lines)

    def weighed(self, service: str, since: float, until: float) -> Weighed:
        sample = [
            (line.u, line.p)
            for line in self._lines
            if line.s == service and line.why == "rollout" and line.u and line.p and since <= line.at < until
        ]
        return Weighed(sum(1 / float(p) for _, p in sample), len({u for u, _ in sample}))

    def forget(self, unit: str) -> int:
        name = logged_name(unit)
        if name is None:
            return 0
        self.load()
        for known in self._cells.values():
            for i in range(len(known.cell.metrics)):
                for arm in (True, False):
                    gone = values_of(known, i, arm, name)
                    known.forgotten.update({(i, arm, b): n for b, n in gone.items()})
            known.lines = [line for line in known.lines if line.u != name]
            known.tracked = [event for event in known.tracked if event.u != name]
        for attempt in self._attempts.values():
            attempt.lines = [line for line in attempt.lines if line.u != name]
        count = len(self._lines) + len(self._tracked)
        self._lines = [line for line in self._lines if line.u != name]
        self._tracked = [event for event in self._tracked if event.u != name]
        return count - len(self._lines) - len(self._tracked)

    def retain(self, since: float) -> int:
        for key, known in self._cells.items():
            if known.sealed is None and known.cell.until and known.cell.until < since:
                known.sealed = self.evidence(*key), self.health(*key), self.names(*key)
        for (rollout, number), attempt in self._attempts.items():
            cells = [c for c in self._cells.values() if (c.cell.rollout, c.cell.attempt) == (rollout, number)]
            if attempt.sealed is None and all(c.sealed is not None for c in cells):
                attempt.sealed = self.exposure(rollout, number)
        self._retained = max(since, self._retained)
        count = len(self._lines) + len(self._tracked)
        self._lines = [line for line in self._lines if line.at >= since]
        self._tracked = [event for event in self._tracked if event.t >= since]
        return count - len(self._lines) - len(self._tracked)

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
