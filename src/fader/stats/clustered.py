"""The difference of two ratios of sums over units (events over requests), with the unit as the cluster.

Source: delta method for ratios (Deng, Knoblich, Lu 2018): residual L_u = y_u - R n_u. Here R is that of both arms
together (pooled null): with a small candidate share, each arm's own variance calls false alarms for drops (up to
34 % where 5 % were meant) and sees rises twice as late. With n = 1 for each unit, R is a mean per unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fader.stats.arms import Arm, Flags, Floats, Number, floats, per


@dataclass(frozen=True, slots=True)
class Difference:
    """`estimate`: candidate minus baseline ratio (events capped per unit). `pooled`: its variance if there were no
    effect; `own`: from each arm's own residuals. `squares`: the sum of squared residuals around the pooled ratio
    `rate`. `known`: both arms have units and requests; all else is 0 where they have not.
    """

    estimate: Floats
    pooled: Floats
    own: Floats
    squares: Floats
    rate: Floats
    candidate: Floats
    baseline: Floats
    known: Flags


def residuals(yy: Number, yn: Number, nn: Number, rate: Number) -> Floats:
    """Sum over units of (y - rate n)^2; rounding may not make it negative."""
    slope = floats(rate)
    return np.maximum(0.0, yy - 2 * slope * yn + slope * slope * nn)


def pooled_variance(squares: ArrayLike, candidate: Arm, baseline: Arm) -> Floats:
    """Variance of the difference if all units of both arms had the same spread."""
    spread = per(squares, candidate.units + baseline.units)
    share = per(candidate.units, np.square(candidate.requests)) + per(baseline.units, np.square(baseline.requests))
    return spread * share


def own_variance(arm: Arm) -> Floats:
    """Variance of one arm's ratio, from its own residuals; 0 without requests."""
    return per(residuals(arm.yy, arm.yn, arm.nn, per(arm.events, arm.requests)), np.square(arm.requests))


def difference(candidate: Arm, baseline: Arm) -> Difference:
    """One comparison, or many at once."""
    fewest = np.minimum(np.minimum(candidate.requests, baseline.requests), np.minimum(candidate.units, baseline.units))
    known = np.asarray(fewest > 0)
    rate = per(candidate.events + baseline.events, candidate.requests + baseline.requests)
    squares = residuals(candidate.yy + baseline.yy, candidate.yn + baseline.yn, candidate.nn + baseline.nn, rate)
    ratios = [np.where(known, per(arm.events, arm.requests), 0.0)[()] for arm in (candidate, baseline)]
    return Difference(
        estimate=ratios[0] - ratios[1],
        pooled=np.where(known, pooled_variance(squares, candidate, baseline), 0.0)[()],
        own=np.where(known, own_variance(candidate) + own_variance(baseline), 0.0)[()],
        squares=squares,
        rate=rate,
        candidate=ratios[0],
        baseline=ratios[1],
        known=known,
    )


def design_effect(squares: ArrayLike, independent: ArrayLike) -> Floats:
    """How much clustering inflates the variance that `independent` requests would have, at least 1."""
    return np.maximum(1.0, np.where(np.asarray(independent) > 0, per(squares, independent), 1.0))[()]
