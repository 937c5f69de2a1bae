from __future__ import annotations

from math import ceil, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.summary import GAMMA, Histogram
from fader.stats.histogram import quantile, quantile_band


def histogram(values: list[float]) -> Histogram:
    bins, counts = np.unique([ceil(log(v) / log(GAMMA)) for v in values], return_counts=True)
    return Histogram(tuple(map(int, bins)), tuple(map(int, counts)))


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200), st.floats(0, 1))
def test_within_two_percent_of_the_nearest_rank(values: list[float], q: float) -> None:
    exact = sorted(values)[max(0, ceil(q * len(values) - 1e-9) - 1)]
    assert quantile(histogram(values), q) == pytest.approx(exact, rel=0.0201)


def test_the_order_of_bins_does_not_matter() -> None:
    assert quantile(Histogram((9, 1, 5), (1, 1, 1)), 0.5) == quantile(Histogram((1, 5, 9), (1, 1, 1)), 0.5)


def test_nothing_has_no_quantile() -> None:
    assert quantile(Histogram(), 0.5) is None
    assert quantile_band(Histogram(), 0.5, 0.1) == (None, None)


def test_a_band_of_shares_is_a_band_of_values() -> None:
    values = histogram([float(i) for i in range(1, 1001)])
    low, high = quantile_band(values, 0.95, 0.02)
    assert low == pytest.approx(930, rel=0.03)
    assert high == pytest.approx(970, rel=0.03)


def test_a_band_that_reaches_the_end_is_open_there() -> None:
    values = histogram([1.0, 2.0, 3.0])
    assert quantile_band(values, 0.95, 0.06)[1] is None
    assert quantile_band(values, 0.05, 0.06)[0] is None
    assert quantile_band(values, 0.95, inf) == (None, None)
