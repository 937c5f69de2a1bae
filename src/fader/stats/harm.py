"""Is the candidate proven worse? E-values against "no rise" (for a metric where higher is better: "no fall").

The exact test on units with an event is begun anew now and then, for harm that sets in late: a test that has seen
thousands of healthy units has to win back what it lost on them. Instance k has the weight w_k = 6/(pi^2 (k+1)^2),
which sum to 1; the whole stage is instance 0 and pays its weight too, as restarts are always to come. The sum of
w_k E_k is an e-process, as each E_k is one from a moment on that depends on the past alone, and 1 before. It is never
below the largest of its terms, which is what such weights are often used for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import log, pi
from operator import attrgetter

import numpy as np
from numpy.typing import ArrayLike

from fader.model.evidence import Restart
from fader.stats.arms import Flags, Floats, columns, floats
from fader.stats.clustered import Difference
from fader.stats.grid import bets, log_e_of_bets
from fader.stats.normal_mixture import log_e_norm1_mean

_restart = attrgetter("number", "candidate", "baseline")


def weight(number: ArrayLike) -> Floats:
    """Of instance `number`, which counts from 0."""
    return floats(6 / (pi**2 * (floats(number) + 1) ** 2))


def log_e_exact(
    candidate: Floats,
    baseline: Floats,
    share: Floats,
    side: Floats,
    restarts: Sequence[tuple[Restart, ...]],
    begun_anew: Flags,
) -> Floats:
    """Log e-value of units with an event: the stage and, where it is `begun_anew`, its later instances."""
    gain, loss = bets(share, 1.0, side)
    stage = log_e_of_bets(candidate, baseline, gain, loss)
    begun = [instances if anew else () for instances, anew in zip(restarts, begun_anew.tolist(), strict=True)]
    if not any(begun):
        return np.where(begun_anew, np.logaddexp(stage + np.log(weight(0)), np.log1p(-weight(0))), stage)
    of = np.repeat(np.arange(len(begun)), [len(instances) for instances in begun])
    number, c, b = columns(map(_restart, chain.from_iterable(begun)), 3)
    newest = np.zeros(len(stage))
    np.maximum.at(newest, of, number)
    spent = np.cumsum(weight(np.arange(newest.max() + 1)))
    # What is kept for instances to come is not bet yet.
    kept = np.log1p(-spent[newest.astype(np.intp)])
    found = np.where(begun_anew, np.logaddexp(stage + np.log(weight(0)), kept), stage)
    np.logaddexp.at(found, of, log_e_of_bets(c, b, gain[of], loss[of]) + np.log(weight(number)))
    return found


def log_e_normal(d: Difference, side: Floats, taus: Floats, counts: Flags) -> Floats:
    """Log e-value of the difference; 0 (no evidence) where it does not count yet or nothing varies."""
    found = np.zeros(len(side))
    use = np.flatnonzero(counts & (d.pooled > 0))
    found[use] = log_e_norm1_mean(side[use] * d.estimate[use], d.pooled[use], taus[use])
    return found


def mixed(exact: Floats, normal: Floats, has_exact: Flags, has_normal: Flags) -> Floats:
    """The mean of the two e-values where both are used, else the one that is."""
    mean = np.logaddexp(exact, normal) - log(2)
    return np.where(has_exact & has_normal, mean, np.where(has_exact, exact, normal))
