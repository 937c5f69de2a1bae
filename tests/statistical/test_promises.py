"""What the statistics promise, by simulation with fixed seeds.

Tolerances: a false-alarm rate may exceed its nominal value by three standard errors of the simulation.
"""

from __future__ import annotations

from functools import cache
from math import log, sqrt

import numpy as np
import pytest
from tests.unit.stats.build import error_guardrail, latency_guardrail, values

from fader.model.evidence import MetricEvidence
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.model.verdict import Verdict
from fader.stats.arms import Arms
from fader.stats.grid import log_e_grid, theta
from fader.stats.judge import Stakes, judge
from fader.stats.noninferiority import log_e_absolute, log_e_quantile, log_e_relative

pytestmark = pytest.mark.slow

PROOF = log(20)


def allowed(alpha: float, runs: int) -> float:
    return alpha + 3 * sqrt(alpha * (1 - alpha) / runs)


@cache
def boundary(pi: float, alpha: float, events: int) -> np.ndarray:
    """Smallest candidate count that alarms after each number of events; events + 1 where none does."""
    found, k = [], 0
    for n in range(1, events + 1):
        while k <= n and (k <= n * pi or log_e_grid(k, n - k, pi) < log(1 / alpha)):
            k += 1
        found.append(k)
    return np.array(found)


def first_alarm(pi: float, alpha: float, chance: float, events: int, runs: int, seed: list[int]) -> np.ndarray:
    """After how many events each run alarms when it is looked at after every one; inf for never."""
    g = np.random.default_rng(seed)
    counts = np.cumsum(g.random((runs, events)) < chance, axis=1)
    hit = counts >= boundary(pi, alpha, events)
    return np.where(hit.any(1), hit.argmax(1) + 1.0, np.inf)


@pytest.mark.parametrize(
    ("pi", "alpha", "reference"), [(0.05, 0.05, 0.0279), (0.05, 0.01, 0.0048), (0.5, 0.05, 0.0446), (0.5, 0.01, 0.0084)]
)
def test_peeking_after_every_event(pi: float, alpha: float, reference: float) -> None:
    """2000 runs of 3000 events; the reference is from 10,000 runs of 5000."""
    rate = np.isfinite(first_alarm(pi, alpha, pi, 3000, 2000, [70_001, int(100 * pi)])).mean()
    assert rate <= allowed(alpha, 2000)
    assert rate == pytest.approx(reference, abs=3 * sqrt(reference / 2000))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("ratio", [2.0, 3.0, 4.0, 10.0])
@pytest.mark.parametrize("pi", [0.05, 0.25, 0.5])
def test_speed_against_the_limit(pi: float, ratio: float, alpha: float) -> None:
    """Median events until the alarm, over those of the test that knows the ratio (Wald): at most 1.35."""
    t = theta(pi, ratio)
    limit = log(1 / alpha) / (t * log(t / pi) + (1 - t) * log((1 - t) / (1 - pi)))
    median = np.median(first_alarm(pi, alpha, t, 1200, 1000, [71_000, int(100 * pi), int(10 * ratio)]))
    # A whole number of events cannot meet a limit of a handful exactly.
    assert median <= max(1.35 * limit, np.ceil(limit) + 2)


class TestSafe:
    """Ramp 5-10-25-50 %, 0.3 % errors, tolerate 0.2 pp, one request each, looked at some hundred times."""

    STAGES = ((0.05, 0.02), (0.1, 0.008), (0.25, 0.004), (0.5, 0.002))

    def requests_to_safe(self, pi: float, margin: float, rise: float, most: int, runs: int, seed: int) -> np.ndarray:
        looks = np.unique(np.geomspace(400, most, 120).astype(int))
        steps = np.diff(looks, prepend=0)
        g = np.random.default_rng([72_000, seed])
        nt = g.binomial(steps, pi, (runs, len(steps)))
        arms = []
        for new, rate in ((nt, 0.003 + rise), (steps - nt, 0.003)):
            events = g.binomial(new, rate).cumsum(axis=1).astype(float)
            n = new.cumsum(axis=1).astype(float)
            arms.append(Arms(n, n, events, events, events, n, events, events, *(np.zeros((7, *n.shape)))))
        safe = log_e_absolute(*arms, margin) >= PROOF
        return np.where(safe.any(axis=1), looks[safe.argmax(axis=1)], np.inf)

    @pytest.mark.parametrize(("pi", "margin"), STAGES)
    def test_at_the_margin_it_is_hardly_ever_called_safe(self, pi: float, margin: float) -> None:
        called = self.requests_to_safe(pi, margin, margin, 200_000, 400, 1)
        assert np.isfinite(called).mean() <= allowed(0.05, 400)

    def test_the_whole_ramp_in_so_many_requests(self) -> None:
        """71,000 requests in the sum of the stages' medians; the same margin at each stage would need 5 times that."""
        scaled = sum(np.median(self.requests_to_safe(pi, m, 0.0, 120_000, 100, 2)) for pi, m in self.STAGES)
        plain = sum(np.median(self.requests_to_safe(pi, 0.002, 0.0, 500_000, 60, 3)) for pi, _ in self.STAGES)
        assert 0.85 * 71_000 <= scaled <= 1.15 * 71_000
        assert plain >= 4 * scaled

    @pytest.mark.parametrize(("pi", "margin"), [(0.05, 1.0), (0.25, 0.2), (0.5, 0.5)])
    def test_relative_margins_at_the_margin(self, pi: float, margin: float) -> None:
        g = np.random.default_rng([73_000, int(100 * pi), int(10 * margin)])
        candidate = np.cumsum(g.random((1000, 1500)) < theta(pi, 1 + margin), axis=1)[:, 10::20].astype(float)
        every = np.full_like(candidate, 1e6)
        zero = np.zeros_like(candidate)
        first = candidate, np.arange(11.0, 1501, 20) - candidate
        pair = (Arms(every, every, zero, zero, zero, every, f, *([zero] * 8)) for f in first)
        called = (log_e_relative(*pair, pi, margin) >= PROOF).any(axis=1)
        assert called.mean() <= allowed(0.05, 1000)


def clustered(n: np.ndarray, y: np.ndarray, over: np.ndarray | None = None, cap: float = 5.0) -> ArmSummary:
    here = n > 0
    n, raw = n[here].astype(float), y[here].astype(float)
    y, o = np.minimum(raw, cap), over[here].astype(float) if over is not None else np.zeros(len(n))
    sums = [n.sum(), y.sum(), y @ y, y @ n, n @ n]
    return ArmSummary(
        len(n), *map(float, sums), int((raw > 0).sum()), float(raw.sum()), float(o.sum()), float(o @ o), float(o @ n)
    )


def sticky_errors(ratio: float, runs: int, seed: int, alpha: float) -> float:
    """Share of runs called harmful: 6000 users of very different activity and proneness, 5 %, 30 looks."""
    stakes, found = Stakes(50_000, 100_000, log(1 / alpha), PROOF), 0
    guardrail, basis = error_guardrail(1e-6), Basis("errors", 0.01)
    for i in range(runs):
        g = np.random.default_rng([seed, i])
        rate = np.exp(g.normal(-0.5, 1.0, 6000)) * 0.4
        prone, candidate = g.beta(0.1, 9.9, 6000), g.random(6000) < 0.05
        chance = np.where(candidate, np.minimum(1, ratio * prone), prone)
        n, y = np.zeros(6000, int), np.zeros(6000, int)
        for _ in range(30):
            asked = g.poisson(rate)
            n, y = n + asked, y + g.binomial(asked, chance)
            arms = (clustered(n[a], y[a]) for a in (candidate, ~candidate))
            if judge(guardrail, basis, MetricEvidence("errors", *arms), stakes).verdict is Verdict.HARMFUL:
                found += 1
                break
    return found / runs


def test_sticky_heavy_users_are_no_false_alarm() -> None:
    assert sticky_errors(1.0, 300, 74_000, 0.05) <= allowed(0.05, 300)


def test_and_harm_among_them_is_found() -> None:
    assert sticky_errors(4.0, 40, 75_000, 0.05) >= 0.9


def slow_users(factor: float, delta: float, runs: int, seed: int) -> tuple[float, float]:
    """Shares of runs (harmful, safe): log-normal latency with a user's own level, 25 %, 20 looks."""
    stakes = Stakes(250_000, 500_000, PROOF, PROOF)
    harmful = safe = 0
    x = 100 * np.exp(1.645 * np.hypot(0.3, 0.4))
    for i in range(runs):
        g = np.random.default_rng([seed, i])
        level, candidate = g.normal(0, 0.3, 2000), g.random(2000) < 0.25
        n, slow, over = (np.zeros(2000, int) for _ in range(3))
        was_harmful = was_safe = False
        for _ in range(20):
            who = np.repeat(np.arange(2000), g.poisson(0.5, 2000))
            ms = 100 * np.exp(level[who] + g.normal(0, 0.4, len(who))) * np.where(candidate[who], factor, 1.0)
            n += np.bincount(who, minlength=2000)
            slow += np.bincount(who, ms > x, minlength=2000).astype(int)
            over += np.bincount(who, ms > x * (1 + delta), minlength=2000).astype(int)
            arms = [clustered(n[a], slow[a], over[a], cap=np.inf) for a in (candidate, ~candidate)]
            latencies = values((200.0, 10)), values((100.0, 10))
            found = MetricEvidence("latency", *arms, *latencies)
            j = judge(latency_guardrail(), Basis("latency", 0.05, x), found, stakes)
            was_harmful |= j.verdict is Verdict.HARMFUL
            was_safe |= log_e_quantile(*arms, 0.05) >= PROOF
        harmful, safe = harmful + was_harmful, safe + was_safe
    return harmful / runs, safe / runs


def test_latency_alike_is_no_false_alarm_and_is_proven_safe() -> None:
    harmful, safe = slow_users(1.0, 0.2, 200, 76_000)
    assert harmful <= allowed(0.05, 200)
    assert safe >= 0.95


def test_latency_at_the_margin_is_hardly_ever_called_safe() -> None:
    assert slow_users(1.2, 0.2, 300, 77_000)[1] <= allowed(0.05, 300)


def test_latency_a_third_higher_is_found() -> None:
    assert slow_users(1.35, 0.2, 60, 78_000)[0] >= 0.95
