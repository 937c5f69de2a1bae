"""Bounds of one rate that hold at every look."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from fader.stats.rate_bound import rate_bounds


def log_e(events: int, units: int, p: float) -> float:
    """The mixture's e-value against p, by an independent implementation of the Beta function."""
    mixture = betaln(0.5 + events, 0.5 + units - events) - betaln(0.5, 0.5)
    return float(mixture - events * log(p) - (units - events) * log(1 - p))


@pytest.mark.parametrize(("events", "units"), [(3, 50), (700, 1_000), (15, 50), (1, 100_000)])
def test_the_bounds_are_where_the_e_value_reaches_its_threshold(events: int, units: int) -> None:
    low, high = rate_bounds(events, units, 0.05)
    assert low < events / units < high
    assert log_e(events, units, low) == pytest.approx(log(20), abs=1e-3)
    assert log_e(events, units, high) == pytest.approx(log(20), abs=1e-3)


def test_no_event_yet_is_not_certainty() -> None:
    assert rate_bounds(0, 0, 0.05) == (0.0, 1.0)
    low, high = rate_bounds(0, 100, 0.05)
    assert low == 0.0
    assert 0.03 < high < 0.07, "more than the rule of three, which may be looked at once"
    assert rate_bounds(100, 100, 0.05)[1] == 1.0


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.001, 0.5))
def test_laws(events: int, units: int, alpha: float) -> None:
    low, high = rate_bounds(events, units, alpha)
    assert 0.0 <= low <= high <= 1.0
    if 0 < events <= units:
        assert low <= events / units <= high
        wide_low, wide_high = rate_bounds(events, units, alpha / 2)
        assert wide_low <= low
        assert high <= wide_high


def test_a_rate_stays_inside_at_every_look() -> None:
    """1,000 streams of 2,000 units at a rate of 3 %, looked at after each tenth unit: at most 5 % ever leave.

    A bound for one look at 95 % is left by more than a third of them.
    """
    generator = np.random.default_rng(20_250)
    looks = np.arange(10, 2_001, 10)
    counts = generator.binomial(1, 0.03, (1_000, 2_000)).cumsum(axis=1)[:, looks - 1]
    n, p = looks[None, :], 0.03
    values = betaln(0.5 + counts, 0.5 + n - counts) - betaln(0.5, 0.5) - counts * log(p) - (n - counts) * log(1 - p)
    left = (values >= log(20)).any(axis=1)
    assert left.mean() <= 0.05
    for stream in np.flatnonzero(left)[:5]:
        outside = [
            not low <= p <= high
            for low, high in (rate_bounds(int(c), int(k), 0.05) for c, k in zip(counts[stream], looks, strict=True))
        ]
        assert any(outside), "the bounds are those of the e-value"
