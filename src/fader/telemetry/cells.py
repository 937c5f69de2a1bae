"""Cells: the sums of each unit in a stage, and their totals. A fold costs what the new rows touch, no more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from fader.model.evidence import MetricEvidence
from fader.model.summary import ArmSummary, Histogram
from fader.ports.events import Cell
from fader.telemetry import statements as sql
from fader.telemetry.derived import Derived
from fader.telemetry.questions import Extent, unit_deltas, value_bins
from fader.telemetry.rows import Rows

#: Events of a unit that count in the sums of one stage, for a proportion (the cap of the clustered ratio).
EVENT_CAP = 5
UNCAPPED = 1 << 53

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Kept:
    """A cell as it is stored. `folded`: the last batch in its sums. `sealed`: its rows are gone, nothing is added."""

    id: int
    cell: Cell
    folded: int
    sealed: bool

    @property
    def until(self) -> float:
        return self.cell.until or FOREVER


class Cells:
    def __init__(self, derived: Derived, rows: Rows) -> None:
        self._derived = derived
        self._rows = rows

    def open(self, cell: Cell) -> None:
        """Begin, or move `until`; what differs otherwise begins anew. A sealed cell stays as it is."""
        kept = self._find(*cell.key)
        if kept is not None and kept.sealed:
            return
        if kept is not None and replace(kept.cell, until=cell.until) == cell:
            self._move_until(kept, cell.until)
            return
        with self._derived.transaction() as db:
            if kept is not None:
                self._clear(kept.id)
                db.execute("DELETE FROM cell WHERE id = ?", (kept.id,))
            db.execute(
                "INSERT INTO cell (rollout, attempt, stage, spec, until, folded) VALUES (?, ?, ?, ?, ?, 0)",
                (*cell.key, msgspec.json.encode(replace(cell, until=0.0)), cell.until),
            )

    def evidence(self, rollout: str, attempt: int, stage: int) -> tuple[MetricEvidence, ...]:
        kept = self._find(rollout, attempt, stage)
        if kept is None:
            return ()
        self._catch_up(kept)
        arms: dict[tuple[int, int], ArmSummary] = {}
        for metric, arm, *sums in self._derived.db.execute(sql.ARM_SUMS, {"cell": kept.id}):
            arms[metric, arm] = arm_summary(*sums)
        bins: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for metric, arm, number, n in self._derived.db.execute(sql.BINS, {"cell": kept.id}):
            bins.setdefault((metric, arm), []).append((number, n))
        return tuple(
            MetricEvidence(
                cell_metric.metric.name,
                arms.get((i, 1), ArmSummary()),
                arms.get((i, 0), ArmSummary()),
                histogram(bins.get((i, 1), ())),
                histogram(bins.get((i, 0), ())),
            )
            for i, cell_metric in enumerate(kept.cell.metrics)
        )

    def forget(self, unit: str) -> None:
        """Take the unit out of units and totals. The bins stay: a count of durations names nobody."""
        with self._derived.transaction() as db:
            for kept in self._all():
                keys = {"cell": kept.id, "unit": unit}
                db.execute("DELETE FROM delta")
                db.execute(sql.FORGET_DELTA, keys)
                db.execute(sql.FOLD_TOTALS, {"cell": kept.id, "caps": caps(kept.cell)})
                db.execute("DELETE FROM unit_sums WHERE cell = :cell AND u = :unit", keys)
            db.execute("DELETE FROM delta")

    def catch_up(self) -> None:
        """Fold into every cell what it lacks."""
        for kept in self._all():
            self._catch_up(kept)

    def seal(self, since: float) -> None:
        """Rows before `since` go: cells that ended before keep their totals and let their units go."""
        with self._derived.transaction() as db:
            for kept in self._all():
                if not kept.sealed and kept.until < since:
                    db.execute("DELETE FROM unit_sums WHERE cell = ?", (kept.id,))
                    db.execute("UPDATE cell SET sealed = 1 WHERE id = ?", (kept.id,))

    def _catch_up(self, kept: Kept) -> None:
        last = self._rows.batch
        if kept.sealed or kept.folded >= last:
            return
        with self._derived.transaction():
            self._fold(kept, Extent(kept.folded, last, kept.cell.since, kept.until), 1)
            self._derived.db.execute("UPDATE cell SET folded = ? WHERE id = ?", (last, kept.id))

    def _move_until(self, kept: Kept, until: float) -> None:
        """Rows between the old and the new end, which were folded or passed over, are taken out or put in."""
        if until == kept.cell.until:
            return
        new = until or FOREVER
        low, high = max(min(new, kept.until), kept.cell.since), max(new, kept.until)
        with self._derived.transaction() as db:
            self._fold(kept, Extent(0, kept.folded, low, high), 1 if new > kept.until else -1)
            db.execute("UPDATE cell SET until = ? WHERE id = ?", (until, kept.id))

    def _fold(self, kept: Kept, extent: Extent, sign: Literal[1, -1]) -> None:
        db = self._derived.db
        for chunk in unit_deltas(self._rows, kept.cell, extent):
            db.execute("DELETE FROM delta")
            db.executemany(sql.DELTA[sign], chunk)
            db.execute(sql.FOLD_TOTALS, {"cell": kept.id, "caps": caps(kept.cell)})
            db.execute(sql.FOLD_UNITS, {"cell": kept.id})
        db.executemany(
            sql.FOLD_BINS,
            [(kept.id, metric, arm, b, sign * n) for metric, arm, b, n in value_bins(self._rows, kept.cell, extent)],
        )

    def _clear(self, cell: int) -> None:
        for table in ("unit_sums", "arm_sums", "bins"):
            self._derived.db.execute(f"DELETE FROM {table} WHERE cell = ?", (cell,))  # noqa: S608 - names above

    def _find(self, rollout: str, attempt: int, stage: int) -> Kept | None:
        found = self._select("WHERE rollout = ? AND attempt = ? AND stage = ?", (rollout, attempt, stage))
        return found[0] if found else None

    def _all(self) -> list[Kept]:
        return self._select("", ())

    def _select(self, where: str, parameters: Iterable[str | int]) -> list[Kept]:
        query = f"SELECT id, spec, until, folded, sealed FROM cell {where}"  # noqa: S608 - fixed texts above
        return [
            Kept(id_, replace(msgspec.json.decode(spec, type=Cell), until=until), folded, bool(sealed))
            for id_, spec, until, folded, sealed in self._derived.db.execute(query, tuple(parameters)).fetchall()
        ]


def caps(cell: Cell) -> str:
    """By metric, as a JSON list. A quantile has none: above a threshold that everybody passes now and then, a cap
    would turn a share of requests into a count of units, and healthy heavy users into proof of nothing."""
    return json.dumps([EVENT_CAP if m.metric.kind == "proportion" else UNCAPPED for m in cell.metrics])


def arm_summary(
    units: int,
    requests: int,
    events: int,
    yy: int,
    yn: int,
    nn: int,
    first: int,
    failures: int,
    over: int,
    over_yy: int,
    over_yn: int,
) -> ArmSummary:
    return ArmSummary(
        units,
        float(requests),
        float(events),
        float(yy),
        float(yn),
        float(nn),
        first,
        float(failures),
        float(over),
        float(over_yy),
        float(over_yn),
    )


def histogram(bins: Iterable[tuple[int, int]]) -> Histogram:
    pairs = list(bins)
    return Histogram(tuple(b for b, _ in pairs), tuple(n for _, n in pairs))
