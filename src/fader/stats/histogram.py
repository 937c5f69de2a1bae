"""Quantiles of log-binned values: for display and for the point estimate, never a test."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from math import ceil, inf

from fader.model.summary import GAMMA, Histogram


def value_of(index: int) -> float:
    """The value that stands for bin `index` = (GAMMA**(index-1), GAMMA**index]; at most 2 % off."""
    return 2 * GAMMA**index / (GAMMA + 1)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """The values of all of them."""
    counts: Counter[int] = Counter()
    for histogram in histograms:
        counts.update(dict(zip(histogram.bins, histogram.counts, strict=True)))
    return Histogram(tuple(sorted(counts)), tuple(counts[b] for b in sorted(counts)))


def quantile(histogram: Histogram, q: float) -> float | None:
    """The q quantile (nearest rank), None without values. q outside [0, 1] gives the ends."""
    bins, counts = histogram.bins, histogram.counts
    if list(bins) != sorted(bins):
        bins, counts = zip(*sorted(zip(bins, counts, strict=True)), strict=True)
    reached = list(accumulate(counts))
    if not reached or reached[-1] == 0:
        return None
    return value_of(bins[bisect_left(reached, min(max(1, ceil(q * reached[-1] - 1e-9)), reached[-1]))])


def quantile_band(histogram: Histogram, q: float, half_width: float) -> tuple[float | None, float | None]:
    """Values between which the q quantile lies when the share below it is known to +- half_width.

    An end is None where the data do not bound it (the band reaches share 0 or 1).
    """
    if half_width == inf or histogram.total == 0:
        return None, None
    low = quantile(histogram, q - half_width) if q - half_width > 0 else None
    high = quantile(histogram, q + half_width) if q + half_width < 1 else None
    return low, high
