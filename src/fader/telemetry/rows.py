"""The events themselves, in DuckDB: taken over from the spools, counted, erased."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np

from fader.errors import BadInput, Corrupt, Problem, Unavailable
from fader.model.failure import Failure, Request
from fader.ports.events import Weighed
from fader.telemetry import statements as sql
from fader.telemetry.columns import Column, Columns
from fader.telemetry.given import NO_ID, told
from fader.telemetry.line import Line, read
from fader.telemetry.spool import Batch, Segment
from fader.telemetry.tracked import EXPOSURE, TrackedRow, decode

Parameter = float | str
#: Rows that are fetched at a time, so that catching up with millions of units does not take their memory.
CHUNK = 20_000

_encoder = msgspec.json.Encoder()


class Rows:
    """Not for several threads at once: the store holds a lock. `memory` is DuckDB's limit, e.g. "256MB"; `part`:
    rows whose units are asked for at a time, as far as that suffices."""

    def __init__(self, path: Path, memory: str, threads: int, part: int = 12_000_000) -> None:
        """Raises Corrupt (not a store of this version), Unavailable (another process has it), BadInput (no access)."""
        self._path = path
        self.part = part
        self._scratch = path.with_suffix(".loading")
        self._scratch_tracked = path.with_suffix(".tracking")
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
        self._latest = {(kind, name): at for kind, name, at in self._run(sql.LATEST)}
        self._remember_ids()

    def close(self) -> None:
        self._db.close()

    def taken(self) -> dict[Segment, int]:
        """Bytes of each segment that are in the tables."""
        return {(gateway, segment): taken for gateway, segment, taken in self._run(sql.SEGMENTS)}

    @property
    def retained(self) -> float:
        """Rows that started before are gone; 0 as long as none are."""
        return self.latest("retained", "")

    def newest(self) -> float:
        """The latest start of any request, or exposure event; 0 for none."""
        return max((at for (kind, _), at in self._latest.items() if kind != "retained"), default=0.0)

    def latest(self, kind: str, name: str) -> float:
        """The latest start of the requests of a `service`, or of the exposure events of a `rollout`; 0 for none."""
        return float(self._latest.get((kind, name), 0.0))

    def brought(self, after: int) -> int:
        """How many rows came with the batches after this one."""
        return int(self.table(sql.BROUGHT, {"after": after})["n"][0])

    def load(self, batches: Sequence[Batch], tracked: Sequence[Batch] = ()) -> int:
        """Take these over in one transaction, with the marks that say so. Raises Unavailable: then nothing is taken."""
        lines: list[Line] = []
        events: list[TrackedRow] = []
        broken = 0
        marks: dict[Segment, tuple[int, float]] = {}
        with _refusals(self._path):
            for batch in batches:
                kept, bad = read(batch.path.read_bytes())
                end, newest = marks.get(batch.key, (0, 0.0))
                marks[batch.key] = max(end, batch.end), max([newest, *(line.at for line in kept)])
                lines += kept
                broken += bad
            for batch in tracked:
                events += decode(batch.path.read_bytes())
                marks[batch.key] = batch.end, 0.0
            events = [*self._fresh(events), *told(lines)]
            latest = _latest(lines, events)
            try:
                self._scratch.write_bytes(_encoder.encode_lines(lines))
                self._scratch_tracked.write_bytes(_encoder.encode_lines(events))
                self._commit(lines, events, marks, latest, broken)
            finally:
                self._scratch.unlink(missing_ok=True)
                self._scratch_tracked.unlink(missing_ok=True)
        self.batch += 1
        self.broken += broken
        for key, at in latest.items():
            self._latest[key] = max(at, self._latest.get(key, 0.0))
        ids = np.sort(np.array([event.i for event in events if event.i != NO_ID], np.int64))
        self._ids.write(self._ids.locate(ids), {})
        return len(lines) + len(events)

    def _fresh(self, events: list[TrackedRow]) -> list[TrackedRow]:
        """Without those whose id is there already."""
        first = {event.i: event for event in reversed(events)}
        ids = np.sort(np.fromiter(first, np.int64, len(first)))
        for known in ids[self._ids.locate(ids).there].tolist():
            del first[known]
        return list(first.values())

    def _commit(
        self,
        lines: Sequence[Line],
        events: Sequence[TrackedRow],
        marks: Mapping[Segment, tuple[int, float]],
        latest: Mapping[tuple[str, str], float],
        broken: int,
    ) -> None:
        number = self.batch + 1
        self._db.execute("BEGIN")
        try:
            if lines:
                self._run(sql.LOAD, batch=number, file=str(self._scratch))
            if events:
                self._run(sql.LOAD_TRACKED, batch=number, file=str(self._scratch_tracked))
            for (gateway, segment), (end, newest) in marks.items():
                before = self._run(sql.DROP_SEGMENT, gateway=gateway, segment=segment)
                latest_start = max([newest, *(row[0] for row in before)])
                self._run(sql.TAKE_SEGMENT, gateway=gateway, segment=segment, taken=end, newest=latest_start)
            for (kind, name), at in latest.items():
                if at > self.latest(kind, name):
                    self._run(sql.DROP_LATEST, kind=kind, name=name)
                    self._run(sql.TAKE_LATEST, kind=kind, name=name, t=at)
            self._run(sql.ADVANCE, batch=number, broken=broken)
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a failed commit has rolled back already
                self._db.execute("ROLLBACK")
            raise

    def _remember_ids(self) -> None:
        """Ids are known as long as their events are kept: eight bytes each."""
        self._ids = Columns({})
        self._ids.write(self._ids.locate(np.unique(self.table(sql.TRACKED_IDS, {})["i"])), {})

    def failures(
        self,
        service: str,
        candidate: str,
        baseline: str,
        since: float,
        until: float,
        most: int,
        rollout: str,
        met: float,
    ) -> tuple[Failure, ...]:
        where: dict[str, Parameter] = {"service": service, "since": since, "until": until}
        where |= {"rollout": rollout, "met": met}
        of = sql.ASKED_BY_VARIANT if rollout else sql.ASKED_BY_VERSION
        failing = sql.FAILING.replace("/*asked*/", of).replace("/*those*/", sql.FAILED)
        others = sql.BESIDE.replace("/*asked*/", of).replace("/*those*/", sql.OF_ROUTES)
        found = [Request(*row) for row in self._run(failing, candidate=candidate, most=most, **where)]
        routes = "\n".join(dict.fromkeys(r.route for r in found))
        rows = self._run(others, baseline=baseline, routes=routes, **where) if found else []
        beside = {r.route: r for r in (Request(*row) for row in rows)}
        return tuple(Failure(r, beside.get(r.route)) for r in found)

    def counted(self, service: str, since: float, until: float) -> int:
        return int(self._run(sql.COUNTED, service=service, since=since, until=until)[0][0])

    def weighed(self, service: str, since: float, until: float) -> Weighed:
        return Weighed(*self._run(sql.WEIGHED, service=service, since=since, until=until)[0])

    def forget(self, unit: str) -> int:
        """Erase the unit's rows, and rewrite what held its name."""
        count = int(self._run(sql.BLANK_UNIT, unit=unit)[0][0])
        tracked = int(self._run(sql.BLANK_TRACKED, unit=unit)[0][0])
        self._run(sql.DELETE_BLANKED)
        self._run(sql.DELETE_BLANKED_TRACKED)
        self._db.execute("CHECKPOINT")
        if tracked:
            self._remember_ids()
        return count + tracked

    def retain(self, since: float) -> tuple[int, list[Segment]]:
        """Drop rows that started before; also says which segments need no mark any more."""
        count = int(self._run(sql.DELETE_OLD, since=since)[0][0])
        tracked = int(self._run(sql.DELETE_OLD_TRACKED, since=since)[0][0])
        segments = [(row[0], row[1]) for row in self._run(sql.OLD_SEGMENTS, since=since)]
        if since > self.retained:
            self._run(sql.DROP_LATEST, kind="retained", name="")
            self._run(sql.TAKE_LATEST, kind="retained", name="", t=since)
            self._latest["retained", ""] = since
        self._db.execute("CHECKPOINT")
        if tracked:
            self._remember_ids()
        return count + tracked, segments

    def ask(self, query: str, parameters: Mapping[str, Parameter]) -> Iterator[list[Any]]:
        """The rows of an answer, some thousands at a time. Parameters that the query does not name are left out.

        Raises Unavailable when memory or disk do not suffice.
        """
        with closing(self._db.cursor()) as cursor, _refusals(self._path):
            cursor.execute(query, _used(query, parameters))
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk

    def table(
        self, query: str, parameters: Mapping[str, Parameter], relations: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Column]:
        """The answer by column: whole numbers as int64, times as float64; what is NULL is 0, or never (inf).

        `relations`: further tables that the query names, by column. Raises Unavailable.
        """
        with closing(self._db.cursor()) as cursor, _refusals(self._path):
            for name, columns in (relations or {}).items():
                cursor.register(name, dict(columns))
            found = cursor.execute(query, _used(query, parameters)).fetchnumpy()
        return {name: _plain(values) for name, values in found.items()}

    def _run(self, query: str, **parameters: Parameter) -> list[Any]:
        with _refusals(self._path):
            return self._db.execute(query, _used(query, parameters)).fetchall()


def _latest(lines: Sequence[Line], events: Sequence[TrackedRow]) -> dict[tuple[str, str], float]:
    latest: dict[tuple[str, str], float] = {}
    for line in lines:
        latest["service", line.s] = max(line.at, latest.get(("service", line.s), 0.0))
    for event in events:
        if event.name == EXPOSURE:
            latest["rollout", event.r] = max(event.t, latest.get(("rollout", event.r), 0.0))
    return latest


def _plain(values: Any) -> Any:
    """NULLs come as a mask. Texts stay as they are."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.filled(np.inf if values.dtype.kind == "f" else 0)
    if values.dtype.kind == "f":
        return np.asarray(values, np.float64)
    return np.asarray(values, np.int64) if values.dtype.kind in "iub" else values


def _used(query: str, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    return {name: parameters[name] for name in set(re.findall(r"\$(\w+)", query))}


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException, OSError) as error:
        raise Unavailable(f"{path}: the event store cannot do this now: {error}") from error


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
