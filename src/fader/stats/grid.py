"""Exact e-process for counts: which arm do the units with an event belong to?

Under "no rise", each unit that has at least one event belongs to the candidate with probability pi, the known
share of units. That needs no denominators, holds at any number of events and however often one looks.
Source: a likelihood ratio averaged over 40 risk ratios, log-uniform on [1.1, 20] (Lindon & Malek 2022 condition on
the events in the same way; the grid prior finds a risk ratio of 3 in half the events that their Beta prior needs).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, log

from fader.model.metric import Direction

ATOMS = 40
LOWEST, HIGHEST = 1.1, 20.0
#: Risk ratios relative to the null that the e-process bets on, equally.
RATIOS = tuple(LOWEST * exp(log(HIGHEST / LOWEST) * j / (ATOMS - 1)) for j in range(ATOMS))


def theta(pi: float, ratio: float) -> float:
    """Probability that a unit with an event is a candidate unit when the risk ratio is `ratio`."""
    return pi * ratio / (pi * ratio + 1 - pi)


def log_sum_exp(terms: list[float]) -> float:
    top = max(terms)
    return top + log(sum(exp(t - top) for t in terms))


@lru_cache(maxsize=512)
def _bets(pi: float, r0: float, better: Direction) -> tuple[tuple[float, float], ...]:
    """(log gain per candidate event, log gain per baseline event) of each atom; cached, a stage asks each second."""
    null = theta(pi, r0)
    alternatives = (theta(pi, r0 * r if better == "lower" else r0 / r) for r in RATIOS)
    return tuple((log(t / null), log((1 - t) / (1 - null))) for t in alternatives)


def log_e_grid(candidate: float, baseline: float, pi: float, r0: float = 1.0, better: Direction = "lower") -> float:
    """Natural log of the e-value against "the risk ratio is at most r0" (at least, where higher is better).

    candidate, baseline: units with at least one event in each arm; pi: share of units that are the candidate's,
    inside (0, 1): raises ValueError otherwise.
    """
    if not 0 < pi < 1:
        raise ValueError(f"a comparison needs both arms, got a candidate share of {pi}")
    bets = _bets(pi, r0, better)
    return log_sum_exp([candidate * a + baseline * b for a, b in bets]) - log(ATOMS)
