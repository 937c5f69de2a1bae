"""Which units met the candidate over a whole attempt, and which of them it hurt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from fader.ports.events import Cell, Exposure
from fader.telemetry import statements as sql
from fader.telemetry.derived import Derived
from fader.telemetry.questions import Extent, candidate_units
from fader.telemetry.rows import Rows

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Attempt:
    """`cell` is its first: the attempt goes from there until the next attempt's first, gaps between stages included."""

    id: int
    cell: Cell
    until: float
    folded: int
    sealed: bool


class Exposures:
    def __init__(self, derived: Derived, rows: Rows) -> None:
        self._derived = derived
        self._rows = rows

    def open(self, cell: Cell) -> None:
        """An attempt begins with the earliest `since` of its cells, and ends the one before."""
        found = self._find(cell.rollout, cell.attempt)
        if found is not None and (found.sealed or found.cell.since <= cell.since):
            return
        spec = msgspec.json.encode(cell)
        with self._derived.transaction() as db:
            if found is None:
                db.execute(
                    "INSERT INTO attempt (rollout, attempt, spec, since, folded) VALUES (?, ?, ?, ?, 0)",
                    (cell.rollout, cell.attempt, spec, cell.since),
                )
            else:
                db.execute("UPDATE attempt SET spec = ?, since = ? WHERE id = ?", (spec, cell.since, found.id))
                self._begin_anew(found)
            for other in self._all():
                if other.cell.rollout == cell.rollout and other.cell.attempt < cell.attempt and not other.sealed:
                    self._begin_anew(other)

    def exposure(self, rollout: str, attempt: int) -> Exposure:
        found = self._find(rollout, attempt)
        if found is None:
            return Exposure()
        self._catch_up(found)
        query = "SELECT units, harmed, first_at FROM attempt WHERE id = ?"
        return Exposure(*self._derived.db.execute(query, (found.id,)).fetchone())

    def among(self, rollout: str, attempt: int, units: Sequence[str]) -> Exposure | None:
        """`units` as they are logged."""
        found = self._find(rollout, attempt)
        if found is None:
            return Exposure()
        self._catch_up(found)
        if found.sealed:
            return None
        with self._derived.transaction() as db:
            db.execute("DELETE FROM asked")
            db.executemany("INSERT OR IGNORE INTO asked VALUES (?)", ((unit,) for unit in units))
            return Exposure(*db.execute(sql.AMONG, {"attempt": found.id}).fetchone())

    def catch_up(self) -> None:
        for attempt in self._all():
            self._catch_up(attempt)

    def forget(self, unit: str) -> None:
        with self._derived.transaction() as db:
            query = "DELETE FROM exposed WHERE attempt = ? AND u = ? RETURNING harms"
            for attempt in self._all():
                for (harms,) in db.execute(query, (attempt.id, unit)).fetchall():
                    db.execute(sql.LESS_EXPOSURE, {"attempt": attempt.id, "harmed": int(harms > 0)})

    def seal(self) -> None:
        """Attempts all of whose cells are sealed keep their counts and let their units go."""
        with self._derived.transaction() as db:
            for (attempt,) in db.execute(sql.ENDED_ATTEMPTS).fetchall():
                db.execute("DELETE FROM exposed WHERE attempt = ?", (attempt,))
                db.execute("UPDATE attempt SET sealed = 1 WHERE id = ?", (attempt,))

    def _catch_up(self, attempt: Attempt) -> None:
        last = self._rows.batch
        if attempt.sealed or attempt.folded >= last:
            return
        with self._derived.transaction() as db:
            extent = Extent(attempt.folded, last, attempt.cell.since, attempt.until)
            for chunk in candidate_units(self._rows, attempt.cell, extent):
                db.execute("DELETE FROM seen")
                db.executemany("INSERT INTO seen VALUES (?, ?, ?)", chunk)
                db.execute(sql.MORE_EXPOSURE, {"attempt": attempt.id})
                db.execute(sql.MORE_EXPOSED, {"attempt": attempt.id})
            db.execute("UPDATE attempt SET folded = ? WHERE id = ?", (last, attempt.id))

    def _begin_anew(self, attempt: Attempt) -> None:
        """It was counted with another span. Rare (a retry): its rows are read once more."""
        self._derived.db.execute("DELETE FROM exposed WHERE attempt = ?", (attempt.id,))
        self._derived.db.execute(
            "UPDATE attempt SET folded = 0, units = 0, harmed = 0, first_at = 0 WHERE id = ?", (attempt.id,)
        )

    def _find(self, rollout: str, attempt: int) -> Attempt | None:
        for found in self._all():
            if (found.cell.rollout, found.cell.attempt) == (rollout, attempt):
                return found
        return None

    def _all(self) -> list[Attempt]:
        return [
            Attempt(id_, msgspec.json.decode(spec, type=Cell), until or FOREVER, folded, bool(sealed))
            for id_, spec, until, folded, sealed in self._derived.db.execute(sql.ATTEMPTS).fetchall()
        ]
