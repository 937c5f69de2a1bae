"""The exact count test: numbers of an independent implementation, and what the method promises."""

from __future__ import annotations

from bisect import bisect_left
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from fader.stats.grid import RATIOS, log_e_grid, log_sum_exp, theta


@pytest.mark.parametrize(
    ("candidate", "baseline", "pi", "expected"),
    [
        (15, 85, 0.05, 5.586491),
        (4, 6, 0.05, 4.738379),
        (8, 0, 0.05, 16.225606),
        (0, 50, 0.05, -2.464607),
        (37, 13, 0.5, 4.707877),
        (313, 4687, 0.05, 4.751472),
    ],
)
def test_vectors(candidate: int, baseline: int, pi: float, expected: float) -> None:
    assert log_e_grid(candidate, baseline, pi) == pytest.approx(expected, abs=1e-6)


def test_a_null_other_than_one() -> None:
    assert log_e_grid(15, 85, 0.05, r0=1.2) == pytest.approx(3.845642, abs=1e-6)


def test_twelve_errors_are_not_what_a_z_test_takes_them_for() -> None:
    assert log_e_grid(12, 95, 0.05) == pytest.approx(1.909, abs=5e-4)


SIZES = (5, 10, 20, 50, 100, 200, 500, 1000, 5000)


@pytest.mark.parametrize(
    ("pi", "alpha", "boundary"),
    [
        (0.05, 0.01, (4, 4, 6, 10, 15, 23, 45, 78, 313)),
        (0.01, 0.01, (3, 3, 4, 5, 6, 9, 15, 24, 79)),
        (0.25, 0.01, (5, 8, 13, 24, 42, 74, 163, 305, 1377)),
        (0.5, 0.01, (None, 10, 17, 37, 68, 126, 293, 562, 2645)),
        (0.05, 0.05, (3, 4, 5, 8, 13, 21, 42, 74, 306)),
        (0.5, 0.05, (None, 9, 16, 36, 66, 123, 288, 555, 2630)),
    ],
)
def test_smallest_count_that_alarms(pi: float, alpha: float, boundary: tuple[int | None, ...]) -> None:
    for n, expected in zip(SIZES, boundary, strict=True):
        k = bisect_left(range(n + 1), log(1 / alpha), key=lambda k, n=n: log_e_grid(k, n - k, pi), lo=int(n * pi))
        assert (k if k <= n else None) == expected


counts = st.integers(0, 3000)
shares = st.floats(1e-6, 1 - 1e-6)


@given(counts, counts, shares)
def test_agrees_with_an_implementation_in_arrays(candidate: int, baseline: int, pi: float) -> None:
    r = np.exp(np.linspace(np.log(1.1), np.log(20), 40))
    odds = pi * r / (pi * r + 1 - pi)
    terms = candidate * np.log(odds / pi) + baseline * np.log((1 - odds) / (1 - pi))
    expected = float(logsumexp(terms)) - log(40)
    assert log_e_grid(candidate, baseline, pi) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@given(st.integers(0, 40), shares, st.floats(0.5, 2.0), st.sampled_from(["lower", "higher"]))
def test_its_mean_under_the_null_is_one(n: int, pi: float, r0: float, better: str) -> None:
    """The very definition of an e-value, summed over all outcomes of n events."""
    from math import comb

    p = theta(pi, r0)
    mean = sum(comb(n, k) * p**k * (1 - p) ** (n - k) * exp(log_e_grid(k, n - k, pi, r0, better)) for k in range(n + 1))
    assert mean == pytest.approx(1.0, rel=1e-6)


def test_a_fall_is_mirrored() -> None:
    assert log_e_grid(2, 98, 0.5, better="higher") > 10
    assert log_e_grid(98, 2, 0.5, better="higher") < 0
    assert log_e_grid(2, 98, 0.5, better="higher") == pytest.approx(log_e_grid(98, 2, 0.5))


@pytest.mark.parametrize("pi", [0.0, 1.0, -0.1])
def test_one_arm_alone_cannot_be_compared(pi: float) -> None:
    with pytest.raises(ValueError, match="both arms"):
        log_e_grid(1, 1, pi)


def test_the_prior_reaches_from_a_tenth_more_to_twenty_times() -> None:
    assert len(RATIOS) == 40
    assert RATIOS[0] == pytest.approx(1.1)
    assert RATIOS[-1] == pytest.approx(20)


def test_a_sum_of_huge_logs_does_not_overflow() -> None:
    assert log_sum_exp([5000.0, 5000.0]) == pytest.approx(5000 + log(2))
