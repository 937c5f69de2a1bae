"""Numbers published with confseq, and a check of each formula against numpy and scipy."""

from __future__ import annotations

from math import exp, inf, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from fader.stats.normal_mixture import band, bound, log_e_norm1, log_e_norm1_mean, log_e_norm2, log_ndtr, tune


@pytest.mark.parametrize(
    ("d", "v", "tau", "expected"),
    [
        (0.01, 1e-5, 0.01, 4.038369),
        (0.01, 1e-5, 0.002, 1.906931),
        (0.0, 1e-5, 0.01, -1.198948),
        (-0.01, 1e-5, 0.01, -2.617797),
    ],
)
def test_one_sided_vectors(d: float, v: float, tau: float, expected: float) -> None:
    assert log_e_norm1(d, v, tau) == pytest.approx(expected, abs=1e-6)


def test_two_sided_vector() -> None:
    assert log_e_norm2(0.01, 1e-5, 0.01) == pytest.approx(3.346507, abs=1e-6)


class TestConfseq:
    """Its unit tests: v_opt = 100, alpha = alpha_opt = .05, S = 10 at V = 100; S = d/v, V = 1/v, rho = 1/tau^2."""

    def test_tuning(self) -> None:
        assert 1 / tune(100, 0.05) ** 2 == pytest.approx(12.60056, abs=1e-5)

    def test_two_sided(self) -> None:
        tau = tune(100, 0.05)
        assert log_e_norm2(0.1, 0.01, tau) == pytest.approx(-0.6510052, abs=1e-7)
        assert band(0.0, 0.01, tau)[1] * 100 == pytest.approx(30.35209, abs=1e-5)

    def test_one_sided(self) -> None:
        tau = tune(100, 0.10)
        assert log_e_norm1(0.1, 0.01, tau) == pytest.approx(-0.06502391, abs=1e-7)
        assert bound(0.01, tau, 0.05) * 100 == pytest.approx(27.66071, abs=1e-5)


def growthbook_band(estimate: float, se: float, n: int, alpha: float, target: int) -> tuple[float, float]:
    """Their always-valid interval is this one with the clock in users: v = SE^2, tau^2 = v N rho^2."""
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / target
    return band(estimate, se**2, sqrt(se**2 * n * rho2), alpha)


def test_growthbook_relative_lift() -> None:
    """1396 of 3000 against 2422 of 3461, tuned for 5000: .50386 (.40098, .60675)."""
    a, b = 1396 / 3000, 2422 / 3461
    se = sqrt(b * (1 - b) / 3461 / a**2 + a * (1 - a) / 3000 * b**2 / a**4)
    assert se == pytest.approx(0.03386, abs=5e-6)
    low, high = growthbook_band((b - a) / a, se, 6461, 0.05, 5000)
    assert (low, high) == pytest.approx((0.40098, 0.60675), abs=2e-5)


@given(st.floats(-200, 40))
def test_log_of_the_normal_distribution(x: float) -> None:
    assert log_ndtr(x) == pytest.approx(float(special.log_ndtr(x)), rel=2e-7, abs=1e-15)


effects = st.floats(-0.5, 0.5)
variances = st.floats(1e-9, 1.0)
spreads = st.floats(1e-4, 1.0)


@given(effects, variances, spreads, st.floats(0.001, 0.5))
def test_the_band_holds_what_the_test_does_not_refute(d: float, v: float, tau: float, alpha: float) -> None:
    low, high = band(d, v, tau, alpha)
    for edge in (low, high):
        assert log_e_norm2(d, v, tau, null=edge) == pytest.approx(log(1 / alpha), rel=1e-5, abs=1e-5)


@given(variances, spreads, st.floats(0.001, 0.5))
def test_the_bound_is_where_the_one_sided_test_refutes(v: float, tau: float, alpha: float) -> None:
    edge = bound(v, tau, alpha)
    assert log_e_norm1(edge, v, tau) == pytest.approx(log(1 / alpha), abs=1e-6)
    assert log_e_norm1(edge * 0.99, v, tau) < log(1 / alpha)


def test_no_information_no_band() -> None:
    assert band(0.1, 0.0, 0.1) == (-inf, inf)
    assert band(0.1, inf, 0.1) == (-inf, inf)


def test_the_mean_is_that_of_the_e_values_not_of_their_logs() -> None:
    parts = [exp(log_e_norm1(0.01, 1e-5, t)) for t in (0.001, 0.01)]
    assert exp(log_e_norm1_mean(0.01, 1e-5, (0.001, 0.01))) == pytest.approx(sum(parts) / 2)
