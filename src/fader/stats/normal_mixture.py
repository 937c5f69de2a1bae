"""Normal mixtures on the scale of the effect: an estimate, its variance, and a prior spread tau.

Source: Robbins' mixture as in Howard, Ramdas, McAuliffe, Sekhon 2021 (S = d/v, V = 1/v, rho = 1/tau^2). The clock
is the information 1/v, not the number of users: user totals still grow, and a clock in users would promise too much.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import erfc, exp, inf, log, log1p, pi, sqrt

from fader.stats.grid import log_sum_exp


def log_ndtr(x: float) -> float:
    """log Phi(x), also far in the lower tail (Abramowitz & Stegun 26.2.12)."""
    if x > 5:
        return log1p(-0.5 * erfc(x / sqrt(2)))
    if x > -20:
        return log(0.5 * erfc(-x / sqrt(2)))
    tail = 1 - 1 / x**2 + 3 / x**4 - 15 / x**6
    return -0.5 * x * x - log(-x) - 0.5 * log(2 * pi) + log(tail)


def log_e_norm2(estimate: float, v: float, tau: float, null: float = 0.0) -> float:
    """Log e-value against "the effect is `null`" (two-sided); v = SE^2 > 0, tau > 0."""
    d = estimate - null
    return 0.5 * log(v / (v + tau**2)) + d * d * tau**2 / (2 * v * (v + tau**2))


def log_e_norm1(estimate: float, v: float, tau: float, null: float = 0.0) -> float:
    """Log e-value against "the effect is at most `null`" (one-sided, half-normal prior); v = SE^2 > 0, tau > 0."""
    d = estimate - null
    return log(2) + log_e_norm2(estimate, v, tau, null) + log_ndtr(d * tau / sqrt(v * (v + tau**2)))


def log_e_norm1_mean(estimate: float, v: float, taus: Iterable[float], null: float = 0.0) -> float:
    """The mean of one-sided e-values over several spreads: no single one has to be right."""
    terms = [log_e_norm1(estimate, v, tau, null) for tau in taus]
    return log_sum_exp(terms) - log(len(terms))


def band(estimate: float, v: float, tau: float, alpha: float = 0.05) -> tuple[float, float]:
    """Confidence sequence: all effects that `log_e_norm2` does not refute at alpha; valid at every look.

    Infinitely wide where there is no information (v <= 0 or v infinite).
    """
    if not 0 < v < inf:
        return -inf, inf
    half = sqrt(v * (v + tau**2) / tau**2 * (2 * log(1 / alpha) + log1p(tau**2 / v)))
    return estimate - half, estimate + half


def bound(v: float, tau: float, alpha: float) -> float:
    """The smallest estimate above 0 that `log_e_norm1` refutes at alpha (no closed form: bisection)."""
    target = log(1 / alpha)
    high = sqrt(v)
    while log_e_norm1(high, v, tau) < target:
        high *= 2
    low = 0.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if log_e_norm1(middle, v, tau) >= target else (middle, high)
    return high


def tune(information: float, alpha: float) -> float:
    """The tau whose two-sided band is tightest at that information 1/v (Howard et al. 2021, eq. 14 ff.)."""
    rho = information / (2 * log(1 / alpha) + log1p(2 * log(1 / alpha)))
    return 1 / sqrt(rho)


def e_value(log_e: float) -> float:
    """exp without overflow; beyond 1e300 it is 1e300."""
    return exp(min(log_e, log(1e300)))
