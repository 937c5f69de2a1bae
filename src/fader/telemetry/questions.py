"""What is asked of the rows. Rows never leave: answers are grouped by unit, by bin or by slot of time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fader.model.metric import Metric
from fader.ports.events import Cell, CellMetric
from fader.telemetry import statements as sql
from fader.telemetry.rows import Parameter, Rows
from fader.telemetry.terms import terms

#: Seconds of a slot: the grain of the learning window.
SLOT = 300

#: (metric, candidate arm, unit, requests, events, over, events among all lines kept)
Delta = tuple[int, bool, str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Extent:
    """Rows of the batches (after, last] that started in [since, until)."""

    after: int
    last: int
    since: float
    until: float

    def parameters(self, cell: Cell) -> dict[str, Parameter]:
        return {
            "folded": self.after,
            "last": self.last,
            "since": self.since,
            "until": self.until,
            "service": cell.service,
            "candidate": cell.candidate,
            "rollout": cell.rollout,
        }


def unit_deltas(rows: Rows, cell: Cell, extent: Extent) -> Iterator[list[Delta]]:
    """What the rows add to the sums of each unit, in chunks."""
    parameters = extent.parameters(cell)
    columns = []
    for i, cell_metric in enumerate(cell.metrics):
        term = terms(cell_metric, f"a{i}")
        columns.append(term.fill(sql.UNIT_COLUMNS))
        parameters |= term.parameters
    if not columns:
        return
    query = sql.UNIT_DELTAS.replace("/*columns*/", ",".join(columns)).replace("/*rows*/", sql.OF_CELL)
    for chunk in rows.ask(query, parameters):
        yield [
            (i, row[0], row[1], *row[2 + 4 * i : 6 + 4 * i])
            for row in chunk
            for i in range(len(columns))
            if any(row[2 + 4 * i : 6 + 4 * i])
        ]


def value_bins(rows: Rows, cell: Cell, extent: Extent) -> Iterator[tuple[int, bool, int, int]]:
    """(metric, candidate arm, bin, requests) of the quantile metrics, units inside the sample."""
    for i, cell_metric in enumerate(cell.metrics):
        term = terms(cell_metric, "a")
        if term.bin:
            query = term.fill(sql.VALUE_BINS.replace("/*rows*/", sql.OF_CELL))
            for chunk in rows.ask(query, extent.parameters(cell) | term.parameters):
                yield from ((i, *row) for row in chunk)


def candidate_units(rows: Rows, cell: Cell, extent: Extent) -> Iterator[list[tuple[str, int, float]]]:
    """(unit, requests that hurt it, first at) of the units that got the candidate of the cell's rollout, in chunks."""
    return rows.ask(sql.CANDIDATE_UNITS.replace("/*rows*/", sql.OF_CELL), extent.parameters(cell))


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows of the batches (after, last] and of slots from `slot` on, of a version that was assigned and served."""

    service: str
    version: str
    after: int
    last: int
    slot: int

    def ask(self, rows: Rows, query: str, metric: Metric) -> Iterator[list[Any]]:
        """`query` is LEARN: (slot, requests, events), or LEARN_BINS: (slot, bin, requests)."""
        term = terms(CellMetric(metric), "a", deflected=False)
        filled = term.fill(query.replace("/*rows*/", sql.OF_VERSION))
        return rows.ask(filled, self._parameters() | term.parameters)

    def units(self, rows: Rows, metrics: tuple[Metric, ...]) -> Iterator[list[tuple[int, str, int]]]:
        """(metric, unit, slot of its last request), in chunks, ordered by unit."""
        parameters = self._parameters()
        columns = []
        for i, metric in enumerate(metrics):
            term = terms(CellMetric(metric), f"a{i}", deflected=False)
            columns.append(term.fill(sql.LEARN_COLUMN))
            parameters |= term.parameters
        if not columns:
            return
        query = sql.LEARN_UNITS.replace("/*columns*/", ",".join(columns)).replace("/*rows*/", sql.OF_VERSION)
        for chunk in rows.ask(query, parameters):
            yield [(i, row[0], slot) for row in chunk for i, slot in enumerate(row[1:]) if slot is not None]

    def _parameters(self) -> dict[str, Parameter]:
        return {
            "folded": self.after,
            "last": self.last,
            "service": self.service,
            "version": self.version,
            "slot": self.slot,
            "width": SLOT,
        }


def slot_of(at: float) -> int:
    return math.floor(at / SLOT)
