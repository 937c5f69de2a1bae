"""The sums of one stage: what each unit did, in memory, and the totals. A fold costs what the new rows touch.

Units are kept by arm: key of the unit times two, plus one with the candidate. What does not belong to an arm
(tracked events, exposed or not) stands with the baseline's.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np

from fader.ports.events import Cell
from fader.telemetry.columns import Column, Columns, Keys, together
from fader.telemetry.measure import Measure, measures
from fader.telemetry.questions import Extent, key_ranges, unit_events, unit_past, unit_rows, value_bins
from fader.telemetry.rows import Rows
from fader.telemetry.tally import Totals, tally


class Sums:
    """`start`: when the attempt began, where the time of covariates ends. `folded`: the last batch that is in."""

    def __init__(self, cell: Cell, start: float) -> None:
        self.cell, self.start = cell, start
        self.measures: tuple[Measure, ...] = measures(cell.metrics)
        self.outcomes = tuple(m for m in self.measures if not (m.direct or m.external))
        kinds = {"first": "f8", "inside": "i4", "req": "i4", "act": "i4", "out": "i4"}
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
                before = self._tally(keys)
                known = self.past.read(keys)
                self.past.write(keys, {name: known[name] + more[name] for name in known})
                self._account(before, keys)

    def forget(self, key: int) -> bool:
        """Take a unit out; whether it was there."""
        unit = np.array([key], np.int64)
        arms = both(unit)
        there = bool(self.units.find(arms).any() or self.past.find(unit).any())
        if there:
            before = self._tally(unit)
            some = arms[self.units.find(arms)]
            self.units.write(some, Columns(self.units.kinds).read(some))
            if self.past.find(unit).any():
                self.past.write(unit, Columns(self.past.kinds).read(unit))
            self._account(before, unit)
        return there

    def _fold(self, rows: Rows, extent: Extent, low: int, high: int, sign: Literal[1, -1]) -> None:
        cell, kinds = self.cell, self.units.kinds
        keys, more = together(unit_rows(rows, self.measures, cell, extent, low, high), kinds)
        units = np.unique(keys >> 1)
        if not len(units):
            return
        before = self._tally(units)
        arms = both(units)
        known = self.units.read(arms)
        delta = _spread(arms, keys, more, kinds)
        if sign > 0:
            first = np.minimum(known["first"], delta["first"])
            anew = delta["first"] < known["first"]
        else:
            first = known["first"]
            anew = np.isfinite(first) & (first >= extent.since)
        values = {name: _added(known[name], delta[name], kind, sign, extent) for name, kind in kinds.items()}
        self._outcomes(rows, extent, (low, high), sign, arms, first, anew, known, values)
        there = np.isin(arms, keys) | self.units.find(arms)
        self.units.write(arms[there], {name: column[there] for name, column in values.items()})
        self._account(before, units)

    def _outcomes(
        self,
        rows: Rows,
        extent: Extent,
        part: tuple[int, int],
        sign: Literal[1, -1],
        arms: Keys,
        first: Column,
        anew: Column,
        known: dict[str, Column],
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
        nothing = Columns(names).read(arms)
        for name in names:
            values[name] = np.where(anew, nothing[name], known[name])
        for chosen, where in asked:
            if chosen.any():
                parameters = where.parameters(self.cell, *part)
                found = unit_events(rows, self.outcomes, parameters, arms[chosen], first[chosen])
                delta = _spread(arms, *together(found, names), names)
                for name, kind in names.items():
                    values[name] = _added(values[name], delta[name], kind, sign, extent)

    def _tally(self, units: Keys) -> Totals:
        arms = self.units.read(units * 2), self.units.read(units * 2 + 1)
        return tally(self.measures, arms, self.past.read(units), self.cell.since)

    def _account(self, before: Totals, units: Keys) -> None:
        self.totals.update(self._tally(units))
        self.totals.subtract(before)
        for key in [key for key in before if not self.totals[key]]:
            del self.totals[key]
        self.unsaved += len(units)


def both(units: Keys) -> Keys:
    """The keys of both arms of sorted units, sorted."""
    return np.stack([units * 2, units * 2 + 1], axis=1).ravel()


def _spread(arms: Keys, keys: Keys, columns: dict[str, Column], kinds: dict[str, str]) -> dict[str, Column]:
    """Columns at `keys` as columns at `arms`, which hold them all."""
    spread = Columns(kinds).read(arms)
    places = np.searchsorted(arms, keys)
    for name, values in columns.items():
        spread[name][places] = values
    return spread


def _added(known: Column, delta: Column, kind: str, sign: int, extent: Extent) -> Column:
    if kind != "f8":
        return np.asarray(known + sign * delta)
    merged: Column = np.minimum(known, delta) if sign > 0 else np.where(known >= extent.since, np.inf, known)
    return merged
