"""What the tests of each kind of metric promise, by simulation with fixed seeds and looks all the way.

All runs of a simulation are judged at once at each look. A false-alarm rate may exceed its nominal value by three
standard errors of the simulation; what is to be found has to be found at least as often as stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt

import numpy as np
import pytest

from fader.model.evidence import MetricEvidence, Restart
from fader.model.metric import Direction, Margin, Metric
from fader.model.rollout import Guardrail
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.model.verdict import Verdict
from fader.stats.judge import Case, Stakes, judge_all

pytestmark = pytest.mark.slow

ALPHA = 0.05
PROOF = log(1 / ALPHA)
#: At each look, the summaries of all runs: candidate, baseline, and the restarts so far.
Looks = Iterator[tuple[list[ArmSummary], list[ArmSummary], list[tuple[Restart, ...]]]]


def allowed(runs: int, alpha: float = ALPHA) -> float:
    return alpha + 3 * sqrt(alpha * (1 - alpha) / runs)


def ever(metric: Metric, tolerate: Margin, learnt: float, share: float, looks: Looks) -> tuple[float, float]:
    """Shares of the runs in which harm was ever proven, and in which the candidate was ever called safe."""
    guardrail, basis = Guardrail(metric, tolerate), Basis(metric.name, learnt)
    stakes = Stakes(round(share * 10**6), 10**6, PROOF, PROOF)
    harmed = safe = np.zeros(1, bool)
    for candidates, baselines, restarts in looks:
        found = judge_all(
            Case(guardrail, basis, MetricEvidence(metric.name, c, b, restarts=r), stakes)
            for c, b, r in zip(candidates, baselines, restarts, strict=True)
        )
        assert all(j.verdict is not Verdict.UNKNOWN for j in found)
        harmed = harmed | np.array([j.log_e_harm >= PROOF for j in found])
        safe = safe | np.array([j.log_e_safe >= PROOF for j in found])
    return float(harmed.mean()), float(safe.mean())


def summed(n: np.ndarray, y: np.ndarray, x: np.ndarray, here: np.ndarray) -> list[ArmSummary]:
    """Of each run (first axis), the sums over the units that are `here`."""
    n, y, x = (np.where(here, column, 0.0) for column in (n, y, x))
    sums = [(a * b).sum(1) for a, b in ((y, y), (y, n), (n, n))]
    past = [x.sum(1), *((a * b).sum(1) for a, b in ((x, x), (x, y), (x, n)))]
    columns = ((here & (n > 0)).sum(1), n.sum(1), y.sum(1), *sums, (y > 0).sum(1), y.sum(1))
    return [
        ArmSummary(*row[:8], x=row[8], xx=row[9], xy=row[10], xn=row[11])
        for row in zip(*(c.tolist() for c in (*columns, *past)), strict=True)
    ]


def users(
    seed: int, share: float, effect: float = 1.0, runs: int = 200, k: int = 1500, looks: int = 15, cap: float = np.inf
) -> Looks:
    """Very different users who come again and again: n visits, y orders of the keen, x what they did before."""
    g = np.random.default_rng([85_000, seed])
    keen, often = g.beta(1.5, 6, (runs, k)), np.exp(g.normal(-1.5, 0.8, (runs, k)))
    candidate = g.random((runs, k)) < share
    before = g.poisson(10 * often)
    x = np.minimum(cap, g.binomial(before, keen)) - np.minimum(cap, 0.2 * before)
    x -= x.mean()
    chance = np.where(candidate, effect * keen, keen)
    n, y = np.zeros((2, runs, k))
    for _ in range(looks):
        visits = g.poisson(2 * often)
        n, y = n + visits, y + g.binomial(visits, np.minimum(1.0, chance))
        arms = [summed(n, np.minimum(cap, y), x, a) for a in (candidate, ~candidate)]
        yield *arms, [()] * runs


def arrivals(
    seed: int, share: float, rate: float, effect: float = 1.0, runs: int = 300, each: int = 200, looks: int = 40
) -> Looks:
    """Users who come once: the event happens to a share `rate` of them, more likely to those who had it before."""
    g = np.random.default_rng([86_000, seed])
    parts: list[list[ArmSummary]] = [[ArmSummary()] * runs, [ArmSummary()] * runs]
    restarts: list[tuple[Restart, ...]] = [()] * runs
    for look in range(looks):
        candidate = g.random((runs, each)) < share
        had = g.random((runs, each)) < rate
        chance = rate * np.where(had, 1 + 0.5 * (1 - rate) / rate, 0.5)
        y = (g.random((runs, each)) < np.where(candidate, effect * chance, chance)).astype(float)
        new = [summed(np.ones_like(y), y, had - rate, a) for a in (candidate, ~candidate)]
        parts = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(parts, new, strict=True)]
        later = [
            tuple(Restart(r.number, r.candidate + c.first, r.baseline + b.first) for r in instances)
            for instances, c, b in zip(restarts, *new, strict=True)
        ]
        yield parts[0], parts[1], later
        if look % 8 == 7:
            later = [(*instances, Restart(1 + look // 8, 0, 0)) for instances in later]
        restarts = later


def spending(seed: int, share: float, effect: float = 1.0, runs: int = 200, each: int = 1000, looks: int = 60) -> Looks:
    """Revenue of a shop where one in twenty buys, log-normal with sd 1.5, capped at the 99.9 % of all users."""
    g = np.random.default_rng([87_000, seed])
    sums = np.zeros((2, runs, 4))
    for _ in range(looks):
        units = g.binomial(each, share, runs)
        for arm, (arrived, factor) in enumerate(((units, effect), (each - units, 1.0))):
            buyers = g.binomial(arrived, 0.05)
            of = np.repeat(np.arange(runs), buyers)
            y = np.minimum(np.exp(1.5 * 2.054), factor * np.exp(g.normal(0, 1.5, len(of))))
            new = (arrived, np.bincount(of, y, runs), np.bincount(of, y * y, runs), buyers)
            sums[arm] += np.stack(new, axis=1)
        yield (
            *([ArmSummary(int(k), k, y, yy, y, k, int(first), y) for k, y, yy, first in arm.tolist()] for arm in sums),
            [()] * runs,
        )


MEAN_SPENT = 0.05 * np.exp(1.5**2 / 2) * 0.78
RELATIVE, POINTS = Margin("relative", 0.1), Margin("absolute", 0.02)


def kind(name: str, better: Direction = "lower", cap: float = 0.0) -> Metric:
    of = "units" if name == "proportion" else "requests"
    return Metric(name, name, better, of=of, cap=cap)


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("share", [0.05, 0.5])
class TestNoEffectIsNoAlarm:
    def test_rare_units_with_restarts(self, share: float, better: Direction) -> None:
        harm, _ = ever(kind("proportion", better), RELATIVE, 0.02, share, arrivals(1, share, 0.02))
        assert harm <= allowed(300)

    def test_common_units_with_covariates(self, share: float, better: Direction) -> None:
        harm, _ = ever(kind("proportion", better), RELATIVE, 0.3, share, arrivals(2, share, 0.3))
        assert harm <= allowed(300)

    def test_counts_of_returning_users(self, share: float, better: Direction) -> None:
        looks = users(3, share, cap=8.0)
        harm, _ = ever(kind("count", better, 8.0), RELATIVE, 0.3, share, _per_unit(looks))
        assert harm <= allowed(200)

    def test_ratio_of_returning_users(self, share: float, better: Direction) -> None:
        harm, _ = ever(kind("ratio", better), RELATIVE, 0.2, share, users(4, share))
        assert harm <= allowed(200)

    def test_revenue(self, share: float, better: Direction) -> None:
        harm, _ = ever(kind("mean", better), RELATIVE, MEAN_SPENT, share, spending(5, share))
        assert harm <= allowed(200)


def _per_unit(looks: Looks) -> Looks:
    """A count has n = 1 for each unit, however often it came."""
    for candidates, baselines, restarts in looks:
        arms = (
            [ArmSummary(a.units, a.units, a.events, a.yy, a.events, a.units, a.first, a.failures) for a in summaries]
            for summaries in (candidates, baselines)
        )
        yield *arms, restarts


class TestHarmIsFound:
    """In nine of ten runs, or more."""

    def test_rare_units(self) -> None:
        assert ever(kind("proportion"), RELATIVE, 0.02, 0.05, arrivals(11, 0.05, 0.02, 4.0, each=400))[0] >= 0.95

    def test_common_units(self) -> None:
        assert ever(kind("proportion", "higher"), RELATIVE, 0.3, 0.5, arrivals(12, 0.5, 0.3, 0.85))[0] >= 0.95

    def test_counts(self) -> None:
        looks = _per_unit(users(13, 0.5, 1.5, cap=8.0))
        assert ever(kind("count", "lower", 8.0), RELATIVE, 0.3, 0.5, looks)[0] >= 0.9

    def test_ratio(self) -> None:
        assert ever(kind("ratio", "higher"), RELATIVE, 0.2, 0.5, users(14, 0.5, 0.75))[0] >= 0.9

    def test_revenue(self) -> None:
        assert ever(kind("mean", "higher"), RELATIVE, MEAN_SPENT, 0.5, spending(15, 0.5, 0.65))[0] >= 0.9


class TestAtTheMarginHardlyEverSafe:
    """A candidate that is worse by exactly what is tolerated, at the last stage."""

    def test_common_units_in_points(self) -> None:
        arms = arrivals(21, 0.5, 0.3, 1 - 0.03 / 0.3)
        assert ever(kind("proportion", "higher"), Margin("absolute", 0.03), 0.3, 0.5, arms)[1] <= allowed(300)

    def test_common_units_in_percent(self) -> None:
        arms = arrivals(22, 0.5, 0.3, 0.9)
        assert ever(kind("proportion", "higher"), RELATIVE, 0.3, 0.5, arms)[1] <= allowed(300)

    def test_rare_units_in_percent(self) -> None:
        arms = arrivals(23, 0.5, 0.02, 1.5)
        assert ever(kind("proportion"), Margin("relative", 0.5), 0.02, 0.5, arms)[1] <= allowed(300)

    def test_ratio(self) -> None:
        assert ever(kind("ratio", "higher"), RELATIVE, 0.2, 0.5, users(24, 0.5, 0.9))[1] <= allowed(200)

    def test_counts(self) -> None:
        arms = _per_unit(users(25, 0.5, 1.2))
        assert ever(kind("count"), Margin("relative", 0.2), 0.3, 0.5, arms)[1] <= allowed(200)

    def test_revenue(self) -> None:
        """Before the cap; after it the fall is a little smaller, so 8.7 % is tolerated instead of 10 %."""
        arms = spending(26, 0.5, 0.9)
        assert ever(kind("mean", "higher"), Margin("relative", 0.087), MEAN_SPENT, 0.5, arms)[1] <= allowed(200)


class TestHealthyIsProvenSafe:
    def test_common_units(self) -> None:
        arms = arrivals(31, 0.5, 0.3)
        assert ever(kind("proportion", "higher"), Margin("absolute", 0.06), 0.3, 0.5, arms)[1] >= 0.95

    def test_ratio(self) -> None:
        assert ever(kind("ratio", "higher"), Margin("relative", 0.3), 0.2, 0.5, users(32, 0.5))[1] >= 0.9

    def test_revenue(self) -> None:
        arms = spending(33, 0.5)
        assert ever(kind("mean", "higher"), Margin("relative", 0.3), MEAN_SPENT, 0.5, arms)[1] >= 0.9
