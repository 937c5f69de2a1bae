"""Exact e-process for counts: which arm do the units with an event belong to?

Under "no rise", each unit that has at least one event belongs to the candidate with probability pi, the known
share of units. That needs no denominators, holds at any number of events and however often one looks.
Source: a likelihood ratio averaged over 40 risk ratios, log-uniform on [1.1, 20] (Lindon & Malek 2022 condition on
the events in the same way; the grid prior finds a risk ratio of 3 in half the events that their Beta prior needs).
All functions take scalars or arrays, by broadcasting.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import ArrayLike

from fader.model.metric import Direction
from fader.stats.arms import Floats, floats

ATOMS = 40
LOWEST, HIGHEST = 1.1, 20.0
#: Risk ratios relative to the null that the e-process bets on, equally.
RATIOS: Floats = LOWEST * (HIGHEST / LOWEST) ** (np.arange(ATOMS) / (ATOMS - 1))


def theta(pi: ArrayLike, ratio: ArrayLike) -> Floats:
    """Probability that a unit with an event is a candidate unit when the risk ratio is `ratio`."""
    share, times = floats(pi), floats(ratio)
    return share * times / (share * times + 1 - share)


def log_sum_exp(terms: ArrayLike) -> Floats:
    """Log of the sum of exponentials along the last axis, which must not be empty."""
    values = floats(terms)
    top = np.max(values, axis=-1, keepdims=True)
    # A sum that is nothing but -inf (or holds inf) is that: inf - inf would be no number.
    shift = np.where(np.isfinite(top), top, 0.0)
    values = values - shift
    np.exp(values, out=values)
    with np.errstate(divide="ignore"):
        return floats(np.log(np.sum(values, axis=-1)) + shift[..., 0])[()]


def log_e_grid(
    candidate: ArrayLike, baseline: ArrayLike, pi: ArrayLike, r0: ArrayLike = 1.0, better: Direction = "lower"
) -> Floats:
    """Natural log of the e-value against "the risk ratio is at most r0" (at least, where higher is better).

    candidate, baseline: units with at least one event in each arm; pi: share of units that are the candidate's,
    inside (0, 1): raises ValueError otherwise.
    """
    return log_e_side(candidate, baseline, pi, r0, 1.0 if better == "lower" else -1.0)


def log_e_side(candidate: ArrayLike, baseline: ArrayLike, pi: ArrayLike, r0: ArrayLike, side: ArrayLike) -> Floats:
    """`log_e_grid` where the bet is on a rise (side 1) or on a fall (side -1), which may differ along the arrays."""
    return log_e_of_bets(candidate, baseline, *bets(pi, r0, side))


def bets(pi: ArrayLike, r0: ArrayLike, side: ArrayLike) -> tuple[Floats, Floats]:
    """What each atom (last axis) gains in log likelihood by a candidate unit, and by one of the baseline."""
    share = floats(pi)[..., None]
    if not np.all((share > 0) & (share < 1)):
        raise ValueError(f"a comparison needs both arms, got a candidate share of {share[..., 0]}")
    ratio = floats(r0)[..., None]
    null, bet = theta(share, ratio), theta(share, ratio * np.where(floats(side)[..., None] > 0, RATIOS, 1 / RATIOS))
    return np.log(bet / null), np.log((1 - bet) / (1 - null))


def log_e_of_bets(candidate: ArrayLike, baseline: ArrayLike, gain: Floats, loss: Floats) -> Floats:
    """The mean over the atoms of the likelihood ratios of so many units, as a log."""
    terms = floats(candidate)[..., None] * gain
    terms += floats(baseline)[..., None] * loss
    return log_sum_exp(terms) - log(ATOMS)
