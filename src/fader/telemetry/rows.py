"""The requests themselves, in DuckDB: taken over from the spool, counted, erased."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from fader.errors import BadInput, Corrupt, Problem, Unavailable
from fader.telemetry import statements as sql
from fader.telemetry.line import Line, read
from fader.telemetry.spool import Batch, Segment

Parameter = float | str
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
        """Take these over in one transaction, with the marks that say so. Raises Unavailable: then nothing is taken."""
        lines: list[Line] = []
        broken = 0
        marks: dict[Segment, tuple[int, float]] = {}
        with _refusals(self._path):
            for batch in batches:
                kept, bad = read(batch.path.read_bytes())
                end, newest = marks.get(batch.key, (0, 0.0))
                marks[batch.key] = max(end, batch.end), max([newest, *(line.at for line in kept)])
                lines += kept
                broken += bad
            try:
                self._scratch.write_bytes(_encoder.encode_lines(lines))
                self._commit(lines, marks, broken)
            finally:
                self._scratch.unlink(missing_ok=True)
        self.batch += 1
        self.broken += broken
        return len(lines)

    def _commit(self, lines: Sequence[Line], marks: Mapping[Segment, tuple[int, float]], broken: int) -> None:
        number = self.batch + 1
        self._db.execute("BEGIN")
        try:
            if lines:
                self._run(sql.LOAD, batch=number, file=str(self._scratch))
            for (gateway, segment), (end, newest) in marks.items():
                before = self._run(sql.DROP_SEGMENT, gateway=gateway, segment=segment)
                latest = max([newest, *(row[0] for row in before)])
                self._run(sql.TAKE_SEGMENT, gateway=gateway, segment=segment, taken=end, newest=latest)
            self._run(sql.ADVANCE, batch=number, broken=broken)
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a failed commit has rolled back already
                self._db.execute("ROLLBACK")
            raise

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

    def ask(self, query: str, parameters: Mapping[str, Parameter]) -> Iterator[list[Any]]:
        """The rows of an answer, some thousands at a time. Parameters that the query does not name are left out.

        Raises Unavailable when memory or disk do not suffice.
        """
        with closing(self._db.cursor()) as cursor, _refusals(self._path):
            cursor.execute(query, _used(query, parameters))
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk

    def _run(self, query: str, **parameters: Parameter) -> list[Any]:
        with _refusals(self._path):
            return self._db.execute(query, _used(query, parameters)).fetchall()


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
