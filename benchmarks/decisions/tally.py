"""Sums per unit of one stage, kept up to date request by request, and their totals per arm."""

from __future__ import annotations

import numpy as np

from fader.model.summary import ArmSummary

from .stream import Flags, Floats, Ints

#: The units of some requests, and for each request the place of its unit among them.
Who = tuple[Ints, Ints]


class Tally:
    """What the event store keeps of one metric in one stage: n, y and `over` per unit, y capped at `cap`."""

    def __init__(self, candidate: Flags, cap: float) -> None:
        self.candidate, self.cap = candidate, cap
        self.sums = np.zeros((len(candidate), 3))
        self.totals = np.zeros((2, 11))

    def add(self, who: Who, y: Flags, over: Flags) -> None:
        units, where = who
        before = self.sums[units]
        more = [np.bincount(where, weights, len(units)) for weights in (None, y, over)]
        after = before + np.stack(more, axis=1)
        self.sums[units] = after
        change = self._terms(after) - self._terms(before)
        on = self.candidate[units]
        self.totals[0] += change[on].sum(0)
        self.totals[1] += change[~on].sum(0)

    def _terms(self, sums: Floats) -> Floats:
        n, y, over = sums.T
        y_, over_ = np.minimum(y, self.cap), np.minimum(over, self.cap)
        terms = [n > 0, n, y_, y_ * y_, y_ * n, n * n, y > 0, y, over_, over_ * over_, over_ * n]
        return np.stack([np.asarray(t, float) for t in terms], axis=1)

    def arms(self) -> tuple[ArmSummary, ArmSummary]:
        """Candidate, baseline."""
        candidate, baseline = (
            ArmSummary(
                units=round(row[0]),
                requests=row[1],
                events=row[2],
                yy=row[3],
                yn=row[4],
                nn=row[5],
                first=round(row[6]),
                failures=row[7],
                over=row[8],
                over_yy=row[9],
                over_yn=row[10],
            )
            for row in self.totals.tolist()
        )
        return candidate, baseline
