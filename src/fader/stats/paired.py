"""The difference of two arms of which only totals are known, interval by interval.

Both arms are seen over the same intervals, and each interval compares them once, so that what moves both of them (the
time of day, an incident) cancels out. Interval w has the numbers y and totals n of both arms, the weight
a_w = n_C n_B / (n_C + n_B) of Mantel and Haenszel 1959, and U_w = a_w (y_C/n_C - y_B/n_B). A series has n = 1.

The variance is that of the intervals' residuals by batch means (Flegal & Jones 2010): neighbours are added up to ever
longer batches, each time corrected for what correlation is left between the batches, and the largest is taken. So
clustering and correlation are carried as far as the series itself shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from fader.model.series import Block
from fader.stats.arms import Floats, floats
from fader.stats.grid import log_sum_exp
from fader.stats.normal_mixture import log_ndtr

#: Intervals before anything is said, and as how many independent ones they have to count.
FEWEST, INDEPENDENT = 30, 16
#: The fewest batches that a variance is told from.
BATCHES = 16
#: Standard errors by which the correlation of neighbouring intervals may be higher than it looks.
DOUBT = 1.5
#: Correlation of neighbouring batches that is corrected for at most: beyond it, only more intervals help.
STRONGEST = 0.95


@dataclass(frozen=True, slots=True)
class Paired:
    """`estimate`: candidate minus `factor` times baseline, `v` its variance, `n` as how many independent intervals
    all of them count. `candidate`, `baseline`, `rate`: the values of the arms and of both together. `spread`: by how
    much the variance exceeds that of independent events, at least 1 (counters). `weight`: the sum of the a_w."""

    estimate: float
    v: float
    n: float
    candidate: float
    baseline: float
    rate: float
    spread: float
    weight: float


def paired(blocks: Sequence[Block], *, factor: float = 1.0, counters: bool) -> Paired:
    """`blocks`: at least two, each with something of both arms. Of counters, the variance is at least binomial."""
    rows = np.array([(b.candidate, b.candidate_total, b.baseline, b.baseline_total) for b in blocks], np.float64)
    y_c, n_c, y_b, n_b = rows.T
    a = n_c * n_b / (n_c + n_b)
    weight = float(a.sum())
    u = a * (y_c / n_c - factor * y_b / n_b)
    estimate = float(u.sum()) / weight
    residuals = u - estimate * a
    total, plain = long_run(residuals), float(residuals @ residuals)
    v = total / weight**2
    rate = float((y_c.sum() + y_b.sum()) / (n_c.sum() + n_b.sum()))
    spread, known = 1.0, plain
    if counters:
        least = rate * (1 - rate) * float((a * a * (1 / n_c + factor**2 / n_b)).sum()) / weight**2
        spread = max(1.0, v / least) if least > 0 else 1.0
        v, known = max(v, least), max(plain, least * weight**2)
    # What is known of a variance beforehand is not told from the intervals.
    n = len(blocks) * (min(1.0, known / (v * weight**2)) if v > 0 else 1.0)
    return Paired(
        estimate,
        v,
        max(2.0, n),
        float((a * y_c / n_c).sum()) / weight,
        float((a * y_b / n_b).sum()) / weight,
        rate,
        spread,
        weight,
    )


def long_run(residuals: Floats) -> float:
    """The variance of the residuals' sum."""
    length, largest = 1, 0.0
    while True:
        batches = len(residuals) // length
        sums = residuals[len(residuals) - batches * length :].reshape(batches, length).sum(axis=1)
        squares = float(sums @ sums)
        if squares > 0:
            near = float(sums[1:] @ sums[:-1]) / squares
            # A sample's correlation is too low by (1 + 3 rho) / n on average (Marriott & Pope 1954).
            rho = near + (1 + 3 * near) / batches
            if length == 1:
                rho += DOUBT * sqrt(max(0.0, 1 - near * near) / batches)
            rho = min(max(0.0, rho), STRONGEST)
            scale = len(residuals) / (batches * length) * batches / (batches - 1)
            largest = max(largest, squares * scale * (1 + rho) / (1 - rho))
        length *= 2
        if len(residuals) // length < BATCHES:
            return largest


def log_e(estimate: ArrayLike, v: ArrayLike, n: ArrayLike, taus: ArrayLike, null: ArrayLike = 0.0) -> float:
    """Log e-value against "the effect is at most `null`", averaged over the prior spreads `taus` (last axis).

    As `normal_mixture.log_e_norm1`, with Student's likelihood in the place of the normal one, as `v` is told from `n`
    intervals only (Lai 1976; Wang & Ramdas 2025). With n in the place of n - 1 it is never the larger of the two.
    """
    d, noise, prior, count = floats(estimate) - floats(null), floats(v), floats(taus) ** 2, floats(n)
    kept = noise / (noise + prior)
    t = d * d / (noise * count)
    two_sided = 0.5 * np.log(kept) + count / 2 * (np.log1p(t) - np.log1p(kept * t))
    side = log_ndtr(d * np.sqrt(prior) / np.sqrt(noise * (noise + prior)))
    return float(log_sum_exp(np.log(2) + two_sided + side) - np.log(np.size(taus)))
