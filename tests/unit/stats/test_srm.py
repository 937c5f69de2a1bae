from __future__ import annotations

from math import exp, factorial, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from fader.stats.srm import LOG_ALARM, log_e_arms, log_e_dirichlet, log_e_outside, log_e_srm


def p_value(log_e: float) -> float:
    return min(1.0, exp(-log_e))


@pytest.mark.parametrize(("k", "p"), [(100, 0.0748645), (10_000, 0.8753)])
def test_published_p_values(k: float, p: float) -> None:
    """Lindon & Malek's statistic for counts (156, 212) at even odds, as savvi and seqabpy compute it."""
    assert p_value(log_e_dirichlet(156, 212, 0.5, k)) == pytest.approx(p, abs=5e-5)


def test_agrees_with_the_general_formula() -> None:
    n, share, k = np.array([5100.0, 94_900.0]), np.array([0.05, 0.95]), 1000.0
    a = k * share
    expected = (
        gammaln(a.sum()) - gammaln(a.sum() + n.sum()) + np.sum(gammaln(a + n) - gammaln(a)) - np.sum(n * np.log(share))
    )
    assert log_e_dirichlet(5100, 94_900, 0.05, k) == pytest.approx(float(expected), rel=1e-9)


def test_the_mean_of_three_concentrations() -> None:
    terms = [exp(log_e_dirichlet(480, 9520, 0.05, k)) for k in (100, 1000, 10_000)]
    assert log_e_srm(480, 9520, 0.05) == pytest.approx(log(sum(terms) / 3))


def test_a_fair_split_is_no_alarm_and_a_skewed_one_is() -> None:
    assert log_e_srm(5000, 95_000, 0.05) < 0
    assert log_e_srm(4500, 95_500, 0.05) >= LOG_ALARM
    assert log_e_srm(5500, 94_500, 0.05) >= LOG_ALARM
    assert log_e_srm(0, 0, 0.05) == pytest.approx(0, abs=1e-9)


def odds(pi: float) -> float:
    return pi / (1 - pi)


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.001, 0.9), st.floats(1, 4))
def test_against_a_range_it_is_the_least_of_the_e_values_inside(k: int, n: int, low: float, times: float) -> None:
    """But for what the prior's mean moves it where there is nothing to be said anyhow."""
    high = min(0.99, low * times)
    found = log_e_outside((k, n), (odds(low), odds(high)), (1,))
    least = min(log_e_srm(k, n, float(pi)) for pi in np.linspace(low, high, 21))
    assert found <= least + 1e-9 * max(1.0, least) or found < 0


def test_a_range_alarms_beyond_its_ends_only() -> None:
    between = odds(0.04), odds(0.06)
    assert log_e_outside((4800, 95_200), between, (1,)) < 0
    assert log_e_outside((3500, 96_500), between, (1,)) >= LOG_ALARM
    assert log_e_outside((6500, 93_500), between, (1,)) >= LOG_ALARM


def test_further_arms_have_no_range() -> None:
    """Twice as many of the candidate's come back; of the arms beside it, none has been there before."""
    given = (10, 20), (60, 10, 10)
    assert log_e_outside((18_000, 60_000, 10_000, 10_000), *given) < 0
    assert log_e_outside((10_000, 60_000, 10_000, 11_000), *given) >= LOG_ALARM


@pytest.mark.slow
def test_detection_and_false_alarms_when_looked_at_each_thousand_units() -> None:
    """Planned .5, 300 runs of 300 looks, seed [95001, i]: no more than .001 + 3 sd false, .48 found at 12k +- 15 %."""
    false, found = 0, []
    for i in range(300):
        g = np.random.default_rng([95_001, i])
        fair = g.binomial(1000, 0.5, 300).cumsum()
        false += any(log_e_srm(int(k), int(1000 * (j + 1) - k), 0.5) >= LOG_ALARM for j, k in enumerate(fair))
        skewed = g.binomial(1000, 0.48, 300).cumsum()
        found.append(
            next(j + 1 for j, k in enumerate(skewed) if log_e_srm(int(k), int(1000 * (j + 1) - k), 0.5) >= LOG_ALARM)
        )
    assert false <= 300 * 0.001 + 3 * (300 * 0.001) ** 0.5
    assert 10.2 <= np.median(found) <= 13.8


def test_the_alarm_is_one_in_a_thousand() -> None:
    assert pytest.approx(log(1000)) == LOG_ALARM


def test_several_arms_are_tested_together() -> None:
    assert log_e_arms((480, 9520), (1, 19)) == pytest.approx(log_e_srm(480, 9520, 0.05))
    assert log_e_arms((25_000, 25_000, 25_000, 25_000), (1, 1, 1, 1)) < 0
    # One arm lost a twentieth of its units: seen, whichever it is.
    for lost in range(4):
        counts = [25_000 - 1_250 * (i == lost) for i in range(4)]
        assert log_e_arms(counts, (250_000,) * 4) >= LOG_ALARM


def test_of_several_arms_the_mean_e_value_is_one_under_the_null() -> None:
    """A martingale: the expectation over all outcomes of a few units is exactly 1."""
    shares, total = (0.2, 0.3, 0.5), 0.0
    for a in range(7):
        for b in range(7 - a):
            c = 6 - a - b
            ways = factorial(6) / (factorial(a) * factorial(b) * factorial(c))
            chance = ways * shares[0] ** a * shares[1] ** b * shares[2] ** c
            total += chance * exp(log_e_arms((a, b, c), shares))
    assert total == pytest.approx(1.0)
