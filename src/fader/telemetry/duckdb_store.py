"""The embedded event store: a spool of acknowledged bytes, rows in DuckDB, sums per unit in SQLite."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from fader.errors import BadInput, Problem, Unavailable
from fader.model.evidence import HealthEvidence, LearningEvidence, MetricEvidence
from fader.model.failure import Failure
from fader.model.metric import Metric
from fader.model.summary import ArmSummary
from fader.ports.events import Cell, CellMetric, Exposure, Names, Tracked, Weighed
from fader.telemetry.cells import Cells
from fader.telemetry.derived import Derived
from fader.telemetry.exposures import Exposures
from fader.telemetry.learning import Learning
from fader.telemetry.lessons import Lessons
from fader.telemetry.line import key
from fader.telemetry.line import name as logged_name
from fader.telemetry.measure import measures
from fader.telemetry.rows import Rows
from fader.telemetry.spool import Spool
from fader.telemetry.tracked import encode

#: Bytes of the log that one transaction takes over: bounds the memory of a load after a long pause.
LOAD_BYTES = 8_000_000


class DuckDBEventStore:
    """An EventStore in `folder`. Safe to use from several threads: `append` never waits for the tables, and all else
    takes turns.
    """

    def __init__(self, folder: Path, memory: str = "256MB", threads: int = 1, part: int = 12_000_000) -> None:
        """`memory` limits DuckDB, as it writes sizes. A history of more than `part` rows is folded a part of the units
        at a time: each part reads it once, so that more of both makes a cold start faster.

        Raises BadInput (folder not writable), Corrupt (a file is not what it should be; names it and the fix),
        Unavailable (another process has the store).
        """
        _writable(folder)
        self._lock = Lock()
        self._rows = Rows(folder / "events.duckdb", memory, threads, part)
        try:
            self._derived = Derived(folder / "events.sums.sqlite3", self._rows.id)
            try:
                self._spool = Spool(folder / "spool", self._rows.taken())
                self._tracked = Spool(folder / "tracked", self._rows.taken())
            except BaseException:
                self._derived.close()
                raise
        except BaseException:
            self._rows.close()
            raise
        self._cells = Cells(self._derived, self._rows)
        self._exposures = Exposures(self._derived, self._rows)
        self._learning = Learning(self._derived, self._rows)
        self._lessons = Lessons(self._rows)

    def append(self, gateway: str, segment: str, offset: int, lines: bytes) -> int:
        try:
            return self._spool.append(gateway, segment, offset, lines)
        except OSError as error:
            raise Unavailable(f"requests cannot be spooled: {error}") from error

    def track(self, events: tuple[Tracked, ...]) -> None:
        """Raises BadInput (an event that cannot be; nothing is taken), Unavailable (nothing is acknowledged)."""
        lines = encode(events)
        try:
            if lines:
                self._tracked.add(lines)
        except OSError as error:
            raise Unavailable(f"events cannot be spooled: {error}") from error

    def load(self) -> int:
        with self._lock:
            return self._load()

    def broken(self) -> int:
        """Lines so far that could not be read."""
        with self._lock:
            return int(self._rows.broken)

    def open_cell(self, cell: Cell) -> None:
        measures(cell.metrics, by_request=cell.by_request)  # refuses what no event has before anything is written
        with self._lock:
            self._cells.open(cell)
            if cell.draw is None:
                self._exposures.open(cell)

    def evidence(self, rollout: str, attempt: int, stage: int) -> tuple[MetricEvidence, ...]:
        with self._lock:
            return self._cells.evidence(rollout, attempt, stage)

    def health(self, rollout: str, attempt: int, stage: int) -> HealthEvidence:
        with self._lock:
            return self._cells.health(rollout, attempt, stage)

    def names(self, rollout: str, attempt: int, stage: int) -> Names:
        with self._lock:
            return self._cells.names(rollout, attempt, stage)

    def learning(
        self, service: str, version: str, metrics: tuple[Metric, ...], since: float, rollout: str = ""
    ) -> tuple[LearningEvidence, ...]:
        asked = measures((CellMetric(metric) for metric in metrics), by_request=not rollout)
        direct = tuple(m.metric for m in asked if m.direct)
        others = tuple(m.metric for m in asked if not m.direct)
        with self._lock:
            learnt = iter(self._learning.evidence(service, version, direct, since))
            done = iter(self._lessons.evidence(service, version, others, since, rollout))
            return tuple(next(learnt) if m.direct else next(done) for m in asked)

    def spread(self, service: str, version: str, metric: CellMetric, since: float) -> ArmSummary:
        with self._lock:
            return self._lessons.spread(service, version, metric, since)

    def exposure(self, rollout: str, attempt: int) -> Exposure:
        with self._lock:
            return self._exposures.exposure(rollout, attempt)

    def among(self, rollout: str, attempt: int, units: Sequence[str]) -> Exposure | None:
        named = tuple(found for unit in units if (found := logged_name(unit)))
        with self._lock:
            return self._exposures.among(rollout, attempt, named)

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
        with self._lock:
            return self._rows.failures(service, candidate, baseline, since, until, most, rollout, met)

    def counted(self, service: str, since: float, until: float) -> int:
        with self._lock:
            return self._rows.counted(service, since, until)

    def weighed(self, service: str, since: float, until: float) -> Weighed:
        with self._lock:
            return self._rows.weighed(service, since, until)

    def forget(self, unit: str) -> int:
        """What was appended before is loaded first, so that it is erased too. Again after a crash: does the rest."""
        name = logged_name(unit)
        if name is None:
            return 0
        with self._lock:
            self._load()
            self._cells.forget(key(name))
            self._exposures.forget(name)
            self._learning.forget(name)
            self._lessons.forget()
            self._derived.erase_journal()
            return self._rows.forget(name)

    def retain(self, since: float) -> int:
        """Cells that ended before keep their totals; everything else of that time goes."""
        with self._lock:
            self._cells.catch_up()
            self._exposures.catch_up()
            self._cells.seal(since)
            self._exposures.seal()
            self._learning.retain(since)
            self._lessons.forget()
            count, segments = self._rows.retain(since)
            self._spool.drop(segments)
            return count

    def close(self) -> None:
        """What was appended stays in the spool for the next start."""
        with self._lock:
            self._cells.save()
            self._derived.close()
            self._rows.close()

    def _load(self) -> int:
        count = 0
        while True:
            batches, tracked = self._spool.waiting(LOAD_BYTES), self._tracked.waiting(LOAD_BYTES)
            if not batches and not tracked:
                return count
            count += self._rows.load(batches, tracked)
            self._spool.done(batches)
            self._tracked.done(tracked)


def _writable(folder: Path) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        problem = Problem(
            f"the event store cannot write here: {error.strerror}",
            "make it writable, or name another --data-dir",
            str(folder),
        )
        raise BadInput(problem) from error
