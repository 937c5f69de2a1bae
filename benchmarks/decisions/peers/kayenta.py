"""Spinnaker's Kayenta: Mann-Whitney on points of a minute, canary against a baseline of the same size."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..replay import Step
from ..stream import Flags, Floats, Requests

#: Upper 1 % point of the normal distribution: the lower end of a 98 % interval.
Z = 2.3263479


def ranks(x: Floats) -> tuple[Floats, Floats]:
    """Mean ranks, and the sizes of the ties."""
    _, where, sizes = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    return (ends - (sizes - 1) / 2)[where], sizes.astype(float)


def z_score(canary: Floats, baseline: Floats, shift: float) -> float:
    """Of the rank sum of the canary's points less `shift`, with the corrections for ties and continuity."""
    m, n = len(canary), len(baseline)
    place, ties = ranks(np.concatenate([canary - shift, baseline]))
    u = float(place[:m].sum()) - m * (m + 1) / 2 - m * n / 2
    spread = m * n / 12 * ((m + n + 1) - float((ties**3 - ties).sum()) / ((m + n) * (m + n - 1)))
    return (u - 0.5 * np.sign(u)) / np.sqrt(spread) if spread > 0 else 0.0


def high(canary: Floats, baseline: Floats, tolerance: float = 0.25) -> bool:
    """Whether the lower end of the interval of the shift exceeds a quarter of its estimate (Hodges-Lehmann)."""
    if z_score(canary, baseline, 0.0) <= Z or canary.mean() < baseline.mean():
        return False
    estimate = float(np.median(np.subtract.outer(canary, baseline)))
    return z_score(canary, baseline, tolerance * abs(estimate) + 1e-9) > Z


class Kayenta:
    """5 % canary and 5 % baseline for 3 hours, judged every 30 minutes over all so far: share of errors and mean
    latency of each minute. One of two metrics that is "high" is a score of 50, below the marginal 75: fail. Half the
    metrics without data fail too. After the last look everybody has the candidate."""

    split: Literal["user", "request"] = "request"
    every = 30
    share, epoch, lifetime = 0.05, 0, 180.0

    def __init__(self) -> None:
        self.points: list[list[Floats]] = [[], []]

    def look(self, minute: float, seen: Requests) -> Step:
        for points, arm in zip(
            self.points, (seen.place < 0.05, (seen.place >= 0.05) & (seen.place < 0.10)), strict=True
        ):
            points.append(self._minutes(seen, arm))
        canary, baseline = (np.concatenate(points) for points in self.points)
        if not (len(canary) and len(baseline)):
            return "stop"
        if any(high(canary[:, i], baseline[:, i]) for i in range(2)):
            return "stop"
        return "done" if minute >= self.lifetime else "on"

    def _minutes(self, seen: Requests, arm: Flags) -> Floats:
        """Error share and mean latency of each minute that has a request."""
        minute = seen.minute[arm].astype(int)
        if not len(minute):
            return np.empty((0, 2))
        base = int(minute.min())
        count = np.bincount(minute - base)
        sums = [np.bincount(minute - base, values) for values in (seen.failed[arm], seen.ms[arm])]
        return np.stack([s[count > 0] / count[count > 0] for s in sums], axis=1)
