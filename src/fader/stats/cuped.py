"""CUPED: what a unit did before its exposure explains part of what it does after.

Source: Deng, Xu, Kohavi, Walker 2013, for ratios as in Deng, Knoblich, Lu 2018: both y and the covariate x are
linearised around their pooled ratios to n, and theta is the slope of one residual on the other over both arms
together. The adjusted sums are sums of y - theta (x - r n), so that every formula for y holds for them too.
"""

from __future__ import annotations

import numpy as np

from fader.stats.arms import Arms, Floats, per
from fader.stats.clustered import residuals

#: Units with an event, of both arms together, before theta is estimated: the noise of a theta from a handful of
#: units would pass for a gain. Both arms together, so that the moment says nothing about their difference.
ENOUGH = 100
#: A covariate that explains more than this is the outcome itself; nothing is left to judge then.
MOST = 0.99


def adjusted(candidate: Arms, baseline: Arms) -> tuple[Arms, Arms, Floats]:
    """Both arms with adjusted `events`, `yy` and `yn`, and the share of the variance that is left (1: no past)."""
    if not np.any(candidate.xx) and not np.any(baseline.xx):
        return candidate, baseline, np.ones_like(candidate.events)
    pool = candidate + baseline
    rate, level = per(pool.events, pool.requests), per(pool.x, pool.requests)
    squares = residuals(pool.yy, pool.yn, pool.nn, rate)
    past = residuals(pool.xx, pool.xn, pool.nn, level)
    product = pool.xy - level * pool.yn - rate * pool.xn + rate * level * pool.nn
    explained = per(per(product, past) * product, squares)
    use = (pool.first >= ENOUGH) & (explained > 0) & (explained <= MOST)
    theta = np.where(use, per(product, past), 0.0)
    left = np.where(use, 1 - explained, 1.0)
    return _less(candidate, theta, level), _less(baseline, theta, level), left


def _less(arm: Arms, theta: Floats, level: Floats) -> Arms:
    """The sums of y - theta z, where z = x - level n."""
    zy, zn = arm.xy - level * arm.yn, arm.xn - level * arm.nn
    zz = residuals(arm.xx, arm.xn, arm.nn, level)
    return arm.but(
        events=arm.events - theta * (arm.x - level * arm.requests),
        yy=arm.yy - 2 * theta * zy + theta**2 * zz,
        yn=arm.yn - theta * zn,
    )
