"""Normal mixtures on the scale of the effect: an estimate, its variance, and a prior spread tau.

Source: Robbins' mixture as in Howard, Ramdas, McAuliffe, Sekhon 2021 (S = d/v, V = 1/v, rho = 1/tau^2). The clock
is the information 1/v, not the number of users: user totals still grow, and a clock in users would promise too much.
All functions but `e_value` take scalars or arrays, by broadcasting; v = SE^2 > 0 and tau > 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, log

import numpy as np
from numpy.typing import ArrayLike

from fader.stats.arms import Floats, floats
from fader.stats.grid import log_sum_exp

#: Below, the error function has no digits left, and the tail's expansion has all of them.
FAR = -20.0


def log_ndtr(x: ArrayLike) -> Floats:
    """log Phi(x), also far in the lower tail (Abramowitz & Stegun 26.2.12)."""
    at = floats(x)
    beyond = 0.5 * _erfc(np.abs(at) / np.sqrt(2))
    far = np.minimum(at, FAR)
    tail = 1 - 1 / far**2 + 3 / far**4 - 15 / far**6
    deep = -0.5 * far * far - np.log(-far) - 0.5 * log(2 * np.pi) + np.log(tail)
    near = np.log(np.maximum(beyond, np.finfo(np.float64).tiny))
    return np.where(at >= 0, np.log1p(-beyond), np.where(at > FAR, near, deep))[()]


def _erfc(x: Floats) -> Floats:
    """numpy has no error function; that of the C library costs 0.1 microseconds a value."""
    return np.fromiter(map(erfc, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def log_e_norm2(estimate: ArrayLike, v: ArrayLike, tau: ArrayLike, null: ArrayLike = 0.0) -> Floats:
    """Log e-value against "the effect is `null`" (two-sided)."""
    d, noise, prior = floats(estimate) - floats(null), floats(v), floats(tau) ** 2
    return floats(0.5 * np.log(noise / (noise + prior))) + d * d * prior / (2 * noise * (noise + prior))


def log_e_norm1(estimate: ArrayLike, v: ArrayLike, tau: ArrayLike, null: ArrayLike = 0.0) -> Floats:
    """Log e-value against "the effect is at most `null`" (one-sided, half-normal prior)."""
    d, noise = floats(estimate) - floats(null), floats(v)
    side = log_ndtr(d * floats(tau) / np.sqrt(noise * (noise + floats(tau) ** 2)))
    return log(2) + log_e_norm2(estimate, v, tau, null) + side


def log_e_norm1_mean(estimate: ArrayLike, v: ArrayLike, taus: ArrayLike, null: ArrayLike = 0.0) -> Floats:
    """The mean of one-sided e-values over several spreads (last axis): no single one has to be right."""
    spreads = floats(taus)
    terms = log_e_norm1(floats(estimate)[..., None], floats(v)[..., None], spreads, floats(null)[..., None])
    return log_sum_exp(terms) - log(spreads.shape[-1])


def half_width(v: ArrayLike, tau: ArrayLike, alpha: ArrayLike = 0.05) -> Floats:
    """How far from the estimate an effect must lie to be refuted by `log_e_norm2` at alpha."""
    noise, prior = floats(v), floats(tau) ** 2
    return floats(np.sqrt(noise * (noise + prior) / prior * (2 * np.log(1 / floats(alpha)) + np.log1p(prior / noise))))


def band(estimate: ArrayLike, v: ArrayLike, tau: ArrayLike, alpha: ArrayLike = 0.05) -> tuple[Floats, Floats]:
    """Confidence sequence: all effects that `log_e_norm2` does not refute at alpha; valid at every look.

    Infinitely wide where there is no information (v <= 0 or v infinite).
    """
    noise = floats(v)
    known = (noise > 0) & np.isfinite(noise)
    half = np.where(known, half_width(np.where(known, noise, 1.0), tau, alpha), np.inf)
    return floats(estimate) - half, floats(estimate) + half


def half_width_mean(v: float, taus: Sequence[float], alpha: float) -> float:
    """As `half_width`, for the mean of the two-sided e-values over several spreads (by bisection).

    A band of one spread is tight near the information it was tuned for and far too wide well before it; the mean
    costs little and is good over a wide range.
    """
    spreads, target = floats(taus), log(1 / alpha)

    def refuted(effect: float) -> bool:
        return float(log_sum_exp(log_e_norm2(effect, v, spreads))) - log(len(spreads)) >= target

    # No wider than the widest member with the alpha that a mean of so many leaves it.
    low, high = 0.0, float(np.min(half_width(v, spreads, alpha / len(spreads))))
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if refuted(middle) else (middle, high)
    return high


def bound(v: float, tau: float, alpha: float) -> float:
    """The smallest estimate above 0 that `log_e_norm1` refutes at alpha (no closed form: bisection)."""
    target = log(1 / alpha)
    high = float(np.sqrt(v))
    while log_e_norm1(high, v, tau) < target:
        high *= 2
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if log_e_norm1(middle, v, tau) >= target else (middle, high)
    return high


def tune(information: ArrayLike, alpha: float) -> Floats:
    """The tau whose two-sided band is tightest at that information 1/v (Howard et al. 2021, eq. 14 ff.)."""
    rho: Floats = floats(information) / (2 * log(1 / alpha) + np.log1p(2 * log(1 / alpha)))
    return floats(1 / np.sqrt(rho))


def e_value(log_e: float) -> float:
    """exp without overflow; beyond 1e300 it is 1e300."""
    return exp(min(log_e, log(1e300)))
