"""What units did with one version over a window: of outcomes, which are of units and not of requests as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fader.model.evidence import LearningEvidence
from fader.model.metric import Metric
from fader.model.summary import ArmSummary
from fader.ports.events import CellMetric
from fader.telemetry.columns import Columns, together
from fader.telemetry.measure import Measure, measures
from fader.telemetry.questions import KEYS, SLOT, lesson_units, of_lesson, slot_of, unit_bins, unit_events
from fader.telemetry.rows import Parameter, Rows
from fader.telemetry.tally import Totals, evidence, histogram, tally

#: Keys of units are asked for in so many parts, so that a long history does not take their memory.
PARTS = 8
#: Of more rows than this, the spread is that of a part of the units, so that a look at it keeps no decision waiting.
MANY = 2_000_000
#: Answers that are kept of spreads.
KEPT = 50
#: An answer serves until its window has moved by a slot, or so many more rows are there, as a share of its own.
MORE = 0.01

Asked = tuple[str, str, str, tuple[Metric, ...]]


class Lessons:
    """An answer reads the whole window, so it is kept: it may lack the last percent of the rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._known: dict[Asked, tuple[int, int, int, tuple[LearningEvidence, ...]]] = {}
        self._spreads: dict[tuple[str, str, CellMetric], tuple[int, int, int, ArmSummary]] = {}

    def evidence(
        self, service: str, version: str, metrics: tuple[Metric, ...], since: float, rollout: str = ""
    ) -> tuple[LearningEvidence, ...]:
        """One for each of the metrics, none of which is direct. The window begins at a full slot. `rollout`: of units
        that were exposed to this variant of a flag by it."""
        if not metrics:
            return ()
        slot, batch = slot_of(since), self._rows.batch
        key = service, version, rollout, metrics
        known = self._known.get(key)
        if known is not None and self._serves(*known[:3], slot):
            return known[3]
        answer = self._answer(key, slot * SLOT)
        self._known[key] = slot, batch, self._rows.brought(0), answer
        return answer

    def spread(self, service: str, version: str, cell_metric: CellMetric, since: float) -> ArmSummary:
        slot, key = slot_of(since), (service, version, cell_metric)
        known = self._spreads.pop(key, None)
        if known is None or not self._serves(*known[:3], slot):
            asked = tuple(replace(m, direct=False) for m in measures((cell_metric,)))
            rows = self._rows.brought(0)
            part = min(1.0, MANY / max(1, rows))
            totals: Totals = Counter()
            limits = self._parameters(service, version, slot * SLOT, 0, int(KEYS * part))
            self._count(asked, limits, slot * SLOT, totals, Counter())
            (found,) = evidence(asked, totals, self._rows.latest("service", service))
            known = slot, self._rows.batch, rows, found.baseline
            while len(self._spreads) >= KEPT:
                del self._spreads[next(iter(self._spreads))]
        self._spreads[key] = known
        return known[3]

    def _serves(self, of: int, batch: int, rows: int, slot: int) -> bool:
        """Whether an answer of a slot, made when so many rows were there, is good enough now."""
        return of == slot and (batch == self._rows.batch or self._rows.brought(batch) <= MORE * rows)

    def forget(self) -> None:
        self._known.clear()
        self._spreads.clear()

    def _answer(self, key: Asked, since: float) -> tuple[LearningEvidence, ...]:
        service, version, rollout, metrics = key
        asked = measures((CellMetric(metric) for metric in metrics), by_request=not rollout)
        totals: Totals = Counter()
        bins: Counter[tuple[int, int]] = Counter()
        for low, high in _ranges():
            self._count(asked, self._parameters(service, version, since, low, high, rollout), since, totals, bins)
        latest = max(self._rows.latest("service", service), self._rows.latest("rollout", rollout))
        found = evidence(asked, totals, latest)
        return tuple(
            LearningEvidence(
                m.metric.name,
                int(e.baseline.requests),
                e.baseline.units,
                0.0 if m.quantile else e.baseline.events,
                histogram((b, n) for (i, b), n in bins.items() if i == m.index),
                e.baseline,
            )
            for m, e in zip(asked, found, strict=True)
        )

    def _parameters(
        self, service: str, version: str, since: float, low: int, high: int, rollout: str = ""
    ) -> dict[str, Parameter]:
        return {
            "folded": 0,
            "last": self._rows.batch,
            "service": service,
            "version": version,
            "rollout": rollout,
            "since": since,
            "until": np.inf,
            "low": low,
            "high": high,
        }

    def _count(
        self,
        asked: tuple[Measure, ...],
        parameters: dict[str, Parameter],
        since: float,
        totals: Totals,
        bins: Counter[tuple[int, int]],
    ) -> None:
        units, first = lesson_units(self._rows, parameters)
        if not len(units):
            return
        kinds = {"first": "f8", "inside": "i4", "req": "i4", "act": "i4", "out": "i4"}
        for m in asked:
            kinds |= m.kinds
        here = (units * 2, {"first": first, "inside": np.ones(len(units), np.int32)})
        exposed = units * 2, first, of_lesson(parameters)
        did = unit_events(self._rows, asked, parameters, *exposed)
        _, columns = together([here, *did], kinds)
        totals.update(tally(asked, (columns, Columns(kinds).nothing(len(units))), {}, since))
        for metric, _, number, n in unit_bins(self._rows, asked, parameters, *exposed):
            bins[metric, number] += n


def _ranges() -> Iterator[tuple[int, int]]:
    return ((KEYS * part // PARTS, KEYS * (part + 1) // PARTS) for part in range(PARTS))
