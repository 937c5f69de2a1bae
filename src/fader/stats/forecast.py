"""How many more units a proof needs if everything stays as it is."""

from __future__ import annotations

import numpy as np

from fader.stats.arms import Floats
from fader.stats.noninferiority import Proof

#: Growth of the sample beyond which no forecast is made.
FORECAST = 1e5
#: Factors at which a proof is first asked for, each four times the one before; then the last gap is halved.
STEPS = 10
HALVINGS = 8


def growth(proof: Proof, target: Floats, least: Floats) -> Floats:
    """The factor by which both arms have to grow until `proof` reaches the log e-value `target`; inf for never.

    `least`: a factor that a gate asks for anyhow, at least 1. At a whole factor of 1 the proof is there.
    """
    low, high = least, least
    found = proof.log_e(least) >= target
    for _ in range(STEPS):
        if found.all():
            break
        low, high = np.where(found, low, high), np.where(found, high, high * 4)
        found |= proof.log_e(high) >= target
    open_ones = found & (high > low)
    if open_ones.any():
        part, want, a, b = proof.take(open_ones), target[open_ones], low[open_ones], high[open_ones]
        for _ in range(HALVINGS):
            middle = np.sqrt(a * b)
            there = part.log_e(middle) >= want
            a, b = np.where(there, a, middle), np.where(there, middle, b)
        high = high.copy()
        high[open_ones] = b
    return np.where(found & (high <= FORECAST), high, np.inf)
