"""Readings against scipy, statsmodels, tea-tasting, and against what an interval promises."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite, log, sqrt

import numpy as np
import pyarrow as pa
import pytest
import tea_tasting
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep
from tests.unit.stats.build import arm, of_units, values

from fader.model.evidence import MetricEvidence
from fader.model.metric import Direction, Margin, Metric
from fader.model.rollout import Outcome
from fader.model.summary import ArmSummary
from fader.model.verdict import Reading
from fader.stats.normal_mixture import log_e_norm2
from fader.stats.reading import fieller, read

CONVERSION = Metric("conversion", "proportion", "higher", of="units", event="order")
LATENCY = Metric("latency", "quantile", value="duration_ms", q=0.95)


def outcome(smallest: float = 0.02, better: Direction = "higher", kind: str = "relative") -> Outcome:
    return Outcome(replace(CONVERSION, better=better), Margin("relative", 0.1), Margin(kind, smallest))


def one(candidate: ArmSummary, baseline: ArmSummary, of: Outcome | None = None, **asked: object) -> Reading:
    (reading,) = read(of or outcome(), MetricEvidence("conversion", candidate, baseline), candidate="v2", **asked)
    return reading


def buyers(k: int, n: int) -> ArmSummary:
    return of_units(np.r_[np.ones(k), np.zeros(n - k)])


class TestIntervals:
    def test_the_fixed_one_is_walds(self) -> None:
        """At even shares of equal size, the pooled variance is at most a little above Wald's."""
        reading = one(buyers(3300, 10_000), buyers(3000, 10_000), fixed=True)
        low, high = confint_proportions_2indep(3300, 10_000, 3000, 10_000, method="wald", alpha=0.04)
        assert (reading.fixed_low, reading.fixed_high) == pytest.approx((low, high), rel=0.01)
        assert reading.fixed_high - reading.fixed_low >= high - low

    def test_to_the_digit_where_there_is_no_difference(self) -> None:
        reading = one(buyers(3000, 10_000), buyers(3000, 10_000), fixed=True)
        half = norm.ppf(0.98) * sqrt(2 * 0.3 * 0.7 / 10_000)
        assert reading.fixed_high == pytest.approx(half, rel=1e-6)
        assert (reading.alpha, reading.fixed_alpha) == (0.01, 0.04)

    def test_the_sequence_is_wider_and_there_at_all_times(self) -> None:
        early, late = (one(buyers(3300, 10_000), buyers(3000, 10_000), fixed=fixed) for fixed in (False, True))
        assert (early.low, early.high) == (late.low, late.high)
        assert early.low < late.fixed_low < late.fixed_high < early.high
        assert early.fixed_low is None

    @pytest.mark.parametrize(("k", "n"), [(40, 100), (800, 2000), (40_000, 100_000), (2_000_000, 5_000_000)])
    def test_it_is_never_much_wider_than_the_best_band_of_one_spread(self, k: int, n: int) -> None:
        """Over five orders of the sample: at most 4.2 standard errors at alpha .01; 3.6 is the least there is."""
        reading = one(buyers(k, n), buyers(k, n))
        assert 3.57 <= reading.high / sqrt(2 * 0.4 * 0.6 / n) <= 4.2

    def test_without_a_smallest_effect_it_is_tuned_for_a_twentieth(self) -> None:
        arms = buyers(3000, 10_000), buyers(3000, 10_000)
        none, twentieth = one(*arms, outcome(0.0, kind="absolute")), one(*arms, outcome(0.05))
        assert (none.low, none.high) == pytest.approx((twentieth.low, twentieth.high))

    def test_a_large_effect_is_read_early(self) -> None:
        """18 instead of 30 % buy: 9 standard errors after 2,000 users, though 2 % was of interest."""
        assert one(buyers(180, 1000), buyers(300, 1000)).verdict == "worse"

    @given(st.floats(1e-9, 1.0), st.floats(0.5, 100))
    def test_the_ends_are_where_the_mean_of_the_tests_refutes(self, v: float, smallest: float) -> None:
        from fader.stats.normal_mixture import half_width_mean

        taus = (smallest * sqrt(v), 4 * smallest * sqrt(v), 0.1 * sqrt(v))
        half = half_width_mean(v, taus, 0.01)
        mean = np.mean(np.exp(log_e_norm2(half, v, taus)))
        assert log(mean) == pytest.approx(log(100), abs=1e-4)


class TestRelative:
    def test_fieller_at_its_ends(self) -> None:
        low, high = fieller(0.33, 0.3, (2e-5, 3e-5), 2.0) or (inf, inf)
        for r in (low, high):
            assert abs(0.33 - (1 + r) * 0.3) == pytest.approx(2 * sqrt(2e-5 + (1 + r) ** 2 * 3e-5))

    def test_close_to_the_delta_method_of_the_log(self) -> None:
        """tea-tasting's interval, which is that of the log of the ratio: alike where the baseline is far from 0."""
        table = tea_tasting.make_users_data(rng=42)
        result = tea_tasting.Experiment(
            found=tea_tasting.RatioOfMeans("orders", "sessions", use_t=False, confidence_level=0.96)
        ).analyze(table)["found"]
        columns = {name: np.array(table[name]) for name in ("orders", "sessions", "variant")}
        arms = [
            of_units(columns["orders"][columns["variant"] == v], columns["sessions"][columns["variant"] == v])
            for v in (1, 0)
        ]
        metric = Metric("orders", "ratio", "higher")
        reading = one(*arms, Outcome(metric, Margin("relative", 0.1)), fixed=True)
        assert reading.relative == pytest.approx(result.rel_effect_size, rel=1e-9)
        assert (reading.relative_low, reading.relative_high) == pytest.approx(
            (result.rel_effect_size_ci_lower, result.rel_effect_size_ci_upper), abs=2e-3
        )
        assert reading.effect == pytest.approx(result.effect_size, rel=1e-9)

    def test_none_where_the_baseline_may_be_0(self) -> None:
        reading = one(buyers(9, 1000), buyers(2, 1000))
        assert reading.effect == pytest.approx(0.007)
        assert (reading.relative, reading.relative_low, reading.relative_high) == (None, None, None)

    def test_it_belongs_to_the_fixed_interval_at_the_end(self) -> None:
        early, late = (one(buyers(3300, 10_000), buyers(3000, 10_000), fixed=fixed) for fixed in (False, True))
        assert early.relative == late.relative == pytest.approx(0.1)
        assert early.relative_low < late.relative_low < 0.1 < late.relative_high < early.relative_high

    @given(st.floats(0.05, 0.9), st.floats(0.3, 0.9), st.floats(1e-9, 1e-4), st.floats(1e-9, 1e-4), st.floats(1, 4))
    def test_the_interval_holds_its_estimate(self, c: float, b: float, vc: float, vb: float, z: float) -> None:
        low, high = fieller(c, b, (vc, vb), z) or (-inf, inf)
        assert low <= c / b - 1 + 1e-12
        assert high >= c / b - 1 - 1e-12


class TestVerdicts:
    @pytest.mark.parametrize(
        ("bought", "better", "expected"),
        [(3600, "higher", "better"), (3600, "lower", "worse"), (2400, "higher", "worse"), (2400, "lower", "better")],
    )
    def test_a_side_of_zero(self, bought: int, better: Direction, expected: str) -> None:
        assert one(buyers(bought, 10_000), buyers(3000, 10_000), outcome(better=better)).verdict == expected

    def test_same_is_within_the_smallest_effect_of_interest(self) -> None:
        alike = buyers(300_000, 1_000_000), buyers(300_100, 1_000_000)
        assert one(*alike).verdict == "same"
        assert one(*alike, outcome(0.001)).verdict == "undecided"
        assert one(*alike, outcome(0.006, kind="absolute")).verdict == "same"
        assert one(*alike, replace(outcome(), smallest=None)).verdict == "same"

    def test_the_planned_end_decides_more(self) -> None:
        arms = buyers(3180, 10_000), buyers(3000, 10_000)
        assert one(*arms).verdict == "undecided"
        assert one(*arms, fixed=True).verdict == "better"

    def test_too_early(self) -> None:
        assert one(buyers(3, 10), buyers(2, 10)).verdict == "undecided"


class TestUnknown:
    def test_a_reason_for_no_numbers(self) -> None:
        (reading,) = read(outcome(), MetricEvidence("conversion", missing="no answer"), candidate="v2")
        assert (reading.verdict, reading.missing, reading.arm) == ("unknown", "no answer", "v2")

    @pytest.mark.parametrize(
        "arms",
        [
            (ArmSummary(), buyers(3, 10)),
            (buyers(3, 10), ArmSummary()),
            (buyers(0, 10), buyers(0, 10)),
            (replace(buyers(3, 10), yy=inf), buyers(3, 10)),
            (replace(buyers(3, 10), events=11.0), buyers(3, 10)),
        ],
    )
    def test_nothing_to_estimate_from(self, arms: tuple[ArmSummary, ArmSummary]) -> None:
        reading = one(*arms, fixed=True)
        assert reading.verdict == "unknown"
        assert "conversion" in reading.missing


class TestArms:
    def test_each_further_arm_is_compared_and_the_alphas_are_shared(self) -> None:
        others = (("v3", buyers(3000, 10_000)), ("v4", buyers(2400, 10_000)))
        evidence = MetricEvidence("conversion", buyers(3600, 10_000), buyers(3000, 10_000), others=others)
        found = read(outcome(), evidence, candidate="v2", fixed=True)
        assert [(r.arm, r.verdict) for r in found] == [("v2", "better"), ("v3", "undecided"), ("v4", "worse")]
        assert {r.alpha for r in found} == {0.01 / 3}
        assert {r.fixed_alpha for r in found} == {0.04 / 3}
        alone = one(buyers(3600, 10_000), buyers(3000, 10_000))
        assert found[0].low < alone.low


class TestKinds:
    def test_covariates_narrow_it(self) -> None:
        g = np.random.default_rng(82_000)
        past = g.lognormal(1, 1, 8000)
        y, x = past * 0.8 + g.lognormal(1, 1, 8000), past - past.mean()
        metric = Outcome(Metric("revenue", "mean", "higher"), Margin("relative", 0.05))
        plain = one(of_units(y[:4000]), of_units(y[4000:]), metric)
        adjusted = one(of_units(y[:4000], x=x[:4000]), of_units(y[4000:], x=x[4000:]), metric)
        assert plain.variance_kept == 1.0
        assert adjusted.variance_kept == pytest.approx(1 - np.corrcoef(y, x)[0, 1] ** 2, rel=1e-6)
        ratio = (adjusted.high - adjusted.low) / (plain.high - plain.low)
        assert ratio == pytest.approx(sqrt(adjusted.variance_kept), rel=0.03)
        assert (adjusted.candidate_value, plain.candidate_value) == pytest.approx((y[:4000].mean(),) * 2)

    def test_a_quantile_has_the_effect_of_its_share(self) -> None:
        evidence = MetricEvidence(
            "latency", arm(9000, 1, 700), arm(9000, 1, 450), values((120, 100)), values((100, 100))
        )
        (reading,) = read(Outcome(LATENCY, Margin("relative", 0.1)), evidence, candidate="v2")
        assert reading.verdict == "worse"
        assert reading.effect == pytest.approx(250 / 9000)
        assert (reading.candidate_value, reading.baseline_value) == pytest.approx((120, 100), rel=0.02)
        assert reading.relative is None

    def test_of_a_quantile_same_is_never_said(self) -> None:
        evidence = MetricEvidence("latency", arm(10**6, 1, 50_000), arm(10**6, 1, 50_000))
        (reading,) = read(Outcome(LATENCY, Margin("relative", 0.5)), evidence, candidate="v2", fixed=True)
        assert reading.verdict == "undecided"


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 50), st.floats(-1e6, 1e6)), min_size=1, max_size=60),
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 50), st.floats(-1e6, 1e6)), min_size=1, max_size=60),
    st.sampled_from(["mean", "ratio"]),
    st.booleans(),
)
def test_any_finite_numbers_are_read(one_arm: list, other_arm: list, kind: str, fixed: bool) -> None:
    arms = []
    for rows in (one_arm, other_arm):
        y, n, x = (np.array(column, float) for column in zip(*rows, strict=True))
        arms.append(of_units(y, np.ones(len(y)) if kind == "mean" else n, x))
    metric = Outcome(Metric("money", kind, "higher"), Margin("relative", 0.05))
    (reading,) = read(metric, MetricEvidence("money", *arms), candidate="v2", fixed=fixed)
    if reading.verdict == "unknown":
        assert reading.missing
        return
    assert reading.low <= reading.effect <= reading.high
    assert all(isfinite(x) for x in (reading.low, reading.high, reading.candidate_value, reading.variance_kept))
    assert isinstance(reading.low, float)
    assert type(reading.effect) is float


@given(st.floats(1e-3, 1e3), st.integers(1, 400), st.integers(1, 400))
def test_in_another_currency_it_reads_the_same(rate: float, c: int, b: int) -> None:
    metric = Outcome(Metric("money", "mean", "higher"), Margin("relative", 0.05))
    arms = [of_units(np.r_[np.arange(k) * 1.0, np.zeros(500)]) for k in (c, b)]
    changed = [of_units(np.r_[np.arange(k) * rate, np.zeros(500)]) for k in (c, b)]
    here, there = one(*arms, metric, fixed=True), one(*changed, metric, fixed=True)
    if here.verdict == "unknown":
        return
    assert there.verdict == here.verdict
    assert (there.low, there.high) == pytest.approx((here.low * rate, here.high * rate), rel=1e-6, abs=1e-9)


def test_the_published_sample_ratio_of_the_same_users() -> None:
    """2023 to 1977: fair, and not alarmed about."""
    from fader.stats.srm import LOG_ALARM, log_e_srm

    table = tea_tasting.make_users_data(rng=42)
    counted = pa.compute.sum(table["variant"]).as_py()
    assert (counted, table.num_rows - counted) == (1977, 2023)
    assert log_e_srm(1977, 2023, 0.5) < 0 < LOG_ALARM
