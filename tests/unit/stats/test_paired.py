import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.evidence import MetricEvidence
from fader.model.external import External, Provider
from fader.model.metric import Direction, Margin, Metric
from fader.model.rollout import Guardrail
from fader.model.series import Block
from fader.model.verdict import Judgement, Verdict
from fader.stats.judge import Stakes, judge
from fader.stats.normal_mixture import log_e_norm1_mean
from fader.stats.paired import log_e, long_run, paired

PROVIDER = Provider("prom", "prometheus", "http://127.0.0.1:9090")
COUNTERS, LEVEL = External(PROVIDER, "e", "n"), External(PROVIDER, series="x")
FIFTH = Margin("relative", 0.2)
STAKES = Stakes(50_000, 1_000_000, math.log(100), math.log(20))


def counted(*rows: tuple[float, float, float, float]) -> tuple[Block, ...]:
    return tuple(Block(*row, 1) for row in rows)


def levels(seed: int, effect: float = 0.0, n: int = 60) -> tuple[Block, ...]:
    x = np.random.default_rng(seed).normal(10, 1, (n, 2)).tolist()
    return tuple(Block(c + effect, 1.0, b, 1.0, 1) for c, b in x)


def judged(
    blocks: tuple[Block, ...],
    external: External = LEVEL,
    tolerate: Margin = FIFTH,
    better: Direction = "lower",
) -> Judgement:
    guardrail = Guardrail(Metric("m", "external", better, external=external), tolerate)
    return judge(guardrail, None, MetricEvidence("m", blocks=blocks), STAKES)


class TestPaired:
    def test_a_series_is_the_mean_of_differences(self) -> None:
        blocks = levels(1)
        d = np.array([b.candidate - b.baseline for b in blocks])
        seen = paired(blocks, counters=False)
        assert seen.estimate == pytest.approx(d.mean())
        assert seen.v >= d.var(ddof=1) / len(d) * (1 - 1e-9)
        assert (seen.candidate, seen.baseline) == pytest.approx((10 - 0.0, 10.0), abs=0.5)

    def test_counters_of_equal_intervals_are_a_difference_of_shares(self) -> None:
        seen = paired(counted(*[(3, 100, 20, 1900)] * 30), counters=True)
        assert seen.estimate == pytest.approx(3 / 100 - 20 / 1900)
        rate = 23 / 2000
        binomial = rate * (1 - rate) * (1 / 3000 + 1 / 57_000)
        assert (seen.v, seen.n) == (pytest.approx(binomial), 30.0)

    def test_what_moves_both_arms_cancels_out(self) -> None:
        """The rate changes with the share: pooled over time, this would be an effect."""
        early, late = (1, 100, 19, 1900), (100, 1000, 100, 1000)
        assert paired(counted(*[early] * 20, *[late] * 20), counters=True).estimate == pytest.approx(0)

    def test_bursts_and_memory_widen_it(self) -> None:
        g = np.random.default_rng(3)
        white = g.normal(size=2000)
        slow = np.convolve(white, np.ones(10), "valid")
        assert 0.9 < long_run(white) / len(white) < 2.5
        assert 90 < long_run(slow) / len(slow) < 300

    @given(st.lists(st.tuples(st.integers(0, 50), st.integers(50, 100)), min_size=20, max_size=40))
    def test_mirrored_arms_mirror_the_estimate(self, rows: list[tuple[int, int]]) -> None:
        there = counted(*[(y, n, 10, 100) for y, n in rows])
        back = counted(*[(10, 100, y, n) for y, n in rows])
        one, other = paired(there, counters=True), paired(back, counters=True)
        assert one.estimate == pytest.approx(-other.estimate, abs=1e-12)
        assert one.v == pytest.approx(other.v)


class TestStudent:
    @given(st.floats(-5, 5), st.floats(0.01, 10), st.integers(3, 300))
    def test_it_is_never_more_than_the_normal_one(self, d: float, v: float, n: int) -> None:
        taus = (0.1, 0.5, 2.0)
        assert log_e(d, v, n, taus) <= float(log_e_norm1_mean(d, v, taus)) + 1e-9

    def test_with_many_intervals_they_are_the_same(self) -> None:
        assert log_e(0.4, 0.01, 1e9, (0.1, 0.5)) == pytest.approx(float(log_e_norm1_mean(0.4, 0.01, (0.1, 0.5))))


class TestJudged:
    def test_a_rise_is_harmful(self) -> None:
        j = judged(levels(4, 5.0))
        assert (j.verdict, j.candidate_units, j.missing) == (Verdict.HARMFUL, 60, "")
        assert j.low < 5 < j.high

    def test_a_fall_is_harmful_where_higher_is_better(self) -> None:
        assert judged(levels(4, -5.0), better="higher").verdict is Verdict.HARMFUL
        assert judged(levels(4, -5.0)).verdict is Verdict.SAFE

    def test_a_small_rise_is_tolerated(self) -> None:
        assert judged(levels(5, 1.2, 250), tolerate=Margin("relative", 0.5)).verdict is Verdict.TOLERATED

    def test_alike_is_safe(self) -> None:
        assert judged(levels(6)).verdict is Verdict.SAFE
        blocks = counted(*[(2 + i % 2, 1000, 2 + i % 3, 1000) for i in range(40)])
        assert judged(blocks, COUNTERS, Margin("absolute", 0.005)).verdict is Verdict.SAFE
        assert judged(blocks, COUNTERS, Margin("relative", 1.0)).verdict is Verdict.SAFE

    def test_without_any_event_it_is_safe_in_points(self) -> None:
        none = counted(*[(0, 1000, 0, 19_000)] * 30)
        assert judged(none, COUNTERS, Margin("absolute", 0.005)).verdict is Verdict.SAFE
        assert judged(none, COUNTERS, Margin("relative", 0.5)).verdict is Verdict.UNDECIDED

    def test_few_intervals_say_nothing_however_clear(self) -> None:
        j = judged(levels(7, 50.0)[:29])
        assert (j.verdict, j.log_e_harm, j.log_e_safe) == (Verdict.UNDECIDED, 0.0, 0.0)
        assert judged(levels(7, 50.0)[:40]).log_e_harm > 0
        assert judged(()).more_units == 30

    def test_counters_need_ten_events_of_the_candidate(self) -> None:
        rows = [(int(i % 7 in (1, 4) and i < 33), 10, 0, 1000) for i in range(60)]
        assert sum(row[0] for row in rows) == 10
        assert judged(counted(*rows), COUNTERS).log_e_harm != 0.0
        assert judged(counted((0, 10, 0, 1000), (0, 10, 0, 1000), *rows[2:]), COUNTERS).log_e_harm == 0.0

    def test_more_of_the_same_is_foreseen(self) -> None:
        """As many more intervals as it says, and it is safe."""
        blocks = counted(*[(1 + i % 2, 100, 1 + (i + 1) % 2, 100) for i in range(30)])
        j = judged(blocks, COUNTERS, Margin("absolute", 0.01))
        assert j.verdict is Verdict.UNDECIDED
        assert j.more_units
        more = blocks * math.ceil(1 + j.more_units / 30 * 1.3)
        assert judged(more, COUNTERS, Margin("absolute", 0.01)).verdict is Verdict.SAFE

    @pytest.mark.parametrize("bad", [(5, 4, 0, 10), (-1, 4, 0, 10), (1, 0, 0, 10), (math.nan, 4, 0, 10)])
    def test_impossible_counts_are_unknown(self, bad: tuple[float, float, float, float]) -> None:
        j = judged(counted(*[(1, 10, 1, 10)] * 30, bad), COUNTERS)
        assert (j.verdict, j.missing) == (Verdict.UNKNOWN, "the numbers of m contradict themselves")

    @given(
        st.lists(st.tuples(*[st.floats(-1e15, 1e15)] * 2), min_size=0, max_size=40),
        st.sampled_from(["lower", "higher"]),
    )
    def test_any_level_is_judged_without_an_error(self, rows: list[tuple[float, float]], better: Direction) -> None:
        j = judged(tuple(Block(c, 1.0, b, 1.0, 1) for c, b in rows), better=better)
        assert math.isfinite(j.log_e_harm)
        assert math.isfinite(j.log_e_safe)
        assert j.low <= j.high
