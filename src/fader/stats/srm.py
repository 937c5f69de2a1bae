"""Sample-ratio mismatch: do the arms hold the units that the share says?

Source: Lindon & Malek 2022 (Dirichlet-multinomial e-process), the mean over three concentrations, as no single one
is good at both small and large deviations. A chi-square test looked at again and again would cry wolf 3 % of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma, log

from fader.stats.grid import log_sum_exp

CONCENTRATIONS = (100.0, 1000.0, 10_000.0)
#: The alarm: an e-value of 1000, i.e. at most 1 in 1000 stages is suspected wrongly.
LOG_ALARM = log(1000.0)


def log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def log_e_dirichlet(candidate: float, baseline: float, pi: float, k: float) -> float:
    """Log e-value of unit counts against "each unit is the candidate's with probability pi"; 0 < pi < 1, k > 0."""
    a, b = k * pi, k * (1 - pi)
    likelihood = candidate * log(pi) + baseline * log(1 - pi)
    return log_beta(a + candidate, b + baseline) - log_beta(a, b) - likelihood


def log_e_arms(counts: Sequence[float], shares: Sequence[float]) -> float:
    """The same for several arms: `shares` are what each was given of the units, > 0, in any unit. The mean over the
    concentrations of the Dirichlet-multinomial e-value; of two arms it is `log_e_srm`."""
    total = sum(shares)
    terms = []
    for k in CONCENTRATIONS:
        log_e = lgamma(k) - lgamma(k + sum(counts))
        for count, share in zip(counts, shares, strict=True):
            pi = share / total
            log_e += lgamma(k * pi + count) - lgamma(k * pi) - count * log(pi)
        terms.append(log_e)
    return float(log_sum_exp(terms)) - log(len(terms))


def log_e_srm(candidate: float, baseline: float, pi: float) -> float:
    """The mean over the concentrations; alarms at LOG_ALARM."""
    terms = [log_e_dirichlet(candidate, baseline, pi, k) for k in CONCENTRATIONS]
    return float(log_sum_exp(terms)) - log(len(terms))


def log_e_outside(counts: Sequence[float], first: tuple[float, float], rest: Sequence[float]) -> float:
    """Log e-value of unit counts against "the first arm was given any one share in [low, high] beside `rest`"; shares
    are > 0, in any unit, as in `log_e_arms`.

    It is the e-value at the share in the range that lies next to the one seen, and no other in it has a smaller one:
    so it is an e-value against all of them.
    """
    others = sum(counts[1:])
    seen = counts[0] / others * sum(rest) if others else first[1]
    return log_e_arms(counts, (min(max(seen, first[0]), first[1]), *rest))
