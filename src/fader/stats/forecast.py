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


def growth(proof: Proof, target: Floats, reached: Floats, least: Floats) -> Floats:
    """The factor by which both arms have to grow until `proof` reaches the log e-value `target`; inf for never.

    `reached`: its log e-value at the factor `least`, which is at least 1: more where a gate asks for it anyhow.
    """
    found = np.where(reached >= target, least, np.inf)
    rows = np.flatnonzero(~(reached >= target) & np.isfinite(least))
    low = high = least[rows]
    for _ in range(STEPS):
        if not rows.size:
            break
        low, high = high, high * 4
        there = proof.take(rows).log_e(high) >= target[rows]
        if there.any():
            hit = rows[there]
            found[hit] = _between(proof.take(hit), target[hit], low[there], high[there])
            rows, low, high = rows[~there], low[~there], high[~there]
    return np.where(found <= FORECAST, found, np.inf)


def _between(proof: Proof, target: Floats, low: Floats, high: Floats) -> Floats:
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        there = proof.log_e(middle) >= target
        low, high = np.where(there, low, middle), np.where(there, middle, high)
    return high
