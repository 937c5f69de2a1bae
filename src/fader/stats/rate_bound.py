"""Bounds of one rate that hold at every look: what the worst case may be by what was seen so far.

Source: Robbins 1970, a Beta mixture over Bernoulli likelihoods; with the prior of Jeffreys, Beta(1/2, 1/2). Exact for
independent units at any number of them, none with an event included.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

from fader.stats.srm import log_beta

PRIOR = 0.5
#: Halvings of [0, 1]: the error of a bound is below 1e-9.
STEPS = 30


def rate_bounds(events: int, units: int, alpha: float) -> tuple[float, float]:
    """[low, high] for the chance of an event per unit, at 1 - alpha; `events` of `units` have one.

    Without a unit nothing is known: (0, 1).
    """
    if units <= 0:
        return 0.0, 1.0
    events = min(events, units)
    mixture = log_beta(PRIOR + events, PRIOR + units - events) - log_beta(PRIOR, PRIOR)

    def excluded(p: float) -> bool:
        likelihood = (events * log(p) if events else 0.0) + ((units - events) * log(1 - p) if units > events else 0.0)
        return mixture - likelihood >= log(1 / alpha)

    rate = events / units
    low = 0.0 if events == 0 else _edge(0.0, rate, excluded)
    high = 1.0 if events == units else _edge(1.0, rate, excluded)
    return low, high


def _edge(outside: float, inside: float, excluded: Callable[[float], bool]) -> float:
    """Between an excluded and a possible rate, the last excluded one: on the safe side."""
    for _ in range(STEPS):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if excluded(middle) else (outside, middle)
    return outside
