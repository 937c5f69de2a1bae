from __future__ import annotations

from dataclasses import replace
from math import exp, inf, log, nan, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stats.build import arm, error_guardrail, errors, latency_guardrail, stakes, values

from fader.model.evidence import MetricEvidence
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.model.verdict import Verdict
from fader.stats.grid import log_e_grid, log_sum_exp
from fader.stats.judge import exceeds, judge
from fader.stats.normal_mixture import log_e_norm1_mean

BASIS = Basis("errors", 0.003)
LEARNT = Basis("latency", 0.05, 100.0)


def latency(candidate: ArmSummary, baseline: ArmSummary, c_ms: float = 100, b_ms: float = 100) -> MetricEvidence:
    return MetricEvidence("latency", candidate, baseline, values((c_ms, 100)), values((b_ms, 100)))


def begun_anew(stage: float) -> float:
    """The stage's own weight, 6/pi^2; the rest is kept for instances to come."""
    weight = 6 / pi**2
    return log(weight * exp(stage) + 1 - weight)


class TestProportion:
    def test_harm(self) -> None:
        j = judge(error_guardrail(), BASIS, errors(arm(98, 6, 16), arm(1902, 6, 34)), stakes())
        assert j.verdict is Verdict.HARMFUL
        assert j.log_e_harm >= j.harm_threshold == pytest.approx(log(160))
        assert (j.candidate_units, j.baseline_units, j.candidate_first, j.baseline_first) == (98, 1902, 16, 34)
        assert j.candidate_rate == pytest.approx(16 / 588)
        assert j.low < j.rise < j.high

    def test_the_mean_of_the_exact_and_the_clustered_test(self) -> None:
        candidate, baseline = arm(1000, 1, 12), arm(19_000, 1, 95)
        j = judge(error_guardrail(), Basis("errors", 0.005), errors(candidate, baseline), stakes())
        rate = 107 / 20_000
        v = rate * (1 - rate) * (1 / 1000 + 1 / 19_000)
        normal = log_e_norm1_mean(12 / 1000 - 95 / 19_000, v, (0.0005, 0.0025, 0.01))
        assert j.log_e_harm == pytest.approx(log_sum_exp([begun_anew(log_e_grid(12, 95, 0.05)), normal]) - log(2))

    def test_below_ten_units_only_the_exact_test_counts(self) -> None:
        j = judge(error_guardrail(), BASIS, errors(arm(1000, 1, 9), arm(19_000, 1, 60)), stakes())
        assert j.log_e_harm == pytest.approx(log_sum_exp([begun_anew(log_e_grid(9, 60, 0.05)), 0.0]) - log(2))

    def test_four_of_ten_at_five_percent_need_no_minimum_sample(self) -> None:
        low = replace(stakes(), harm_threshold=log(35))
        assert judge(error_guardrail(), BASIS, errors(arm(90, 1, 4), arm(1700, 1, 6)), low).verdict is Verdict.HARMFUL

    def test_a_proven_rise_inside_the_limit_is_tolerated_and_may_be_safe(self) -> None:
        j = judge(error_guardrail(), BASIS, errors(arm(50_000, 1, 300), arm(50_000, 1, 150)), stakes(500_000, 10**6))
        assert j.verdict is Verdict.TOLERATED
        assert j.proven_safe

    def test_safe_and_undecided(self) -> None:
        healthy = judge(error_guardrail(), BASIS, errors(arm(100, 10, 3), arm(1900, 10, 57)), stakes())
        assert healthy.verdict is Verdict.SAFE
        assert healthy.proven_safe
        assert healthy.more_units == 0
        early = judge(error_guardrail(), BASIS, errors(arm(10, 1, 0), arm(190, 1, 0)), stakes())
        assert early.verdict is Verdict.UNDECIDED
        assert not early.proven_safe
        assert early.more_units is not None
        assert 50 <= early.more_units <= 120

    def test_the_forecast_is_what_it_takes(self) -> None:
        g, s = error_guardrail(), stakes(250_000, 500_000)
        few = judge(g, BASIS, errors(arm(200, 1, 2), arm(600, 1, 6)), s)
        assert few.more_units is not None
        factor = (200 + few.more_units) / 200
        many = errors(arm(round(200 * factor), 1, round(2 * factor)), arm(round(600 * factor), 1, round(6 * factor)))
        assert judge(g, BASIS, many, s).log_e_safe == pytest.approx(s.safe_threshold, rel=0.1)

    def test_a_rise_at_the_margin_has_no_forecast(self) -> None:
        j = judge(error_guardrail(), BASIS, errors(arm(500, 1, 60), arm(9500, 1, 30)), stakes())
        assert j.more_units is None

    def test_the_margin_is_what_is_tolerated_over_the_next_share(self) -> None:
        j = judge(error_guardrail(), BASIS, errors(arm(10, 1, 0), arm(190, 1, 0)), stakes(50_000, 250_000))
        assert j.margin == pytest.approx(0.04)

    @pytest.mark.parametrize("basis", [Basis("errors", 0.0), None])
    def test_a_service_without_any_error_is_proven_safe_too(self, basis: Basis | None) -> None:
        j = judge(error_guardrail(), basis, errors(arm(100, 10, 0), arm(1900, 10, 0)), stakes())
        assert j.verdict is Verdict.SAFE

    def test_errors_out_of_nothing_are_harm(self) -> None:
        j = judge(error_guardrail(), Basis("errors", 0.0), errors(arm(100, 4, 8), arm(1900, 4, 0)), stakes())
        assert j.verdict is Verdict.HARMFUL

    def test_relative_limits(self) -> None:
        g = error_guardrail(0.5, "relative")
        same = judge(g, BASIS, errors(arm(50_000, 1, 150), arm(50_000, 1, 150)), stakes(500_000, 10**6))
        worse = judge(g, BASIS, errors(arm(50_000, 1, 300), arm(50_000, 1, 150)), stakes(500_000, 10**6))
        assert (same.verdict, worse.verdict) == (Verdict.SAFE, Verdict.HARMFUL)
        nothing = judge(g, Basis("errors", 0.0), errors(arm(50, 1, 0), arm(50, 1, 0)), stakes(500_000, 10**6))
        assert nothing.verdict is Verdict.UNDECIDED

    def test_higher_is_better_is_the_mirror(self) -> None:
        g = error_guardrail(0.05, better="higher")
        fall = judge(g, Basis("errors", 0.2), errors(arm(1000, 1, 100), arm(1000, 1, 200)), stakes(500_000, 10**6))
        rise = judge(g, Basis("errors", 0.2), errors(arm(1000, 1, 300), arm(1000, 1, 200)), stakes(500_000, 10**6))
        assert (fall.verdict, rise.verdict) == (Verdict.HARMFUL, Verdict.SAFE)


class TestQuantile:
    def test_slow(self) -> None:
        j = judge(latency_guardrail(), LEARNT, latency(arm(100, 4, 60), arm(1900, 4, 300), 200), stakes())
        assert j.verdict is Verdict.HARMFUL
        assert j.candidate_value == pytest.approx(200, rel=0.02)

    def test_below_twenty_units_nothing_is_said(self) -> None:
        j = judge(latency_guardrail(), LEARNT, latency(arm(20, 1, 19), arm(1900, 1, 95), 200), stakes())
        assert j.log_e_harm == 0.0

    def test_slower_within_the_limit_is_tolerated(self) -> None:
        found = latency(arm(9000, 1, 700, over=200), arm(9000, 1, 450), 105)
        j = judge(latency_guardrail(), LEARNT, found, stakes(500_000, 10**6))
        assert j.verdict is Verdict.TOLERATED
        assert j.proven_safe

    def test_no_values_no_harm(self) -> None:
        """Without latencies there is no estimate that could exceed the limit."""
        found = MetricEvidence("latency", arm(100, 4, 60), arm(1900, 4, 300))
        j = judge(latency_guardrail(), LEARNT, found, stakes())
        assert j.verdict is Verdict.TOLERATED

    def test_safe(self) -> None:
        j = judge(latency_guardrail(), LEARNT, latency(arm(900, 1, 45, over=10), arm(900, 1, 45)), stakes())
        assert j.verdict is Verdict.SAFE

    @pytest.mark.parametrize("basis", [None, Basis("latency", 0.05, 0.0)])
    def test_what_was_never_learnt_is_unknown(self, basis: Basis | None) -> None:
        j = judge(latency_guardrail(), basis, latency(arm(900, 1, 45), arm(900, 1, 45)), stakes())
        assert j.verdict is Verdict.UNKNOWN
        assert "learnt" in j.missing

    def test_higher_is_better_is_the_mirror(self) -> None:
        g = latency_guardrail(better="higher")
        found = MetricEvidence("latency", arm(1000, 1, 300), arm(1000, 1, 500), values((50, 9)), values((100, 9)))
        j = judge(g, Basis("latency", 0.5, 100.0), found, stakes(500_000, 10**6))
        assert j.verdict is Verdict.HARMFUL

    def test_absolute_limits_are_in_the_unit_of_the_value(self) -> None:
        found = latency(arm(100, 4, 60), arm(1900, 4, 300), 120)
        assert judge(latency_guardrail(15, "absolute"), LEARNT, found, stakes()).verdict is Verdict.HARMFUL
        assert judge(latency_guardrail(30, "absolute"), LEARNT, found, stakes()).verdict is Verdict.TOLERATED


def test_a_reason_for_no_numbers_is_unknown() -> None:
    j = judge(error_guardrail(), BASIS, MetricEvidence("errors", missing="the store does not answer"), stakes())
    assert (j.verdict, j.missing) == (Verdict.UNKNOWN, "the store does not answer")
    assert not j.proven_safe


@pytest.mark.parametrize("change", [{"events": nan}, {"requests": inf}, {"yy": -1.0}, {"events": 1e9}])
def test_sums_that_cannot_be_are_unknown(change: dict[str, float]) -> None:
    broken = replace(arm(100, 10, 3), **change)
    for pair in ((broken, arm(100, 10, 3)), (arm(100, 10, 3), broken)):
        assert judge(error_guardrail(), BASIS, errors(*pair), stakes()).verdict is Verdict.UNKNOWN


def test_nobody_yet_is_undecided() -> None:
    j = judge(error_guardrail(), BASIS, errors(ArmSummary(), ArmSummary()), stakes())
    assert (j.verdict, j.more_units, j.log_e_harm) == (Verdict.UNDECIDED, None, pytest.approx(0.0))
    assert (j.low, j.high) == (-1.0, 1.0)


def test_exceeds_needs_values() -> None:
    j = judge(latency_guardrail(), None, latency(arm(9, 1, 4), arm(9, 1, 4)), stakes())
    assert not exceeds(latency_guardrail(), j)


sizes = st.integers(0, 3000)


@given(sizes, sizes, st.integers(1, 20), st.floats(0, 1), st.floats(0, 1), st.sampled_from(["lower", "higher"]))
def test_any_numbers_are_judged(candidates: int, baselines: int, each: int, c: float, b: float, better: str) -> None:
    pair = errors(arm(candidates, each, int(c * candidates)), arm(baselines, each, int(b * baselines)))
    for kind in ("absolute", "relative"):
        j = judge(error_guardrail(0.01, kind, better), BASIS, pair, stakes())
        assert j.verdict is not Verdict.UNKNOWN
        assert -1 <= j.low <= j.high <= 1
        assert (j.verdict in (Verdict.HARMFUL, Verdict.TOLERATED)) == (j.log_e_harm >= j.harm_threshold)
