"""Cells: the stages whose events are summed. Their sums are in memory, and on disk as of the last save."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from fader.model.evidence import HealthEvidence, MetricEvidence
from fader.ports.events import PAIRED, Cell, Names
from fader.telemetry import statements as sql
from fader.telemetry.columns import Columns
from fader.telemetry.derived import Derived
from fader.telemetry.names import NameSums
from fader.telemetry.questions import Extent
from fader.telemetry.rows import Rows
from fader.telemetry.sums import Sums
from fader.telemetry.tally import evidence, unknown

FOREVER = float("inf")
#: Sums are saved when so many units were touched since: what a crash costs is to read their rows again.
UNSAVED = 2_000_000
#: Seconds of tracked events, back from the newest, whose senders' clocks are compared with the server's.
SKEW_REACH = 300.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What a sealed cell says for good."""

    evidence: tuple[MetricEvidence, ...]
    health: HealthEvidence
    names: Names


@dataclass(frozen=True, slots=True)
class Kept:
    """A cell as it is stored. `folded`: the last batch in what is saved. `sealed`: its rows are gone."""

    id: int
    cell: Cell
    folded: int
    sealed: Answers | None

    @property
    def until(self) -> float:
        return self.cell.until or FOREVER


class Cells:
    def __init__(self, derived: Derived, rows: Rows) -> None:
        self._derived = derived
        self._rows = rows
        self._sums: dict[int, Sums] = {}
        self._names: dict[int, NameSums] = {}

    def open(self, cell: Cell) -> None:
        """Begin, or move `until`; what differs otherwise begins anew. A sealed cell stays as it is."""
        for each in (cell, *cell.paired):
            self._open(each)

    def _open(self, cell: Cell) -> None:
        kept = self._find(*cell.key)
        if kept is not None and kept.sealed is not None:
            return
        if kept is not None and replace(kept.cell, until=cell.until) == cell:
            self._move_until(kept, cell.until)
            return
        for other in self._select("WHERE until > 0 AND sealed IS NULL", ()):  # nobody asks for them every second
            self._save(other)
            self._drop(other.id)
        with self._derived.transaction() as db:
            if kept is not None:
                self._drop(kept.id)
                db.execute("DELETE FROM columns WHERE cell = ?", (kept.id,))
                db.execute("DELETE FROM cell WHERE id = ?", (kept.id,))
            db.execute(
                "INSERT INTO cell (rollout, attempt, stage, spec, until, folded, sealed) VALUES (?, ?, ?, ?, ?, 0, ?)",
                (*cell.key, msgspec.json.encode(replace(cell, until=0.0)), cell.until, self._lost(cell)),
            )

    def _lost(self, cell: Cell) -> bytes | None:
        """Of a holdout whose sums are lost and whose first rows are gone: the answer that nothing is known any more."""
        if cell.draw is None or cell.since >= self._rows.retained:
            return None
        return msgspec.json.encode(Answers(unknown(cell), HealthEvidence(), Names()))

    def evidence(self, rollout: str, attempt: int, stage: int) -> tuple[MetricEvidence, ...]:
        kept = self._find(rollout, attempt, stage)
        if kept is None:
            return ()
        return kept.sealed.evidence if kept.sealed else self._evidence(kept, self._caught_up(kept))

    def health(self, rollout: str, attempt: int, stage: int) -> HealthEvidence:
        kept = self._find(rollout, attempt, stage)
        if kept is None:
            return HealthEvidence()
        return kept.sealed.health if kept.sealed else self._health(kept, self._caught_up(kept))

    def names(self, rollout: str, attempt: int, stage: int) -> Names:
        kept = self._find(rollout, attempt, stage)
        if kept is None:
            return Names()
        return kept.sealed.names if kept.sealed else self._names_of(kept) if kept.cell.draw is None else Names()

    def forget(self, key: int) -> None:
        """Take the unit out of units and totals. The bins stay, with all that is loaded of it: a count of durations
        names nobody."""
        for kept in self._all():
            if kept.sealed is None:
                sums = self._caught_up(kept)
                names = self._names.get(kept.id)
                if names is not None:
                    names.forget(key)
                if sums.forget(key):
                    self._save(kept)
                self._let_go(kept)

    def catch_up(self) -> None:
        """Fold into every cell what it lacks, and save it: rows are about to go."""
        for kept in self._all():
            if kept.sealed is None:
                self._caught_up(kept)
                if kept.id in self._names:  # somebody asked for them
                    self._names_of(kept)
                self._save(kept)
                self._let_go(kept)

    def seal(self, since: float) -> None:
        """Rows before `since` go: cells that ended before keep their answers and let their units go."""
        for kept in self._all():
            if kept.sealed is None and kept.until < since:
                sums = self._caught_up(kept)
                scanned = kept.cell.stage < PAIRED and kept.cell.draw is None
                names = self._names_of(kept) if scanned else Names()
                answers = Answers(self._evidence(kept, sums), self._health(kept, sums), names)
                with self._derived.transaction() as db:
                    db.execute("UPDATE cell SET sealed = ? WHERE id = ?", (msgspec.json.encode(answers), kept.id))
                    db.execute("DELETE FROM columns WHERE cell = ?", (kept.id,))
                self._drop(kept.id)

    def save(self) -> None:
        """Everything that is in memory, so that the next start reads it instead of the rows."""
        for kept in self._all():
            if kept.sealed is None and kept.id in self._sums:
                self._save(kept)

    def _evidence(self, kept: Kept, sums: Sums) -> tuple[MetricEvidence, ...]:
        cell = kept.cell
        latest = max(self._rows.latest("service", cell.service), self._rows.latest("rollout", cell.rollout))
        if cell.draw is not None:
            latest = self._rows.newest()
        paired = {arm: found.totals for arm, found in self._paired(kept)}
        return evidence(sums.measures, sums.totals, min(kept.until, latest), paired)

    def _paired(self, kept: Kept) -> list[tuple[str, Sums]]:
        """The further arms of a stage with their sums."""
        found = [(cell.candidate, self._find(*cell.key)) for cell in kept.cell.paired]
        return [(arm, self._caught_up(pair)) for arm, pair in found if pair is not None]

    def _health(self, kept: Kept, sums: Sums) -> HealthEvidence:
        counts = {str(key[1]): n for key, n in sums.totals.items() if key[0] == "health"}
        skew = self._rows.table(sql.SKEW, {"reach": SKEW_REACH})["skew"].tolist()
        others = tuple((arm, of.totals["health", "candidate_units", 0]) for arm, of in self._paired(kept))
        return HealthEvidence(
            counts.get("candidate_units", 0),
            counts.get("baseline_units", 0),
            counts.get("crossed", 0),
            counts.get("silent", 0),
            counts.get("unexposed", 0),
            skew[0] if skew and skew[0] != FOREVER else 0.0,
            others=others,
        )

    def _names_of(self, kept: Kept) -> Names:
        sums = self._caught_up(kept)
        names = self._names.get(kept.id)
        if names is None or names.until != kept.until:  # rare: the rows of the stage are read once more
            names = self._names[kept.id] = NameSums(kept.cell, kept.until)
        with self._or_anew(kept):
            names.fold(self._rows, sums)
        return names.found()

    def _caught_up(self, kept: Kept) -> Sums:
        sums, last = self._loaded(kept), self._rows.batch
        if sums.folded < last:
            with self._or_anew(kept):
                sums.fold_past(self._rows, sums.folded, last)
                sums.fold(self._rows, Extent(sums.folded, last, kept.cell.since, kept.until))
                sums.folded = last
            if sums.unsaved > UNSAVED + len(sums.units) // 2:
                self._save(kept)
        return sums

    def _move_until(self, kept: Kept, until: float) -> None:
        """Rows between the old and the new end, which were folded or passed over, are taken out or put in."""
        if until == kept.cell.until:
            return
        new = until or FOREVER
        low, high = max(min(new, kept.until), kept.cell.since), max(new, kept.until)
        sums = self._caught_up(kept)
        with self._or_anew(kept):
            sums.fold(self._rows, Extent(0, sums.folded, low, high), 1 if new > kept.until else -1)
        with self._derived.transaction() as db:
            db.execute("UPDATE cell SET until = ? WHERE id = ?", (until, kept.id))
            self._write(kept.id, sums)

    @contextmanager
    def _or_anew(self, kept: Kept) -> Iterator[None]:
        """What failed half-way is thrown away, and made again from what is saved and from the rows."""
        try:
            yield
        except BaseException:
            self._drop(kept.id)
            raise

    def _loaded(self, kept: Kept) -> Sums:
        sums = self._sums.get(kept.id)
        if sums is None:
            db = self._derived.db
            query = "SELECT min(json_extract(spec, '$.since')) FROM cell WHERE rollout = ? AND attempt = ?"
            (start,) = db.execute(query, (kept.cell.rollout, kept.cell.attempt)).fetchone()
            sums = self._sums[kept.id] = Sums(kept.cell, start)
            (totals,) = db.execute("SELECT totals FROM cell WHERE id = ?", (kept.id,)).fetchone()
            for key, n in msgspec.json.decode(totals, type=list[tuple[list[str | int], int]]):
                sums.totals[tuple(key)] = n
            sums.folded = kept.folded
            self._read(kept.id, "units", sums.units)
            self._read(kept.id, "past", sums.past)
            self._load_names(kept)
        return sums

    def _read(self, cell: int, part: str, columns: Columns) -> None:
        query = "SELECT name, data FROM columns WHERE cell = ? AND part = ?"
        packed = dict(self._derived.db.execute(query, (cell, part)).fetchall())
        if packed:
            columns.unpack(packed)

    def _load_names(self, kept: Kept) -> None:
        """Those that were asked for before, unless the stage has another end since."""
        query = "SELECT data FROM columns WHERE cell = ? AND part = 'names' AND name = 'found'"
        row = self._derived.db.execute(query, (kept.id,)).fetchone()
        names = NameSums(kept.cell, kept.until)
        if row is not None and names.restore(row[0]):
            self._read(kept.id, "pairs", names.pairs)
            self._read(kept.id, "exposed", names.exposed)
            self._names[kept.id] = names

    def _save(self, kept: Kept) -> None:
        sums = self._sums.get(kept.id)
        if sums is not None:
            with self._derived.transaction():
                self._write(kept.id, sums)

    def _write(self, cell: int, sums: Sums) -> None:
        db = self._derived.db
        totals = msgspec.json.encode([(key, n) for key, n in sums.totals.items()])
        db.execute("UPDATE cell SET folded = ?, totals = ? WHERE id = ?", (sums.folded, totals, cell))
        db.execute("DELETE FROM columns WHERE cell = ?", (cell,))
        parts: dict[str, Iterable[tuple[str, bytes]]] = {"units": sums.units.pack(), "past": sums.past.pack()}
        names = self._names.get(cell)
        if names is not None:
            parts |= {"names": [("found", names.store())], "pairs": names.pairs.pack(), "exposed": names.exposed.pack()}
        for part, packed in parts.items():
            db.executemany(
                "INSERT INTO columns VALUES (?, ?, ?, ?)", ((cell, part, name, data) for name, data in packed)
            )
        sums.unsaved = 0

    def _let_go(self, kept: Kept) -> None:
        """A stage that ended is asked for rarely, and its sums are saved."""
        if kept.cell.until:
            self._drop(kept.id)

    def _drop(self, cell: int) -> None:
        self._sums.pop(cell, None)
        self._names.pop(cell, None)

    def _find(self, rollout: str, attempt: int, stage: int) -> Kept | None:
        found = self._select("WHERE rollout = ? AND attempt = ? AND stage = ?", (rollout, attempt, stage))
        return found[0] if found else None

    def _all(self) -> list[Kept]:
        """A stage comes before the cells of its further arms."""
        return self._select("ORDER BY id", ())

    def _select(self, where: str, parameters: Iterable[str | int]) -> list[Kept]:
        query = f"SELECT id, spec, until, folded, sealed FROM cell {where}"  # noqa: S608 - fixed texts above
        return [
            Kept(
                id_,
                replace(msgspec.json.decode(spec, type=Cell), until=until),
                folded,
                msgspec.json.decode(sealed, type=Answers) if sealed else None,
            )
            for id_, spec, until, folded, sealed in self._derived.db.execute(query, tuple(parameters)).fetchall()
        ]
