"""Everything else: which of the names that occurred differ between the arms, though nobody asked about them?

Each name is tested as counts are: which arm do the units belong to in which it occurred? The e-value is the mean of
the two one-sided ones, so that a rise and a fall are both seen. Which names are called different is decided by e-BH
(Wang & Ramdas 2022): at most a share q of them is so by chance, however the names depend on each other and however
often one looks, as it eats the current e-values and not their maxima.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, pi

import numpy as np
from numpy.typing import ArrayLike

from fader.model.evidence import NameEvidence
from fader.model.verdict import Signal
from fader.stats.arms import Flags, Floats, Number, floats, per
from fader.stats.grid import log_e_side

#: Units of both arms together in which a name must have occurred to be looked at. Both arms together, so that what
#: is looked at says nothing about the difference.
FEWEST = 5
#: How many times as often as in the baseline a fingerprint must occur to be *new*: "practically never" there.
NEW = 10.0
#: Ratios beyond which a confidence sequence is not followed.
FARTHEST = 1e6
HALVINGS = 20


def log_e_both(candidate: ArrayLike, baseline: ArrayLike, share: ArrayLike, ratio: ArrayLike = 1.0) -> Floats:
    """Log e-value against "the risk ratio is `ratio`", two-sided; share: of units that are the candidate's."""
    sides = [log_e_side(candidate, baseline, share, ratio, side) for side in (1.0, -1.0)]
    return floats(np.logaddexp(*sides)) - log(2)


def e_bh(log_e: Floats, q: float) -> tuple[Flags, float]:
    """Which are discoveries at false-discovery rate q, and the log e-value that made one.

    The k largest, for the largest k of which the k-th is at least K/(q k); without any, the threshold is that of k = 1.
    """
    total = len(log_e)
    if total == 0:
        return np.zeros(0, bool), log(1 / q)
    needed = np.log(total / (q * np.arange(1, total + 1)))
    passed = np.flatnonzero(np.sort(log_e)[::-1] >= needed)
    threshold = float(needed[passed[-1]] if passed.size else needed[0])
    return log_e >= threshold if passed.size else np.zeros(total, bool), threshold


def scan(names: Sequence[NameEvidence], pi: float, q: float = 0.10) -> tuple[Signal, ...]:
    """The names that differ, strongest first; `pi` is the candidate's share of units, inside (0, 1).

    `ratio` and its confidence sequence are of risks per unit. The sequence holds what the same test does not refute
    at e-BH's threshold: it never covers 1, and at most a share q of those shown miss the truth (Xu, Wang, Ramdas 2022).
    """
    candidate, baseline = _counts(names)
    counted = np.flatnonzero(candidate + baseline >= FEWEST)
    candidate, baseline = candidate[counted], baseline[counted]
    log_e = _at_least(log(1 / q), candidate, baseline, pi, log_e_both)
    found, threshold = e_bh(log_e, q)
    where = np.flatnonzero(found)
    where = where[np.argsort(-log_e[where], kind="stable")]
    low, high = ratio_band(candidate[where], baseline[where], pi, threshold)
    ratios = _ratio(candidate[where], baseline[where], pi)
    columns = zip(
        counted[where].tolist(), ratios.tolist(), low.tolist(), high.tolist(), log_e[where].tolist(), strict=True
    )
    return tuple(
        _signal(names[i], ratio, (a, b), log_e_value, threshold, harmful=_against(names[i], ratio))
        for i, ratio, a, b, log_e_value in columns
    )


def fresh(names: Sequence[NameEvidence], pi: float, threshold: float) -> tuple[Signal, ...]:
    """Error fingerprints that the candidate brought: proven more frequent, and practically absent in the baseline.

    `names` come in the order of their first appearance in the stage, whichever arm they appeared in. The j-th
    fingerprint has the weight 6/(pi^2 j^2), which sum to 1: it is harmful at `threshold` (natural log, see
    `weights.harm_threshold`) plus log(pi^2 j^2 / 6). All of them together are one test of that threshold.
    """
    prints = [n for n in names if n.kind == "fingerprint"]
    if not prints:
        return ()
    candidate, baseline = _counts(prints)
    log_e = _at_least(threshold, candidate, baseline, pi, lambda c, b, share: log_e_side(c, b, share, 1.0, 1.0))
    needed = threshold + first_seen(np.arange(1, len(prints) + 1))
    ratios = _ratio(candidate, baseline, pi)
    where = np.flatnonzero((log_e >= needed) & (ratios >= NEW))
    low, high = ratio_band(candidate[where], baseline[where], pi, needed[where])
    return tuple(
        _signal(prints[i], float(ratios[i]), (float(a), float(b)), float(log_e[i]), float(needed[i]), True, True)
        for i, a, b in zip(where, low, high, strict=True)
    )


def first_seen(j: ArrayLike) -> Floats:
    """What the j-th fingerprint (from 1) has to show beyond the first threshold: log(pi^2 j^2 / 6)."""
    return floats(np.log(pi**2 * floats(j) ** 2 / 6))


def ratio_band(candidate: Floats, baseline: Floats, share: float, threshold: Number) -> tuple[Floats, Floats]:
    """All risk ratios that `log_e_both` does not refute at the log e-value `threshold`; 0 or inf where open."""
    if not len(candidate):
        return np.zeros(0), np.zeros(0)
    centre = np.clip(_ratio(np.maximum(candidate, 0.5), np.maximum(baseline, 0.5), share), 1 / FARTHEST, FARTHEST)

    def held(ratio: Floats) -> Flags:
        return log_e_both(candidate, baseline, share, ratio) < threshold

    # The lower ends and the upper ones, in two rows.
    ends = np.array([[1 / FARTHEST], [FARTHEST]])
    unbound = np.stack([candidate == 0, baseline == 0]) | held(ends)
    inside, outside = np.log(np.stack([centre, centre])), np.log(ends) + np.zeros_like(centre)
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inner = held(np.exp(middle))
        inside, outside = np.where(inner, middle, inside), np.where(inner, outside, middle)
    low, high = np.where(unbound, np.array([[0.0], [np.inf]]), np.exp(outside))
    return low, high


def _counts(names: Sequence[NameEvidence]) -> tuple[Floats, Floats]:
    return (
        np.fromiter((n.candidate for n in names), np.float64, len(names)),
        np.fromiter((n.baseline for n in names), np.float64, len(names)),
    )


def _at_least(
    least: float, candidate: Floats, baseline: Floats, share: float, log_e: Callable[[Floats, Floats, float], Floats]
) -> Floats:
    """The log e-values of those that may reach `least`, and -inf for the others, of which most names are.

    A mean of likelihood ratios is at most the largest one of all, which is that of the observed share.
    """
    found = np.full(len(candidate), -np.inf)
    seen = per(candidate, candidate + baseline)
    with np.errstate(divide="ignore", invalid="ignore"):
        ups = np.where(candidate > 0, candidate * np.log(seen / share), 0.0)
        downs = np.where(baseline > 0, baseline * np.log((1 - seen) / (1 - share)), 0.0)
    may = np.flatnonzero(ups + downs >= least)
    found[may] = log_e(candidate[may], baseline[may], share)
    return found


def _ratio(candidate: Floats, baseline: Floats, share: float) -> Floats:
    """How many times as large a unit's risk is with the candidate; inf where the baseline has none."""
    return np.where(baseline > 0, per(candidate * (1 - share), baseline * share), np.inf)


def _against(name: NameEvidence, ratio: float) -> bool:
    """Whether a difference goes against the declared direction of its name."""
    return bool(name.better) and (ratio > 1) == (name.better == "lower")


def _signal(
    name: NameEvidence,
    ratio: float,
    band: tuple[float, float],
    log_e: float,
    threshold: float,
    harmful: bool = False,
    new: bool = False,
) -> Signal:
    low, high = band
    return Signal(name.kind, name.name, name.candidate, name.baseline, ratio, low, high, log_e, threshold, harmful, new)
