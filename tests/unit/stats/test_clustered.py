from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from fader.model.summary import ArmSummary
from fader.stats.arms import Arms
from fader.stats.clustered import design_effect, difference, own_variance, residuals


def arm(n: list[int], y: list[int]) -> ArmSummary:
    a, b = np.array(n, float), np.array(y, float)
    return ArmSummary(len(n), a.sum(), b.sum(), b @ b, a @ b, a @ a, first=int((b > 0).sum()), failures=float(b.sum()))


def test_pooled_null_variance_from_the_residuals_themselves() -> None:
    nt, yt, nc, yc = [3, 5, 2], [1, 2, 0], [4, 6, 1, 9], [0, 1, 0, 2]
    d = difference(arm(nt, yt), arm(nc, yc))
    rate = (3 + 3) / (10 + 20)
    residual = np.array([y - rate * n for n, y in zip(nt + nc, yt + yc, strict=True)])
    spread = float(residual @ residual) / 7
    assert d.estimate == pytest.approx(3 / 10 - 3 / 20)
    assert d.pooled == pytest.approx(spread * (3 / 10**2 + 4 / 20**2))
    own = sum((y - 0.3 * n) ** 2 for n, y in zip(nt, yt, strict=True)) / 100
    own += sum((y - 0.15 * n) ** 2 for n, y in zip(nc, yc, strict=True)) / 400
    assert d.own == pytest.approx(own)


def test_one_request_each_is_the_binomial_variance() -> None:
    d = difference(arm([1] * 500, [1] * 12 + [0] * 488), arm([1] * 9500, [1] * 95 + [0] * 9405))
    assert d.estimate / d.pooled**0.5 == pytest.approx(2.966, abs=5e-4)
    assert d.estimate / d.own**0.5 == pytest.approx(2.023, abs=5e-4)
    assert design_effect(d.squares, d.rate * (1 - d.rate) * 10_000) == pytest.approx(1.0)


def test_welch_as_growthbook_computes_it() -> None:
    """Their test of a mean: 0.41 and 0.70 from sums and sums of squares, 95 %: .29 (.04538, .53462).

    They divide by K - 1 and use Student's t; with thousands of units that is in the fifth digit.
    """
    baseline = ArmSummary(3407, 3407, 1396.87, 52_377.9767, 1396.87, 3407)
    candidate = ArmSummary(3461, 3461, 2422.7, 134_698.29, 2422.7, 3461)
    d = difference(candidate, baseline)
    v = sum(float(own_variance(a)) * a.units / (a.units - 1) for a in (candidate, baseline))
    freedom = v**2 / sum(
        (float(own_variance(a)) * a.units / (a.units - 1)) ** 2 / (a.units - 1) for a in (candidate, baseline)
    )
    half = float(t.ppf(0.975, freedom)) * v**0.5
    assert (d.estimate, d.estimate - half, d.estimate + half) == pytest.approx((0.29, 0.04538, 0.53462), abs=5e-6)
    assert d.own == pytest.approx(v, rel=4e-4)


def test_sticky_users_inflate_the_variance() -> None:
    sticky = difference(arm([10] * 50, [10] * 5 + [0] * 45), arm([10] * 50, [10] * 5 + [0] * 45))
    assert design_effect(sticky.squares, sticky.rate * (1 - sticky.rate) * 1000) == pytest.approx(10)


def test_an_empty_arm_is_no_difference() -> None:
    for d in (difference(ArmSummary(), arm([1], [1])), difference(arm([1], [1]), ArmSummary())):
        assert not d.known
        assert (d.estimate, d.pooled, d.own) == (0.0, 0.0, 0.0)


def test_no_event_at_all_has_no_spread() -> None:
    d = difference(arm([1, 2], [0, 0]), arm([3], [0]))
    assert (d.estimate, d.pooled, d.known) == (0.0, 0.0, True)
    assert design_effect(d.squares, 0.0) == 1.0


def test_many_comparisons_at_once_are_each_as_it_is_alone() -> None:
    pairs = [
        (arm([3, 5, 2], [1, 2, 0]), arm([4, 6], [0, 1])),
        (ArmSummary(), arm([1], [0])),
        (arm([2], [1]), arm([3], [3])),
    ]
    at_once = difference(*(Arms.of(arms) for arms in zip(*pairs, strict=True)))
    for i, pair in enumerate(pairs):
        alone = difference(*pair)
        for name in ("estimate", "pooled", "own", "squares", "known"):
            assert getattr(at_once, name)[i] == pytest.approx(getattr(alone, name), abs=1e-15)


def test_rounding_does_not_make_a_square_negative() -> None:
    assert residuals(0.1 + 0.2, 0.3, 0.3, 1.0) >= 0


def test_simpsons_table_is_why_stages_are_never_pooled() -> None:
    """Kohavi: better on neither day, and yet better in the sum of both."""
    friday = difference(_counts(230, 10_000), _counts(20_000, 990_000))
    saturday = difference(_counts(6_000, 500_000), _counts(5_000, 500_000))
    both = difference(_counts(6_230, 510_000), _counts(25_000, 1_490_000))
    weights = 10_000 * 990_000 / 1e6, 500_000 * 500_000 / 1e6
    stratified = (weights[0] * friday.estimate + weights[1] * saturday.estimate) / sum(weights)
    assert stratified == pytest.approx(0.002030, abs=5e-7)
    assert both.estimate == pytest.approx(-0.004563, abs=5e-7)


def _counts(events: int, n: int) -> ArmSummary:
    return ArmSummary(n, n, events, events, events, n, events, events)
