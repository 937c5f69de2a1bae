"""The requests themselves, in DuckDB. Rows never leave: what comes out is grouped by unit or by bin."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec

from fader.errors import BadInput, Corrupt, Problem, Unavailable
from fader.model.metric import Metric
from fader.ports.events import Cell, CellMetric
from fader.telemetry import statements as sql
from fader.telemetry.line import Line, read
from fader.telemetry.spool import Batch, Segment
from fader.telemetry.terms import terms

Parameter = float | str
#: (metric, candidate arm, unit, requests, events, over, events among all lines kept)
Delta = tuple[int, bool, str, int, int, int, int]

#: Seconds of a slot: the grain of the learning window.
SLOT = 300

#: Rows that are fetched at a time, so that catching up with millions of units does not take their memory.
CHUNK = 20_000

_encoder = msgspec.json.Encoder()


class Rows:
    """Not for several threads at once: the store holds a lock. `memory` is DuckDB's limit, e.g. "256MB"."""

    def __init__(self, path: Path, memory: str, threads: int) -> None:
        """Raises Corrupt (not a store of this version), Unavailable (another process has it), BadInput (no access)."""
        self._path = path
        self._scratch = path.with_suffix(".loading")
        self._db = _connect(path, memory, threads)
        try:
            self._run(sql.ROWS_SCHEMA, schema=sql.SCHEMA)
            self.id, schema, self.batch, self.broken = self._run(sql.STORE)[0]
        except duckdb.Error as error:
            self._db.close()
            raise _corrupt(path, str(error)) from error
        if schema != sql.SCHEMA:
            self._db.close()
            raise _corrupt(path, f"schema {schema}, and this fader reads {sql.SCHEMA}")

    def close(self) -> None:
        self._db.close()

    def taken(self) -> dict[Segment, int]:
        """Bytes of each segment that are in the tables."""
        return {(gateway, segment): taken for gateway, segment, taken in self._run(sql.SEGMENTS)}

    def load(self, batches: Sequence[Batch]) -> int:
        """Take these over in one transaction, with the marks that say so. Raises Unavailable when the disk refuses."""
        lines: list[Line] = []
        broken = 0
        newest: dict[Segment, tuple[int, float]] = {}
        for batch in batches:
            kept, bad = read(batch.path.read_bytes())
            taken, latest = newest.get(batch.key, (0, 0.0))
            newest[batch.key] = max(taken, batch.end), max([latest, *(line.at for line in kept)])
            lines += kept
            broken += bad
        number = self.batch + 1
        try:
            self._scratch.write_bytes(_encoder.encode_lines(lines))
            self._db.execute("BEGIN")
            try:
                if lines:
                    self._run(sql.LOAD, batch=number, file=str(self._scratch))
                for (gateway, segment), (taken, latest) in newest.items():
                    before = self._run(sql.DROP_SEGMENT, gateway=gateway, segment=segment)
                    latest = max([latest, *(row[0] for row in before)])
                    self._run(sql.TAKE_SEGMENT, gateway=gateway, segment=segment, taken=taken, newest=latest)
                self._run(sql.ADVANCE, batch=number, broken=broken)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
            raise Unavailable(f"{self._path}: requests cannot be stored: {error}") from error
        finally:
            self._scratch.unlink(missing_ok=True)
        self.batch = number
        self.broken += broken
        return len(lines)

    def deltas(self, cell: Cell, batches: tuple[int, int], span: tuple[float, float]) -> Iterator[list[Delta]]:
        """What the rows of the batches (after, last] that started in `span` add to the sums of each unit."""
        columns, parameters = [], _cell_parameters(cell, batches, span)
        for i, cell_metric in enumerate(cell.metrics):
            term = terms(cell_metric, f"a{i}")
            parameters |= term.parameters
            columns += [
                f"count(*) FILTER (p IS NOT NULL AND {term.selected})",
                f"count(*) FILTER (p IS NOT NULL AND {term.event})",
                f"count(*) FILTER (p IS NOT NULL AND {term.over})",
                f"count(*) FILTER ({term.event})",
            ]
        if not columns:
            return
        query = f"SELECT v = $candidate, u, {', '.join(columns)} FROM requests WHERE {_OF_CELL} GROUP BY 1, 2"
        for chunk in self._stream(query, parameters):
            yield [
                (i, row[0], row[1], *row[2 + 4 * i : 6 + 4 * i])
                for row in chunk
                for i in range(len(cell.metrics))
                if any(row[2 + 4 * i : 6 + 4 * i])
            ]

    def bins(
        self, cell: Cell, batches: tuple[int, int], span: tuple[float, float]
    ) -> Iterator[tuple[int, bool, int, int]]:
        """(metric, candidate arm, bin, requests) of the quantile metrics, units inside the sample."""
        for i, cell_metric in enumerate(cell.metrics):
            term = terms(cell_metric, f"a{i}")
            if term.bin:
                query = (
                    f"SELECT v = $candidate, {term.bin}, count(*) FROM requests "
                    f"WHERE {_OF_CELL} AND p IS NOT NULL AND {term.selected} GROUP BY 1, 2"
                )
                for row in self._run(query, **_cell_parameters(cell, batches, span), **term.parameters):
                    yield i, *row

    def candidate_units(
        self, cell: Cell, batches: tuple[int, int], span: tuple[float, float]
    ) -> Iterator[list[tuple[str, int, float]]]:
        """(unit, harmful requests, first at) of the units that got the candidate of the cell's rollout."""
        parameters = _cell_parameters(cell, batches, span) | {"rollout": cell.rollout}
        return self._stream(sql.CANDIDATE_UNITS, parameters)

    def learnt(
        self, service: str, version: str, metrics: Sequence[Metric], batches: tuple[int, int], slot: int
    ) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, int, int, int]]]:
        """(metric, slot, requests, events) and (metric, slot, bin, requests), of slots from `slot` on."""
        sums, bins = [], []
        for i, metric in enumerate(metrics):
            term = terms(CellMetric(metric), "a", deflected=False)
            parameters = _learning_parameters(service, version, batches, slot) | term.parameters
            event = "false" if term.bin else term.event
            query = f"SELECT {_SLOT}, count(*), count(*) FILTER ({event}) FROM requests WHERE {_OF_VERSION}"
            sums += [(i, *row) for row in self._run(f"{query} AND {term.selected} GROUP BY 1", **parameters)]
            if term.bin:
                query = f"SELECT {_SLOT}, {term.bin}, count(*) FROM requests WHERE {_OF_VERSION}"
                bins += [(i, *row) for row in self._run(f"{query} AND {term.selected} GROUP BY 1, 2", **parameters)]
        return sums, bins

    def learnt_units(
        self, service: str, version: str, metrics: Sequence[Metric], batches: tuple[int, int], slot: int
    ) -> Iterator[list[tuple[int, str, int]]]:
        """(metric, unit, slot of its last request)."""
        for i, metric in enumerate(metrics):
            term = terms(CellMetric(metric), "a", deflected=False)
            query = f"SELECT {i}, u, max({_SLOT}) FROM requests WHERE {_OF_VERSION} AND {term.selected} GROUP BY u"
            yield from self._stream(query, _learning_parameters(service, version, batches, slot) | term.parameters)

    def counted(self, service: str, since: float, until: float) -> int:
        return int(self._run(sql.COUNTED, service=service, since=since, until=until)[0][0])

    def forget(self, unit: str) -> int:
        """Erase the unit's rows, and rewrite what held its name."""
        count = int(self._run(sql.BLANK_UNIT, unit=unit)[0][0])
        self._run(sql.DELETE_BLANKED)
        self._db.execute("CHECKPOINT")
        return count

    def retain(self, since: float) -> tuple[int, list[Segment]]:
        """Drop rows that started before; also says which segments need no mark any more."""
        count = int(self._run(sql.DELETE_OLD, since=since)[0][0])
        segments = [(row[0], row[1]) for row in self._run(sql.OLD_SEGMENTS, since=since)]
        self._db.execute("CHECKPOINT")
        return count, segments

    def _run(self, query: str, **parameters: Parameter) -> list[tuple]:  # type: ignore[type-arg]
        used = {name: parameters[name] for name in set(re.findall(r"\$(\w+)", query))}
        return self._db.execute(query, used or None).fetchall()

    def _stream(self, query: str, parameters: Mapping[str, Parameter]) -> Iterator[list]:  # type: ignore[type-arg]
        used = {name: parameters[name] for name in set(re.findall(r"\$(\w+)", query))}
        with closing(self._db.cursor()) as cursor:
            cursor.execute(query, used)
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk


_IN_BATCHES = "batch > $folded AND batch <= $last AND s = $service AND u IS NOT NULL"
_OF_CELL = f"{_IN_BATCHES} AND why = 'rollout' AND v IS NOT NULL AND t >= $since AND t < $until"
_OF_VERSION = (
    f"{_IN_BATCHES} AND why IN ('rollout', 'none') AND v = $version AND (w IS NULL OR w = v) "
    "AND p IS NOT NULL AND t >= $since"
)
_SLOT = f"floor(t / {SLOT})::BIGINT"


def _cell_parameters(cell: Cell, batches: tuple[int, int], span: tuple[float, float]) -> dict[str, Parameter]:
    return {
        "service": cell.service,
        "candidate": cell.candidate,
        "folded": batches[0],
        "last": batches[1],
        "since": span[0],
        "until": span[1],
    }


def _learning_parameters(service: str, version: str, batches: tuple[int, int], slot: int) -> dict[str, Parameter]:
    return {"service": service, "version": version, "folded": batches[0], "last": batches[1], "since": slot * SLOT}


def slot_of(at: float) -> int:
    return math.floor(at / SLOT)


def _connect(path: Path, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "threads": threads,
        "temp_directory": str(path.with_suffix(".tmp")),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        return duckdb.connect(str(path), config=config)
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise Unavailable(f"{path}: another process has this event store open ({error})") from error
        if "permission" in str(error).lower():
            raise BadInput(
                Problem(f"the event store cannot be opened: {error}", "let fader write here", str(path))
            ) from error
        raise _corrupt(path, str(error)) from error
    except duckdb.Error as error:
        raise _corrupt(path, str(error)) from error


def _corrupt(path: Path, what: str) -> Corrupt:
    return Corrupt(
        f"{path}: not a readable event store: {what}\n  fix: restore it from a backup, or move it and everything "
        "beside it that starts with the same name away to begin without the history of requests"
    )
