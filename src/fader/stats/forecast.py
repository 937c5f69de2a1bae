"""How many more units a proof needs if everything stays as it is."""

from __future__ import annotations

import numpy as np

from fader.stats.arms import Floats
from fader.stats.noninferiority import Proof

#: Growth of the sample beyond which no forecast is made.
FORECAST = 1e5
#: Factors at which a proof is asked for first, each four times the one before; then between the last two, so finely
#: that a forecast is at most 3 % too high.
COARSE = 4.0 ** np.arange(1, 10)
FINE = 4.0 ** (np.arange(-47, 1) / 48)


def growth(proof: Proof, target: Floats, reached: Floats, least: Floats) -> Floats:
    """The factor by which both arms have to grow until `proof` reaches the log e-value `target`; inf for never.

    `reached`: its log e-value at the factor `least`, which is at least 1: more where a gate asks for it anyhow.
    """
    found = np.where(reached >= target, least, np.inf)
    rows = np.flatnonzero((reached < target) & np.isfinite(least))
    for factors in (COARSE, FINE):
        if not rows.size:
            return found
        start = least if factors is COARSE else found
        asked = start[rows, None] * factors
        there = proof.take(rows).spread().log_e(asked) >= target[rows, None]
        rows, first = rows[there.any(axis=1)], there.argmax(axis=1)[there.any(axis=1)]
        found[rows] = start[rows] * factors[first]
    return np.where(found <= FORECAST, found, np.inf)
