"""What is asked of the rows. Rows never leave: answers are grouped by unit, by bin or by slot of time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fader.model.metric import Metric
from fader.model.share import Draw
from fader.ports.events import Cell, CellMetric
from fader.telemetry import statements as sql
from fader.telemetry.columns import Column, Keys
from fader.telemetry.line import drawn_logged
from fader.telemetry.measure import Measure
from fader.telemetry.rows import Parameter, Rows
from fader.telemetry.terms import Source, terms

#: Seconds of a slot: the grain of the learning window.
SLOT = 300
#: Keys of units are below this.
KEYS = 1 << 62

#: Some units, sorted or not, and some columns of theirs.
Part = tuple[Keys, dict[str, Column]]
#: The events of a stage by table, and those of a version in learning.
OF_STAGE: tuple[tuple[Source, str], ...] = (("requests", sql.OF_CELL), ("tracked", sql.OF_TRACKED))
OF_FLAG: tuple[tuple[Source, str], ...] = (("requests", sql.OF_VISITS), ("tracked", sql.OF_TRACKED))
OF_HOLDOUT: tuple[tuple[Source, str], ...] = (("requests", sql.OF_EVERYBODY), ("tracked", sql.OF_TRACKED))
OF_PAST: tuple[tuple[Source, str], ...] = (("requests", sql.OF_PAST), ("tracked", sql.OF_TRACKED))
OF_LESSON: tuple[tuple[Source, str], ...] = (("requests", sql.OF_LESSON), ("tracked", sql.OF_TRACKED))


@dataclass(frozen=True, slots=True)
class Extent:
    """Rows of the batches (after, last] that started in [since, until)."""

    after: int
    last: int
    since: float
    until: float

    def parameters(self, cell: Cell, low: int = 0, high: int = KEYS) -> dict[str, Parameter]:
        parameters: dict[str, Parameter] = {
            "folded": self.after,
            "last": self.last,
            "since": self.since,
            "until": self.until,
            "service": cell.service,
            "candidate": cell.candidate,
            "rollout": cell.rollout,
            "low": low,
            "high": high,
        }
        return parameters | {f"arm{i}": arm.version for i, arm in enumerate(cell.arms)}


def key_ranges(rows: Rows, extent: Extent) -> Iterator[tuple[int, int]]:
    """Ranges of keys that together hold all units of the extent, of about equal size; none when it has no rows."""
    query = {"folded": extent.after, "last": extent.last, "since": extent.since, "until": extent.until}
    count = int(rows.table(sql.CELL_ROWS, query)["n"][0])
    parts = -(-count // rows.part)
    for part in range(parts):
        yield KEYS * part // parts, KEYS * (part + 1) // parts


def unit_rows(rows: Rows, measures: Iterable[Measure], cell: Cell, extent: Extent, low: int, high: int) -> list[Part]:
    """What the rows add to each unit by arm: exposures, lines, direct metrics, tracked events."""
    parameters = extent.parameters(cell, low, high)
    if cell.draw is not None:
        return [
            _drawn(cell.draw, rows.table(_filled(query, where), parameters))
            for query, where in ((sql.UNIT_ARRIVALS, sql.OF_EVERYBODY), (sql.UNIT_SIGNS, sql.OF_TRACKED))
        ]
    columns = [column for m in measures if m.direct for column in m.direct_columns(parameters)]
    asked = [
        (sql.UNIT_VISITS, sql.OF_VISITS)
        if cell.flag
        else (sql.UNIT_REQUESTS.replace("/*columns*/", "".join(f", {c}" for c in columns)), requests_of(cell)),
        (sql.UNIT_EXPOSURES, _compared(cell, sql.OF_EXPOSURES)),
        (sql.UNIT_ACTIVITY.replace("/*named*/", _named(measures, parameters)), sql.OF_TRACKED),
    ]
    if cell.arms:
        for source, where in (("requests", sql.OF_CELL), ("tracked", sql.OF_EXPOSURES))[bool(cell.flag) :]:
            asked.append((sql.UNIT_AWAY.replace("/*source*/", source), f"{where} AND v IN ({_arms(cell)})"))
    return [_part(rows.table(_filled(query, where), parameters)) for query, where in asked]


def _drawn(draw: Draw, answer: dict[str, Any]) -> Part:
    """By arm: a unit of the draw stands with the baseline."""
    keys, units = answer.pop("k"), answer.pop("unit")
    holds = drawn_logged(draw)
    held = np.fromiter((holds(unit) for unit in units), bool, len(units))
    return keys * 2 + ~held, answer


def done(cell: Cell) -> tuple[tuple[Source, str], ...]:
    """The events of units once they are in an arm, by table."""
    return OF_HOLDOUT if cell.draw is not None else OF_FLAG if cell.flag else OF_STAGE


def unit_events(
    rows: Rows,
    measures: Iterable[Measure],
    parameters: Mapping[str, Parameter],
    arms: Keys,
    first: Column,
    of: tuple[tuple[Source, str], ...] = OF_STAGE,
) -> list[Part]:
    """What exposed units did since; `arms` and `first` say whose, and since when."""
    exposed = {"exposed": {"key": arms >> 1, "arm": arms & 1, "first": first}}
    found = []
    for source, where in of:
        given = dict(parameters)
        columns = [column for m in measures for column in m.event_columns(source, given)]
        if columns:
            query = sql.UNIT_EVENTS.replace("/*columns*/", ", ".join(columns)).replace("/*source*/", source)
            query = _filled(query.replace("/*exposed*/", "exposed"), where)
            found.append(_part(rows.table(query, given, exposed)))
    return found


def unit_past(rows: Rows, measures: Iterable[Measure], cell: Cell, extent: Extent, low: int, high: int) -> list[Part]:
    """The same metrics of each unit in another time, both arms and neither: p (of y), q (of n), and `here`."""
    found = []
    for source, where in OF_PAST if cell.draw is None else OF_HOLDOUT:
        parameters = extent.parameters(cell, low, high)
        del parameters["candidate"]  # then nothing is a failure because another version answered
        columns = [column for m in measures if not m.external for column in m.past_columns(source, parameters)]
        query = sql.UNIT_PAST.replace("/*columns*/", "".join(f", {c}" for c in columns)).replace("/*source*/", source)
        answer = rows.table(_filled(query, where), parameters)
        found.append((answer.pop("k"), answer))
    return found


def value_bins(
    rows: Rows, measures: Iterable[Measure], cell: Cell, extent: Extent
) -> Iterator[tuple[int, bool, int, int]]:
    """(metric, candidate arm, bin, requests) of the quantiles of requests, units inside the sample."""
    for m in measures:
        if m.direct and m.quantile:
            term = terms(m.cell_metric, "a")
            query = term.fill(sql.VALUE_BINS.replace("/*rows*/", _compared(cell, sql.OF_CELL)))
            for chunk in rows.ask(query, extent.parameters(cell) | term.parameters):
                yield from ((m.index, *row) for row in chunk)


def unit_bins(
    rows: Rows,
    measures: Iterable[Measure],
    parameters: Mapping[str, Parameter],
    arms: Keys,
    first: Column,
    of: tuple[tuple[Source, str], ...],
) -> Iterator[tuple[int, int, int, int]]:
    """(metric, arm, bin, values) of the quantiles of what exposed units did since; `arms`, `first`: as `unit_events`
    has them."""
    exposed = {"exposed": {"key": arms >> 1, "arm": arms & 1, "first": first}}
    for m in measures:
        for source, where in of:
            given = dict(parameters)
            selected, number = m.value_terms(source, given)
            if selected:
                query = sql.UNIT_BINS.replace("/*source*/", source).replace("/*selected*/", selected)
                answer = rows.table(_filled(query.replace("/*bin*/", number), where), given, exposed)
                columns = (answer[name].tolist() for name in ("arm", "bin", "times"))
                yield from ((m.index, *row) for row in zip(*columns, strict=True))


def _named(measures: Iterable[Measure], parameters: dict[str, Parameter]) -> str:
    names = sorted({name for m in measures for name in m.events})
    parameters |= {f"event{i}": name for i, name in enumerate(names)}
    return " OR ".join(f"name = $event{i}" for i in range(len(names))) or "false"


def _compared(cell: Cell, where: str) -> str:
    """Rows of the two arms that the cell compares."""
    return f"{where} AND v NOT IN ({_arms(cell)})" if cell.arms else where


def requests_of(cell: Cell) -> str:
    """The requests of a stage: of the arms that it compares, or, of a flag, of whomever they are."""
    return sql.OF_VISITS if cell.flag else _compared(cell, sql.OF_CELL)


def _arms(cell: Cell) -> str:
    return ", ".join(f"$arm{i}" for i in range(len(cell.arms)))


def _filled(query: str, where: str) -> str:
    return query.replace("/*rows*/", where).replace("/*keys*/", sql.OF_KEYS)


def _part(answer: dict[str, Column]) -> Part:
    """By arm; what has none stands with the baseline's."""
    keys: Keys = answer.pop("k") * 2
    return keys + answer.pop("arm", 0), answer


def route_names(rows: Rows, query: str, cell: Cell, extent: Extent, part: tuple[int, int]) -> dict[str, Any]:
    """(unit, arm, label, time of the first) of what requests are called, in the arm that they were assigned to."""
    return rows.table(_filled(query, _compared(cell, sql.OF_CELL)), extent.parameters(cell, *part))


def event_names(
    rows: Rows, source: Source, label: str, cell: Cell, extent: Extent, part: tuple[int, int], arms: Keys, first: Column
) -> dict[str, Any]:
    """The same of what exposed units did; `label` is an expression over `source`, such as a tracked event's name."""
    exposed = {"exposed": {"key": arms >> 1, "arm": arms & 1, "first": first}}
    where = sql.OF_TRACKED if source == "tracked" else requests_of(cell)
    query = sql.EVENT_NAMES.replace("/*label*/", label).replace("/*source*/", source)
    return rows.table(_filled(query, f"{where} AND {sql.OF_KEYS}"), extent.parameters(cell, *part), exposed)


def touched_units(rows: Rows, cell: Cell, extent: Extent, part: tuple[int, int]) -> Keys:
    """The units that the rows are of, sorted."""
    parameters = extent.parameters(cell, *part)
    found = []
    for source, where in (("requests", requests_of(cell)), ("tracked", sql.OF_ANY_TRACKED)):
        query = _filled(sql.UNIT_KEYS.replace("/*source*/", source), where)
        found.append(rows.table(query, parameters)["k"])
    return np.unique(np.concatenate(found))


def candidate_units(rows: Rows, cell: Cell, extent: Extent) -> Iterator[list[tuple[str, int, float]]]:
    """(unit, requests that hurt it, first at) of the units that got the candidate of the cell's rollout, in chunks."""
    query = sql.EXPOSED_UNITS if cell.flag else sql.CANDIDATE_UNITS.replace("/*rows*/", sql.OF_CELL)
    return rows.ask(query, extent.parameters(cell))


def lesson_units(rows: Rows, parameters: Mapping[str, Parameter]) -> tuple[Keys, Column]:
    """The units that met a version, or a variant of a flag in its rollout, sorted, and when first."""
    source, where = ("tracked", sql.OF_VARIANT) if parameters["rollout"] else ("requests", sql.OF_LESSON)
    answer = rows.table(_filled(sql.LESSON_UNITS.replace("/*source*/", source), where), parameters)
    return answer["k"], answer["first"]


def of_lesson(parameters: Mapping[str, Parameter]) -> tuple[tuple[Source, str], ...]:
    """What those units did, by table."""
    return OF_FLAG if parameters["rollout"] else OF_LESSON


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
