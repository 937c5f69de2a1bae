"""The sums of one stage: what each unit did, in memory, and the totals. A fold costs what the new rows touch.

Units are kept by arm: key of the unit times two, plus one with the candidate. What does not belong to an arm
(tracked events, exposed or not; what was met of arms that are not compared here) stands with the baseline's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

import numpy as np

from fader.ports.events import Cell
from fader.telemetry.columns import Column, Columns, Keys, together
from fader.telemetry.measure import Measure, measures
from fader.telemetry.questions import (
    Extent,
    done,
    key_ranges,
    unit_bins,
    unit_events,
    unit_past,
    unit_rows,
    value_bins,
)
from fader.telemetry.rows import Rows
from fader.telemetry.tally import Totals, tally

#: Columns of some units by arm (the baseline's and the candidate's in turns), and what they did before.
Units = tuple[dict[str, Column], dict[str, Column]]


class Sums:
    """`start`: when the attempt began, where the time of covariates ends. `folded`: the last batch that is in."""

    def __init__(self, cell: Cell, start: float) -> None:
        self.cell, self.start = cell, start
        self.measures: tuple[Measure, ...] = measures(cell.metrics, by_request=cell.by_request)
        self.outcomes = tuple(m for m in self.measures if not (m.direct or m.external))
        kinds = {"first": "f8", "inside": "i4", "req": "i4", "act": "i4", "out": "i4"}
        if cell.arms:
            kinds["away"] = "i4"
        past: dict[str, str] = {}
        for m in self.measures:
            kinds |= m.kinds
            if cell.past and not m.external:
                past |= {"here": "i4", f"p{m.index}": m.kinds[f"y{m.index}"]}
                past |= {f"q{m.index}": m.kinds[f"n{m.index}"]} if m.own_n else {}
        self.units, self.past = Columns(kinds), Columns(past)
        self.totals: Totals = Counter()
        self.folded = 0
        self.unsaved = 0

    def fold(self, rows: Rows, extent: Extent, sign: Literal[1, -1] = 1) -> None:
        """Add what the rows of the extent say, or take it out again because the end of the stage moved."""
        for low, high in key_ranges(rows, extent):
            self._fold(rows, extent, low, high, sign)
        for metric, arm, number, n in value_bins(rows, self.measures, self.cell, extent):
            self.totals["bin", metric, int(arm), number] += sign * n

    def fold_past(self, rows: Rows, after: int, last: int) -> None:
        """What units did before the attempt."""
        if not self.past.kinds:
            return
        extent = Extent(after, last, self.cell.past, self.start)
        for low, high in key_ranges(rows, extent):
            keys, more = together(unit_past(rows, self.measures, self.cell, extent, low, high), self.past.kinds)
            if len(keys):
                arms, at = self.units.read(self.units.locate(both(keys))), self.past.locate(keys)
                known = self.past.read(at)
                new = {name: known[name] + more[name] for name in known}
                self.past.write(at, new)
                self._account((arms, known), (arms, new))

    def forget(self, key: int) -> bool:
        """Take a unit out; whether it was there."""
        unit = np.array([key], np.int64)
        at, at_past = self.units.locate(both(unit)), self.past.locate(unit)
        nothing, nothing_past = self.units.nothing(2), self.past.nothing(1)
        self._account((self.units.read(at), self.past.read(at_past)), (nothing, nothing_past))
        none = np.zeros(2, bool)
        self.units.write(at, nothing, none)
        self.past.write(at_past, nothing_past, none[:1])
        return bool(at.there.any() or at_past.there.any())

    def _fold(self, rows: Rows, extent: Extent, low: int, high: int, sign: Literal[1, -1]) -> None:
        cell, kinds = self.cell, self.units.kinds
        keys, more = together(unit_rows(rows, self.measures, cell, extent, low, high), kinds)
        units = _distinct(keys >> 1)
        if not len(units):
            return
        arms = both(units)
        at = self.units.locate(arms)
        past, delta = self.past.read(self.past.locate(units)), _spread(arms, keys, more, kinds)
        if sign > 0 and not at.found:  # all are new, as when a long history is read from cold
            known, first, values = None, delta["first"], delta
            anew = np.isfinite(first)
        else:
            known = self.units.read(at)
            first = np.minimum(known["first"], delta["first"]) if sign > 0 else known["first"]
            anew = delta["first"] < known["first"] if sign > 0 else np.isfinite(first) & (first >= extent.since)
            if sign > 0:  # what was counted of it is in no row any more, and stays
                anew &= ~(known["first"] < rows.retained)
            values = {name: _added(known[name], delta[name], kind, sign, extent) for name, kind in kinds.items()}
        self._outcomes(rows, extent, (low, high), sign, arms, first, anew, known, values)
        self._values(rows, extent, (low, high), sign, arms, known, values)
        new = np.zeros(len(arms), bool)
        new[np.searchsorted(arms, keys)] = True
        self.units.write(at, values, new)
        self._account((known, past) if known else None, (values, past))

    def _outcomes(
        self,
        rows: Rows,
        extent: Extent,
        part: tuple[int, int],
        sign: Literal[1, -1],
        arms: Keys,
        first: Column,
        anew: Column,
        known: dict[str, Column] | None,
        values: dict[str, Column],
    ) -> None:
        """Units whose first exposure is as it was get what is new; for the others everything since then is read."""
        names = {name: kind for m in self.outcomes for name, kind in m.kinds.items()}
        if not names:
            return
        same = np.isfinite(first) & ~anew
        asked = [(same, extent)]
        if sign > 0 and anew.any():
            asked.append((anew, Extent(0, extent.last, float(first[anew].min()), extent.until)))
        nothing = Columns(names).nothing(len(arms))
        for name in names:
            values[name] = np.where(anew, nothing[name], known[name]) if known else nothing[name]
        for chosen, where in asked:
            if chosen.any():
                parameters = where.parameters(self.cell, *part)
                if not self.cell.by_request:
                    del parameters["candidate"]  # a request's version is no variant of it
                found = unit_events(rows, self.outcomes, parameters, arms[chosen], first[chosen], done(self.cell))
                delta = _spread(arms, *together(found, names), names)
                for name, kind in names.items():
                    values[name] = _added(values[name], delta[name], kind, sign, extent)

    def _values(
        self,
        rows: Rows,
        extent: Extent,
        part: tuple[int, int],
        sign: Literal[1, -1],
        arms: Keys,
        known: dict[str, Column] | None,
        values: dict[str, Column],
    ) -> None:
        """The values of quantiles of what units did, as far as they changed, into the bins of their arms.

        What is new counts for the units that were known, from the first exposure that was known; where that is another
        one now, what the unit has by the old one is taken out and what it has by the new one is put in. A unit that met
        both arms has its values in each, from its exposure to that arm on, as its requests have where they come with
        their arm: taking them out would read again all that it did.
        """
        if not any(m.quantile for m in self.outcomes):
            return
        now = _counted_from(values)
        before = _counted_from(known) if known else np.full(len(arms), np.inf)
        moved = now != before
        whole = Extent(0, extent.last, self.cell.since, extent.until if sign > 0 else extent.since)
        self._binned(rows, extent, part, sign, arms, before)
        self._binned(rows, whole, part, -1, arms[moved], before[moved])
        self._binned(rows, whole, part, 1, arms[moved], now[moved])

    def _binned(
        self, rows: Rows, extent: Extent, part: tuple[int, int], sign: Literal[1, -1], arms: Keys, first: Column
    ) -> None:
        """Count the values of the extent from `first` on, or take them out."""
        there = first < extent.until
        if there.any():
            extent = replace(extent, since=max(extent.since, float(first[there].min())))
            parameters, of = extent.parameters(self.cell, *part), done(self.cell)
            for metric, arm, number, n in unit_bins(rows, self.outcomes, parameters, arms[there], first[there], of):
                self.totals["bin", metric, arm, number] += sign * n

    def _account(self, before: Units | None, after: Units) -> None:
        """Totals change by what the touched units add now and added before; None: they were not there."""
        self.totals.update(self._tallied(after))
        old = self._tallied(before) if before else Counter()
        self.totals.subtract(old)
        for key in [key for key in old if not self.totals[key]]:
            del self.totals[key]
        self.unsaved += len(next(iter(after[0].values()))) // 2

    def _tallied(self, some: Units) -> Totals:
        units, past = some
        return tally(self.measures, (_of_arm(0, units), _of_arm(1, units)), past, self.cell.since)


def _of_arm(arm: int, units: dict[str, Column]) -> dict[str, Column]:
    return {name: column[arm::2] for name, column in units.items()}


def _counted_from(columns: dict[str, Column]) -> Column:
    """The first exposure of each unit that is inside the sample; never (inf) of the others."""
    return np.where(columns["inside"] > 0, columns["first"], np.inf)


def _distinct(ordered: Keys) -> Keys:
    """Sorted keys, each once."""
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]


def both(units: Keys) -> Keys:
    """The keys of both arms of sorted units, sorted."""
    return np.stack([units * 2, units * 2 + 1], axis=1).ravel()


def _spread(arms: Keys, keys: Keys, columns: dict[str, Column], kinds: dict[str, str]) -> dict[str, Column]:
    """Columns at `keys` as columns at `arms`, which hold them all."""
    spread = Columns(kinds).nothing(len(arms))
    places = np.searchsorted(arms, keys)
    for name, values in columns.items():
        spread[name][places] = values
    return spread


def _added(known: Column, delta: Column, kind: str, sign: int, extent: Extent) -> Column:
    if kind != "f8":
        return np.asarray(known + sign * delta)
    merged: Column = np.minimum(known, delta) if sign > 0 else np.where(known >= extent.since, np.inf, known)
    return merged
