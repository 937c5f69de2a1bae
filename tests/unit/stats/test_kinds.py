"""Every kind of metric: what is tested, in which direction, with which margin, behind which gate."""

from __future__ import annotations

from dataclasses import replace
from math import exp, isfinite, log, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stats.build import arm, of_units, stakes, values

from fader.model.evidence import MetricEvidence, Restart
from fader.model.metric import Direction, Kind, Margin, Metric, Selection
from fader.model.rollout import Guardrail
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.model.verdict import Judgement, Verdict
from fader.stats.arms import Arms
from fader.stats.clustered import difference
from fader.stats.cuped import adjusted
from fader.stats.grid import log_e_grid, theta
from fader.stats.harm import weight
from fader.stats.judge import UNBOUNDED, Case, Stakes, judge, judge_all
from fader.stats.normal_mixture import band, log_e_norm1, log_e_norm1_mean

HALF = stakes(500_000, 10**6)

CRASHES = Metric("crashes", "proportion", of="units", event="crash")
SALES = Metric("sales", "proportion", "higher", of="units", event="order")
RETURNS = Metric("returns", "retention", "higher", event="visit", after=86_400, window=604_800)
CLICKS = Metric("clicks", "count", event="click")
REVENUE = Metric("revenue", "mean", "higher", event="order", value="amount", cap=500.0)
SIZE = Metric("size", "mean", event="upload", value="mb", cap=100.0)
BASKET = Metric("basket", "ratio", "higher", event="order", value="amount", per=Selection("order"))
PER_VISIT = Metric("per visit", "ratio", "higher", event="order", per=Selection("visit"))


def judged(
    metric: Metric,
    candidate: ArmSummary,
    baseline: ArmSummary,
    tolerate: float = 0.1,
    kind: str = "relative",
    learnt: float | None = None,
    against: Stakes = HALF,
    restarts: tuple[Restart, ...] = (),
) -> Judgement:
    basis = Basis(metric.name, learnt) if learnt is not None else None
    evidence = MetricEvidence(metric.name, candidate, baseline, restarts=restarts)
    return judge(Guardrail(metric, Margin(kind, tolerate)), basis, evidence, against)


def buyers(k: int, n: int) -> ArmSummary:
    return of_units(np.r_[np.ones(k), np.zeros(n - k)])


def spenders(seed: int, units: int, factor: float = 1.0, buying: float = 0.3) -> ArmSummary:
    g = np.random.default_rng([84_000, seed])
    return of_units(np.minimum(500, factor * g.lognormal(3, 0.8, units)) * (g.random(units) < buying))


def with_restarts(stage: float, *later: tuple[int, float]) -> float:
    """log of the sum of w_k E_k, where what is kept for instances to come stays as it is."""
    newest = max((number for number, _ in later), default=0)
    kept = 1 - sum(float(weight(k)) for k in range(newest + 1))
    return log(float(weight(0)) * exp(stage) + sum(float(weight(k)) * exp(e) for k, e in later) + kept)


class TestRequests:
    def test_covariates_prove_it_safe_sooner(self) -> None:
        """Errors of units that had them before; no unit is at its cap, so the uncapped numbers say the same."""
        g = np.random.default_rng(84_008)
        prone, n = g.beta(0.3, 3, 4000), np.full(4000, 6.0)
        y, x = g.binomial(6, prone).clip(0, 5), g.binomial(6, prone).clip(0, 5)
        arms = [of_units(y[a], n[a], x[a] - x.mean()) for a in (slice(2000), slice(2000, None))]
        plain = [replace(a, x=0.0, xx=0.0, xy=0.0, xn=0.0) for a in arms]
        errors = Metric("errors", "proportion")
        c, b, left = adjusted(*(Arms.of([a]).take(0) for a in arms))
        d = difference(c, b)
        assert 0.4 < left < 0.8
        edge, base = float(d.baseline) + 0.03, float(d.baseline)
        clusters = float(difference(*plain).squares) / (float(d.rate) * (1 - float(d.rate)) * 24_000)
        v = float(left) * clusters * (edge * (1 - edge) + base * (1 - base)) / 12_000
        found = judged(errors, *arms, 0.03, "absolute", 0.1)
        assert found.log_e_safe == pytest.approx(float(log_e_norm1(-d.estimate, v, 0.015, null=-0.03)))
        assert found.log_e_safe > judged(errors, *plain, 0.03, "absolute", 0.1).log_e_safe + 1

    def test_where_there_never_was_an_error_a_small_rate_is_expected(self) -> None:
        c, b = arm(1000, 1, 12), arm(19_000, 1, 95)
        rate = 107 / 20_000
        pooled = rate * (1 - rate) * (1 / 1000 + 1 / 19_000)
        normal = float(log_e_norm1_mean(12 / 1000 - 95 / 19_000, pooled, (0.0001, 0.0005, 0.002)))
        exact = with_restarts(float(log_e_grid(12, 95, 0.05)))
        j = judged(Metric("errors", "proportion"), c, b, learnt=0.0, against=stakes())
        assert j.log_e_harm == pytest.approx(float(np.logaddexp(exact, normal)) - log(2))

    def test_the_band_of_the_rise(self) -> None:
        """Tuned for the usual rate, or for what is tolerated where that is more; as measured, without covariates."""
        c, b = arm(1000, 1, 12), arm(19_000, 1, 95)
        d = difference(c, b)
        errors, v = Metric("errors", "proportion"), max(float(d.own), float(d.pooled))
        for tolerate, tau in ((0.002, 0.005), (0.02, 0.02)):
            j = judged(errors, c, b, tolerate, "absolute", 0.005, stakes())
            assert (j.low, j.high) == pytest.approx(band(j.rise, v, tau))

    def test_a_forecast_reaches_far(self) -> None:
        """A tenth of a per cent of the last stage's need; but no further than a hundred thousand times as far."""
        errors = Metric("errors", "proportion")
        far = judged(errors, arm(100, 1, 1), arm(100, 1, 1), 0.001, "absolute", 0.01)
        assert far.more_units is not None
        assert 100 * 1000 < far.more_units < 100 * 10_000
        assert judged(errors, arm(100, 1, 1), arm(100, 1, 1), 0.00001, "absolute", 0.01).more_units is None


class TestRareUnits:
    def test_only_the_exact_test_is_used(self) -> None:
        j = judged(CRASHES, buyers(9, 1000), buyers(60, 19_000), learnt=0.003, against=stakes())
        assert j.log_e_harm == pytest.approx(with_restarts(float(log_e_grid(9, 60, 0.05))))

    def test_no_crash_in_the_baseline_is_the_easiest_case(self) -> None:
        j = judged(CRASHES, buyers(5, 1000), buyers(0, 19_000), 0.001, "absolute", 0.0, stakes())
        assert j.verdict is Verdict.HARMFUL
        none = judged(CRASHES, buyers(0, 1000), buyers(0, 19_000), 0.001, "absolute", 0.0, stakes())
        assert none.verdict is Verdict.SAFE

    def test_what_was_learnt_says_whether_it_is_rare(self) -> None:
        """A frozen 30 %: the normal test; its spreads are those of something common."""
        arms = buyers(350, 1000), buyers(300, 1000)
        j = judged(CRASHES, *arms, learnt=0.3)
        pooled = 0.325 * 0.675 * 2 / 1000
        assert j.log_e_harm == pytest.approx(float(log_e_norm1_mean(0.05, pooled, (0.006, 0.03, 0.15))))
        assert judged(CRASHES, *arms, learnt=0.01).log_e_harm == pytest.approx(
            with_restarts(float(log_e_grid(350, 300, 0.5)))
        )

    def test_without_anything_learnt_both_arms_say_it(self) -> None:
        assert judged(CRASHES, buyers(90, 1000), buyers(100, 1000)).log_e_harm == pytest.approx(
            with_restarts(float(log_e_grid(90, 100, 0.5)))
        )

    def test_safe_by_the_likelihood_ratio(self) -> None:
        j = judged(CRASHES, buyers(13, 5000), buyers(250, 95_000), 0.1, against=stakes(50_000, 50_000))
        one, edge = 0.05, float(theta(0.05, 3.0))
        assert j.log_e_safe == pytest.approx(13 * log(one / edge) + 250 * log((1 - one) / (1 - edge)))


class TestCommonUnits:
    def test_fewer_buyers_are_harm(self) -> None:
        j = judged(SALES, buyers(180, 1000), buyers(300, 1000), learnt=0.3)
        assert j.verdict is Verdict.HARMFUL
        assert judged(SALES, buyers(420, 1000), buyers(300, 1000), learnt=0.3).log_e_harm < 0

    def test_the_gate_is_what_there_should_have_been(self) -> None:
        """Nobody buys any more: 0 candidate successes, 20 expected."""
        assert judged(SALES, buyers(0, 1000), buyers(38, 1000), learnt=0.04).log_e_harm == 0.0
        assert judged(SALES, buyers(0, 1000), buyers(40, 1000), learnt=0.04).log_e_harm > 5

    def test_safe_in_points_has_the_variance_at_the_margin(self) -> None:
        j = judged(SALES, buyers(3000, 10_000), buyers(3000, 10_000), 0.05, "absolute", 0.3)
        v = 0.3 * 0.7 / 10_000 * 2
        assert j.log_e_safe == pytest.approx(float(log_e_norm1(0.0, v, 0.025, null=-0.05)))
        assert j.verdict is Verdict.SAFE

    def test_safe_in_percent(self) -> None:
        same, fewer = buyers(30_000, 100_000), buyers(27_500, 100_000)
        assert judged(SALES, same, same, 0.05, learnt=0.3).verdict is Verdict.SAFE
        assert judged(SALES, fewer, same, 0.05, learnt=0.3).verdict is Verdict.HARMFUL
        assert judged(SALES, fewer, same, 0.10, learnt=0.3).verdict is Verdict.TOLERATED

    def test_retention_is_a_share_of_the_units_whose_time_is_up(self) -> None:
        j = judged(RETURNS, buyers(180, 1000), buyers(300, 1000), learnt=0.3)
        assert (j.verdict, j.candidate_rate, j.baseline_rate) == (Verdict.HARMFUL, 0.18, 0.3)
        assert (j.candidate_units, j.baseline_units) == (1000, 1000)


class TestCount:
    def test_the_mean_of_the_exact_and_the_clustered_test(self) -> None:
        g = np.random.default_rng(84_001)
        c, b = of_units(g.poisson(0.06, 2000)), of_units(g.poisson(0.03, 2000))
        j = judged(CLICKS, c, b, learnt=0.03)
        pool = c + b
        rate = pool.events / pool.units
        pooled = (pool.yy - pool.units * rate**2) / pool.units * 2 / 2000
        normal = float(log_e_norm1_mean(j.rise, pooled, (0.003, 0.015, 0.06)))
        exact = with_restarts(float(log_e_grid(c.first, b.first, 0.5)))
        assert j.log_e_harm == pytest.approx(float(np.logaddexp(exact, normal)) - log(2))
        assert j.verdict is Verdict.HARMFUL

    def test_the_normal_one_counts_from_ten_units_on(self) -> None:
        for units, both in ((9, False), (10, True)):
            j = judged(CLICKS, buyers(units, 1000), buyers(2, 1000), learnt=0.003)
            exact = with_restarts(float(log_e_grid(units, 2, 0.5)))
            alone = float(np.logaddexp(exact, 0.0)) - log(2)
            assert (j.log_e_harm != pytest.approx(alone)) is both

    def test_where_everybody_has_one_their_number_counts(self) -> None:
        g = np.random.default_rng(84_002)
        more, usual = of_units(1 + g.poisson(6, 3000)), of_units(1 + g.poisson(4, 3000))
        assert more.first == usual.first
        assert judged(CLICKS, more, usual, learnt=5.0).verdict is Verdict.HARMFUL
        assert judged(CLICKS, usual, usual, 0.05, learnt=5.0).verdict is Verdict.SAFE

    def test_none_at_all_is_proven_safe(self) -> None:
        """At a margin of m per unit there would be m events per unit, at least as scattered as Poisson's."""
        j = judged(CLICKS, buyers(0, 2000), buyers(0, 2000), 0.01, "absolute", 0.0)
        assert j.log_e_safe == pytest.approx(float(log_e_norm1(0.0, 0.01 / 2000, 0.005, null=-0.01)))
        assert j.verdict is Verdict.SAFE


class TestMean:
    def test_revenue_fell(self) -> None:
        j = judged(REVENUE, spenders(1, 20_000, 0.85), spenders(2, 20_000), learnt=8.0)
        assert j.verdict is Verdict.HARMFUL

    def test_of_so_skewed_a_value_a_thousand_units_are_the_least(self) -> None:
        fall = [judged(REVENUE, spenders(1, n, 0.1), spenders(2, n), learnt=8.0) for n in (999, 1000)]
        assert fall[0].log_e_harm == 0.0
        assert fall[1].log_e_harm > 50

    def test_nor_is_it_proven_safe_before(self) -> None:
        alike = judged(REVENUE, spenders(3, 900), spenders(3, 900), 0.9, learnt=8.0)
        assert (alike.log_e_safe, alike.verdict) == (0.0, Verdict.UNDECIDED)
        assert alike.more_units == 100
        assert judged(REVENUE, spenders(3, 1000), spenders(3, 1000), 0.9, learnt=8.0).verdict is Verdict.SAFE

    def test_both_margins(self) -> None:
        same = spenders(3, 200_000), spenders(4, 200_000)
        assert judged(REVENUE, *same, 0.1, learnt=8.0).verdict is Verdict.SAFE
        assert judged(REVENUE, *same, 0.8, "absolute", 8.0).verdict is Verdict.SAFE
        assert judged(SIZE, *same, 0.1, learnt=8.0).verdict is Verdict.SAFE
        less = spenders(3, 200_000, 0.95)
        assert judged(REVENUE, less, same[1], 0.1, learnt=8.0).verdict is Verdict.TOLERATED
        assert judged(REVENUE, less, same[1], 0.4, "absolute", 8.0).verdict is Verdict.HARMFUL

    def test_at_the_margin_values_spread_in_proportion(self) -> None:
        """Their law is unknown: all values larger by what the margin is of the mean."""
        c, b = spenders(5, 4000), spenders(6, 4000)
        d = difference(c, b)
        base = float(d.baseline)
        points = judged(SIZE, c, b, 0.6, "absolute", 8.0)
        v = float(d.pooled) * (1 + 0.6 / base) ** 2
        assert points.log_e_safe == pytest.approx(float(log_e_norm1(-d.estimate, v, 0.3, null=-0.6)))
        percent = judged(SIZE, c, b, 0.3, learnt=8.0)
        gap = float(d.candidate) - 1.3 * base
        v = 1.3**2 * float(d.own)
        assert percent.log_e_safe == pytest.approx(float(log_e_norm1(-gap, v, 0.15 * base)))

    def test_but_not_beyond_all_measure(self) -> None:
        c, b = spenders(5, 4000), spenders(6, 4000)
        d = difference(c, b)
        j = judged(SIZE, c, b, 400.0, "absolute", 8.0)
        assert j.log_e_safe == pytest.approx(float(log_e_norm1(-d.estimate, float(d.pooled) * 100, 200.0, null=-400.0)))

    def test_nothing_was_ever_spent(self) -> None:
        """Between 0 and the cap, a mean of m varies by no more than m (cap - m)."""
        none = of_units(np.zeros(5000))
        j = judged(SIZE, none, none, 1.0, "absolute", 0.0)
        assert j.log_e_safe == pytest.approx(float(log_e_norm1(0.0, 99 / 5000, 0.5, null=-1.0)))
        assert j.verdict is Verdict.SAFE
        uncapped = judged(replace(SIZE, cap=0.0), none, none, 1.0, "absolute", 0.0)
        assert (uncapped.log_e_safe, uncapped.low, uncapped.high) == (0.0, -UNBOUNDED, UNBOUNDED)

    def test_refunds_make_it_negative(self) -> None:
        g = np.random.default_rng(84_003)
        balance = [of_units(g.normal(-1, 5, 20_000)) for _ in range(2)]
        j = judged(REVENUE, *balance, 0.5, "absolute", 1.0)
        assert j.candidate_rate == pytest.approx(-1, abs=0.2)
        assert j.verdict is Verdict.SAFE

    def test_covariates_find_harm_sooner(self) -> None:
        g = np.random.default_rng(84_004)
        past = g.lognormal(1, 1, 6000)
        y = past + g.lognormal(0, 0.5, 6000)
        x = past - past.mean()
        y[:3000] *= 0.95
        plain = judged(REVENUE, of_units(y[:3000]), of_units(y[3000:]), learnt=5.0)
        adjusted = judged(REVENUE, of_units(y[:3000], x=x[:3000]), of_units(y[3000:], x=x[3000:]), learnt=5.0)
        assert adjusted.log_e_harm > plain.log_e_harm + 3
        assert adjusted.rise == plain.rise


class TestRatio:
    def baskets(self, seed: int, units: int, price: float = 1.0) -> ArmSummary:
        g = np.random.default_rng([84_005, seed])
        orders = g.poisson(0.5, units)
        return of_units(price * np.array([g.lognormal(3, 0.4, k).sum() for k in orders]), orders)

    def test_the_basket_shrank(self) -> None:
        j = judged(BASKET, self.baskets(1, 4000, 0.8), self.baskets(2, 4000), learnt=21.0)
        assert j.verdict is Verdict.HARMFUL
        assert j.candidate_rate == pytest.approx(0.8 * 21.8, rel=0.05)

    def test_below_twenty_units_with_an_order_nothing_is_said(self) -> None:
        few = of_units(np.r_[np.ones(19), np.zeros(900)], np.ones(919))
        assert judged(BASKET, few, few, 0.5, learnt=0.02).log_e_safe == 0.0
        j = judged(BASKET, few, buyers(119, 919), learnt=0.1)
        assert j.log_e_harm > 0

    def test_both_margins(self) -> None:
        same = self.baskets(3, 30_000), self.baskets(4, 30_000)
        assert judged(BASKET, *same, 0.1, learnt=21.0).verdict is Verdict.SAFE
        assert judged(BASKET, *same, 2.0, "absolute", 21.0).verdict is Verdict.SAFE

    def test_a_ratio_of_counts_without_any_is_proven_safe(self) -> None:
        none = of_units(np.zeros(2000), np.full(2000, 3))
        refunds = replace(PER_VISIT, better="lower")
        assert judged(refunds, none, none, 0.01, "absolute", 0.0).verdict is Verdict.SAFE


class TestRestarts:
    STAGE = (buyers(40, 10_000), buyers(960, 190_000))

    def test_the_weights(self) -> None:
        assert weight(0) == pytest.approx(6 / pi**2)
        assert weight(np.arange(10**5)).sum() == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize(
        "later",
        [(Restart(1, 30, 300), Restart(2, 25, 100)), (Restart(1, 2, 98),), (Restart(3, 0, 5), Restart(4, 0, 0))],
    )
    def test_the_weighted_sum(self, later: tuple[Restart, ...]) -> None:
        j = judged(CRASHES, *self.STAGE, learnt=0.005, against=stakes(), restarts=later)
        parts = [(r.number, float(log_e_grid(r.candidate, r.baseline, 0.05))) for r in later]
        assert j.log_e_harm == pytest.approx(with_restarts(float(log_e_grid(40, 960, 0.05)), *parts))

    def test_late_harm_is_found_by_a_late_instance(self) -> None:
        """A thousand healthy units first, and since then a fourth of all instead of a twentieth."""
        late = judged(CRASHES, *self.STAGE, learnt=0.005, against=stakes(), restarts=(Restart(5, 25, 75),))
        assert late.log_e_harm > late.harm_threshold
        assert judged(CRASHES, *self.STAGE, learnt=0.005, against=stakes()).log_e_harm < 0

    def test_old_instances_may_be_forgotten(self) -> None:
        """Only the newest are kept: numbers do not start at 1, and the weight of the lost ones is lost."""
        one = judged(CRASHES, *self.STAGE, learnt=0.005, against=stakes(), restarts=(Restart(99, 20, 40),))
        assert one.log_e_harm == pytest.approx(
            with_restarts(float(log_e_grid(40, 960, 0.05)), (99, float(log_e_grid(20, 40, 0.05))))
        )

    @given(st.integers(1, 60), st.integers(0, 40), st.integers(0, 400))
    def test_it_is_never_below_the_largest_part(self, number: int, c: int, b: int) -> None:
        j = judged(CRASHES, *self.STAGE, learnt=0.005, against=stakes(), restarts=(Restart(number, c, b),))
        parts = (0, float(log_e_grid(40, 960, 0.05))), (number, float(log_e_grid(c, b, 0.05)))
        assert j.log_e_harm >= max(e + log(float(weight(k))) for k, e in parts) - 1e-9


ALL = (CRASHES, SALES, RETURNS, CLICKS, REVENUE, SIZE, BASKET, PER_VISIT)
EVERY = (*ALL, Metric("errors", "proportion"), Metric("latency", "quantile", value="duration_ms", q=0.95))


def case(metric: Metric, candidate: ArmSummary, baseline: ArmSummary, kind: str, share: int = 500_000) -> Case:
    return Case(
        Guardrail(metric, Margin(kind, 0.05)),
        Basis(metric.name, 0.1, 100.0),
        MetricEvidence(metric.name, candidate, baseline, values((120, 50)), values((100, 50))),
        stakes(share, min(10**6, 2 * share)),
    )


def test_many_at_once_are_each_as_it_is_alone() -> None:
    g = np.random.default_rng(84_006)
    cases = []
    for metric in EVERY * 4:
        arms = [arm(int(g.integers(1, 3000)), 1 + int(g.integers(3)), int(g.integers(40))) for _ in range(2)]
        arms = [replace(a, events=min(a.events, a.units), first=min(a.first, a.units)) for a in arms]
        cases.append(case(metric, *arms, str(g.choice(["absolute", "relative"])), int(g.choice([50_000, 500_000]))))
    together = judge_all(cases)
    for one, judgement in zip(cases, together, strict=True):
        alone = judge(one.guardrail, one.basis, one.evidence, one.stakes)
        assert judgement.verdict is alone.verdict
        assert judgement.more_units == alone.more_units
        for name in ("log_e_harm", "log_e_safe", "low", "high", "rise"):
            assert getattr(judgement, name) == pytest.approx(getattr(alone, name), rel=1e-9, abs=1e-12), name
    assert judge_all(()) == ()


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
@pytest.mark.parametrize("kind", ["absolute", "relative"])
def test_nobody_yet_is_undecided(metric: Metric, kind: str) -> None:
    for c, b in ((ArmSummary(), ArmSummary()), (arm(5, 1, 1), ArmSummary()), (ArmSummary(), arm(5, 1, 1))):
        j = judge_all([case(metric, c, b, kind)])[0]
        assert (j.verdict, j.more_units) == (Verdict.UNDECIDED, None)


money = st.just(0.0) | st.floats(1e-3, 1e6)
rows = st.lists(st.tuples(money, st.integers(1, 40), st.floats(-1e3, 1e3)), min_size=1, max_size=40)


@given(rows, rows, st.sampled_from(["mean", "ratio", "count"]), st.sampled_from(["lower", "higher"]), st.booleans())
def test_any_finite_sums_are_judged(one: list, other: list, kind: Kind, better: Direction, points: bool) -> None:
    arms = []
    for table in (one, other):
        y, n, x = (np.array(column, float) for column in zip(*table, strict=True))
        arms.append(of_units(y, n if kind == "ratio" else np.ones(len(y)), x))
    metric = Metric("m", kind, better, value="v" if kind == "mean" else "")
    j = judge_all([case(metric, *arms, "absolute" if points else "relative")])[0]
    assert j.verdict is not Verdict.UNKNOWN
    assert j.low <= j.rise <= j.high
    assert all(isfinite(x) for x in (j.log_e_harm, j.log_e_safe, j.low, j.high))
    assert all(type(x) is float for x in (j.log_e_harm, j.log_e_safe, j.low, j.rise, j.candidate_rate))
    assert (j.verdict in (Verdict.HARMFUL, Verdict.TOLERATED)) == (j.log_e_harm >= j.harm_threshold)


def test_a_value_too_small_for_its_square_has_no_bounds() -> None:
    tiny = of_units(np.full(1500, 1e-170))
    j = judged(SIZE, tiny, tiny, learnt=1.0)
    assert (j.low, j.high) == (-UNBOUNDED, UNBOUNDED)


@given(st.floats(1e300, 1.7e308), st.sampled_from(EVERY), st.sampled_from(["absolute", "relative"]))
def test_sums_beyond_all_numbers_are_unknown_or_judged(huge: float, metric: Metric, kind: str) -> None:
    absurd = ArmSummary(10, huge, huge / 2, huge, huge, huge, 5, huge / 2, xx=huge, xy=-huge, xn=huge)
    for arms in ((absurd, arm(10, 1, 2)), (arm(10, 1, 2), absurd), (absurd, absurd)):
        j = judge_all([case(metric, *arms, kind)])[0]
        assert isfinite(j.log_e_harm)
        assert isfinite(j.log_e_safe)


@given(st.integers(20, 300), st.integers(20, 300), st.sampled_from([CLICKS, PER_VISIT, SIZE]))
def test_a_fall_is_the_mirror_of_a_rise(c: int, b: int, metric: Metric) -> None:
    """At even shares and behind its gate, swapping the arms and the direction gives the same evidence of harm."""
    one, other = of_units(np.r_[np.ones(c), np.zeros(1200)]), of_units(np.r_[np.ones(b), np.zeros(1200)])
    mirrored = replace(metric, better="higher" if metric.better == "lower" else "lower")
    here = judge_all([case(metric, one, other, "absolute")])[0]
    there = judge_all([case(mirrored, other, one, "absolute")])[0]
    assert here.log_e_harm != 0.0
    assert here.log_e_harm == pytest.approx(there.log_e_harm, abs=1e-7)


@given(st.floats(0.01, 100), st.integers(0, 40))
def test_in_another_currency_it_is_judged_the_same(rate: float, seed: int) -> None:
    g = np.random.default_rng([84_007, seed])
    y = [g.lognormal(2, 1, 1500) * (g.random(1500) < 0.4) for _ in range(2)]
    metric = replace(REVENUE, cap=0.0)
    here = judged(metric, of_units(y[0]), of_units(y[1]), learnt=5.0)
    there = judged(metric, of_units(rate * y[0]), of_units(rate * y[1]), learnt=5.0 * rate)
    assert there.log_e_harm == pytest.approx(here.log_e_harm, rel=1e-6, abs=1e-6)
    assert there.log_e_safe == pytest.approx(here.log_e_safe, rel=1e-6, abs=1e-6)
    assert there.verdict is here.verdict


@given(st.integers(1, 30), st.integers(0, 200), st.integers(0, 200), st.sampled_from(ALL))
def test_more_of_the_same_never_takes_a_proof_back(times: int, c: int, b: int, metric: Metric) -> None:
    one = of_units(np.r_[np.ones(c), np.zeros(1200 - c)]), of_units(np.r_[np.ones(b), np.zeros(1200 - b)])
    more = [sum((a for _ in range(times - 1)), a) for a in one]
    for kind in ("absolute", "relative"):
        now, later = judge_all([case(metric, *one, kind), case(metric, *more, kind)])
        assert later.log_e_harm >= now.log_e_harm - 1e-9 or now.log_e_harm < 1
        assert later.log_e_safe >= now.log_e_safe - 1e-9 or now.log_e_safe < 1


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from(ALL))
def test_sums_of_parts_are_the_whole(c: int, b: int, metric: Metric) -> None:
    parts = [of_units(np.r_[np.ones(k), np.zeros(700)], x=np.r_[np.ones(k), np.zeros(700)] - 0.1) for k in (c, b, 7)]
    whole = case(metric, parts[0] + parts[2], parts[1], "absolute")
    units = np.r_[np.ones(c), np.zeros(700), np.ones(7), np.zeros(700)]
    at_once = case(metric, of_units(units, x=units - 0.1), parts[1], "absolute")
    one, other = judge_all([whole, at_once])
    assert one.log_e_harm == pytest.approx(other.log_e_harm, abs=1e-9)
    assert one.log_e_safe == pytest.approx(other.log_e_safe, abs=1e-9)
