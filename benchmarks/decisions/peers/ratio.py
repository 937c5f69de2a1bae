"""Ratios of per-unit sums with their variance, as GrowthBook and LaunchDarkly estimate them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..stream import Flags, Floats, Requests


@dataclass(frozen=True)
class Estimate:
    """`d`: candidate minus control; `v`: its variance by the delta method from each arm's own spread; `totals`: sums
    of the numerator, `units`: of the arms."""

    d: float
    v: float
    candidate: float
    control: float
    totals: tuple[float, float]
    units: tuple[int, int]


class PerUser:
    """Requests and a sum per user, growing."""

    def __init__(self, users: int) -> None:
        self.n, self.y = np.zeros(users), np.zeros(users)

    def add(self, seen: Requests, values: Floats | Flags) -> None:
        self.n += np.bincount(seen.user, minlength=len(self.n))
        self.y += np.bincount(seen.user, values, minlength=len(self.n))

    def compare(self, candidate: Flags, control: Flags) -> Estimate | None:
        """None while an arm has fewer than two units."""
        arms = [(self.n[a & (self.n > 0)], self.y[a & (self.n > 0)]) for a in (candidate, control)]
        if min(len(n) for n, _ in arms) < 2:
            return None
        rates = [float(y.sum() / n.sum()) for n, y in arms]
        spread = [float(((y - r * n) ** 2).sum() / n.sum() ** 2) for (n, y), r in zip(arms, rates, strict=True)]
        return Estimate(
            rates[0] - rates[1],
            sum(spread),
            rates[0],
            rates[1],
            (float(arms[0][1].sum()), float(arms[1][1].sum())),
            (len(arms[0][0]), len(arms[1][0])),
        )
