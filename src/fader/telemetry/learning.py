"""What a version did over a sliding window: sums by slots of five minutes, so that the window may move for nothing."""

from __future__ import annotations

from collections import Counter

import msgspec

from fader.model.evidence import LearningEvidence
from fader.model.metric import Metric
from fader.telemetry import statements as sql
from fader.telemetry.derived import Derived
from fader.telemetry.questions import Lesson, slot_of
from fader.telemetry.rows import Rows
from fader.telemetry.tally import histogram


class Learning:
    """Of metrics of requests as they come; the others are learnt from what units did (`lessons.py`).

    Begun by the first question, from the rows; then each question folds what is new."""

    def __init__(self, derived: Derived, rows: Rows) -> None:
        self._derived = derived
        self._rows = rows

    def evidence(
        self, service: str, version: str, metrics: tuple[Metric, ...], since: float
    ) -> tuple[LearningEvidence, ...]:
        slot = slot_of(since)
        spec = msgspec.json.encode((service, version, metrics))
        db = self._derived.db
        row = db.execute("SELECT id, slot, folded FROM learning WHERE spec = ?", (spec,)).fetchone()
        if row is not None and row[1] > slot:  # it does not reach back so far
            self._drop(row[0])
            row = None
        if row is None:
            query = "INSERT INTO learning (spec, slot, folded) VALUES (?, ?, 0) RETURNING id, slot, folded"
            row = db.execute(query, (spec, slot)).fetchall()[0]
        learning, from_slot, folded = row
        if folded < self._rows.batch:
            self._fold(learning, metrics, Lesson(service, version, folded, self._rows.batch, from_slot))
        keys = {"learning": learning, "slot": slot}
        sums = {metric: rest for metric, *rest in db.execute(sql.LEARNT, keys)}
        bins: dict[int, list[tuple[int, int]]] = {}
        for metric, number, n in db.execute(sql.LEARNT_BINS, keys):
            bins.setdefault(metric, []).append((number, n))
        evidence = []
        for i, metric in enumerate(metrics):
            requests, events, units = sums.get(i, (0, 0, 0))
            events = float(events) if metric.kind == "proportion" else 0.0  # a quantile has no threshold yet
            evidence.append(LearningEvidence(metric.name, requests, units, events, histogram(bins.get(i, ()))))
        return tuple(evidence)

    def forget(self, unit: str) -> None:
        """What knew the unit begins anew with the next question."""
        query = "SELECT id FROM learning WHERE EXISTS (SELECT 1 FROM learnt_units WHERE learning = id AND u = ?)"
        for (learning,) in self._derived.db.execute(query, (unit,)).fetchall():
            self._drop(learning)

    def retain(self, since: float) -> None:
        """What reaches back beyond `since` begins anew with the next question."""
        for (learning,) in self._derived.db.execute(
            "SELECT id FROM learning WHERE slot <= ?", (slot_of(since),)
        ).fetchall():
            self._drop(learning)

    def _fold(self, learning: int, metrics: tuple[Metric, ...], lesson: Lesson) -> None:
        with self._derived.transaction() as db:
            for i, metric in enumerate(metrics):
                for chunk in lesson.ask(self._rows, sql.LEARN, metric):
                    db.executemany(sql.FOLD_LEARNT, [(learning, i, *row, 0) for row in chunk])
                if metric.kind == "quantile":
                    for chunk in lesson.ask(self._rows, sql.LEARN_BINS, metric):
                        db.executemany(sql.FOLD_LEARNT_BINS, [(learning, i, *row) for row in chunk])
            for units in lesson.units(self._rows, metrics):
                if lesson.after:
                    db.execute("DELETE FROM fresh")
                    db.executemany("INSERT INTO fresh VALUES (?, ?, ?)", units)
                    db.execute(sql.NEW_LEARNT_UNITS, {"learning": learning})
                    db.execute(sql.MOVE_LEARNT_UNITS, {"learning": learning})
                else:  # a long history is caught up: no unit is known yet
                    counts = Counter((i, slot) for i, _, slot in units)
                    db.executemany(sql.FOLD_LEARNT, [(learning, i, s, 0, 0, n) for (i, s), n in counts.items()])
                    db.executemany(sql.FIRST_LEARNT_UNITS, [(learning, u, i, slot) for i, u, slot in units])
            db.execute("UPDATE learning SET folded = ? WHERE id = ?", (lesson.last, learning))

    def _drop(self, learning: int) -> None:
        with self._derived.transaction() as db:
            for table in ("learnt", "learnt_bins", "learnt_units"):
                db.execute(f"DELETE FROM {table} WHERE learning = ?", (learning,))  # noqa: S608 - names above
            db.execute("DELETE FROM learning WHERE id = ?", (learning,))
