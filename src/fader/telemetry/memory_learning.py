"""What a version, or a variant, did over a window, counted from the lines themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fader.model.evidence import LearningEvidence
from fader.model.metric import Metric
from fader.model.share import Interval
from fader.model.summary import ArmSummary
from fader.ports.events import Cell, CellMetric
from fader.telemetry.line import Line
from fader.telemetry.measure import measures
from fader.telemetry.memory_cells import visits
from fader.telemetry.memory_requests import bins, counting_of, histogram, holds, selected
from fader.telemetry.memory_units import Event, Exposed, counted_of, exposures, is_outcome
from fader.telemetry.tracked import EXPOSURE, TrackedRow


@dataclass(frozen=True)
class Lesson:
    """From `begin` on. `rollout`: of a flag, whose exposures alone say who had the variant. `latest`: when the service
    and the rollout were last heard of."""

    service: str
    version: str
    begin: float
    rollout: str
    lines: Sequence[Line]
    tracked: Sequence[TrackedRow]
    latest: float

    @property
    def cell(self) -> Cell:
        return Cell(self.rollout, 0, 0, self.service, "", "", Interval(0, 0), (), self.begin, flag=self.rollout)

    def learnt(self, metrics: Iterable[Metric]) -> tuple[LearningEvidence, ...]:
        asked = [m.cell_metric for m in measures(map(CellMetric, metrics), by_request=not self.rollout)]
        return tuple(map(self._of_units if self.rollout else self._of_version, asked))

    def spread(self, metric: CellMetric) -> ArmSummary:
        return self._of_units(metric).summary

    def _of_version(self, cell_metric: CellMetric) -> LearningEvidence:
        metric = cell_metric.metric
        if is_outcome(metric):
            return self._of_units(cell_metric)
        lines = [line for line in self._served() if selected(metric, line)]
        events = sum(holds(metric.where, line) for line in lines) if metric.kind == "proportion" else 0
        units = len({line.u for line in lines})
        return LearningEvidence(metric.name, len(lines), units, float(events), histogram(bins(metric, lines)))

    def _of_units(self, cell_metric: CellMetric) -> LearningEvidence:
        counting, metric, exposed = counting_of(cell_metric, ""), cell_metric.metric, self._exposed()
        events: dict[str, list[Event]] = defaultdict(list)
        for line in self._did():
            events[line.u or ""].append(line)
        for event in self.tracked:
            if event.name != EXPOSURE and event.t >= self.begin and (event.u, False) in exposed:
                events[event.u].append(event)
        arm = counted_of(counting, self.cell, exposed, events, self.latest, {}, set()).summary(False, None)
        values: Counter[int] = Counter()
        if metric.kind == "quantile":
            for what in exposed.values():
                values.update(counting.bins(events[what.unit], what.first))
        done = 0.0 if metric.kind == "quantile" else arm.events
        return LearningEvidence(metric.name, int(arm.requests), arm.units, done, histogram(values), arm)

    def _exposed(self) -> dict[tuple[str, bool], Exposed]:
        if not self.rollout:
            return exposures(self.cell, self._served(), ())
        gave = [e for e in self.tracked if e.name == EXPOSURE and e.v == self.version]
        return exposures(self.cell, (), gave)

    def _did(self) -> list[Line]:
        if not self.rollout:
            return self._served()
        return [line for line in visits(self.service, self.lines) if line.at >= self.begin]

    def _served(self) -> list[Line]:
        return [
            line
            for line in visits(self.service, self.lines)
            if line.why in ("rollout", "none")
            and line.v == self.version
            and line.w in (None, self.version)
            and line.at >= self.begin
        ]
