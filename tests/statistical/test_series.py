"""What the test of external metrics promises, by simulation with fixed seeds, looking all along.

240 intervals (an hour at 15 s), looks at every sixth from the 30th on. A false-alarm rate may exceed its nominal value
by three standard errors of the simulation. The replications stand with each test.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np
import pytest

from fader.model.evidence import MetricEvidence
from fader.model.external import External, Provider
from fader.model.metric import Direction, Margin, Metric
from fader.model.rollout import Guardrail
from fader.model.series import Block
from fader.stats.judge import Stakes, judge

pytestmark = pytest.mark.slow

INTERVALS, FIRST = 240, 30
TENTH = Margin("relative", 0.1)
PROVIDER = Provider("prom", "prometheus", "http://127.0.0.1:9090")
COUNTERS, LEVEL = External(PROVIDER, "e", "n"), External(PROVIDER, series="x")
#: One run: candidate's numbers and totals, the baseline's, each of INTERVALS.
Run = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def allowed(runs: int, alpha: float) -> float:
    return alpha + 3 * sqrt(alpha * (1 - alpha) / runs)


def level(g: np.random.Generator, rho: float, effect: float = 0.0) -> Run:
    """An autoregression around 10 in each arm, with a standard deviation of 1."""
    x = g.normal(size=(2, INTERVALS))
    for t in range(1, INTERVALS):
        x[:, t] = rho * x[:, t - 1] + sqrt(1 - rho**2) * x[:, t]
    one = np.ones(INTERVALS)
    return 10 + effect + x[0], one, 10 + x[1], one


def counters(g: np.random.Generator, burst: float, effect: float = 1.0, share: float = 0.05) -> Run:
    """2,000 requests per interval, 2 % of them events, which come in bursts of so many on average, and a rate that
    swings for both arms by a factor of 1.6 either way."""
    n = g.poisson(2000, INTERVALS)
    n_c = np.maximum(1, g.binomial(n, share))
    arms = []
    for total, factor in ((n_c, effect), (n - n_c, 1.0)):
        rate = 0.02 * factor * np.exp(0.5 * np.sin(np.arange(INTERVALS) / 20))
        bursts = g.poisson(total * rate / burst)
        y = np.array([g.geometric(1 / burst, k).sum() if burst > 1 else k for k in bursts.tolist()])
        arms += [np.minimum(y, total).astype(float), total.astype(float)]
    return arms[0], arms[1], arms[2], arms[3]


def ever(
    make: Callable[[np.random.Generator], Run],
    external: External,
    seed: int,
    runs: int,
    alphas: tuple[float, ...],
    better: Direction = "lower",
    tolerate: Margin = TENTH,
    each: int = 1,
) -> tuple[list[float], list[float]]:
    """Shares of the runs in which the e-values of harm and of safety ever reached 1/alpha, for each alpha."""
    g = np.random.default_rng([88_000, seed])
    guardrail = Guardrail(Metric("m", "external", better, external=external), tolerate)
    stakes = Stakes(500_000, 1_000_000, 1e9, 1e9)
    tops = np.zeros((runs, 2))
    for top in tops:
        run = make(g)
        blocks = tuple(Block(*row, 1) for row in zip(*(column.tolist() for column in run), strict=True))
        for seen in range(FIRST, INTERVALS + 1, each):
            j = judge(guardrail, None, MetricEvidence("m", blocks=blocks[:seen]), stakes)
            top[:] = np.maximum(top, (j.log_e_harm, j.log_e_safe))
    harm, safe = ([float((tops[:, i] >= log(1 / alpha)).mean()) for alpha in alphas] for i in (0, 1))
    return harm, safe


class TestNoEffectIsNoAlarm:
    @pytest.mark.parametrize("better", ["lower", "higher"])
    @pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
    def test_a_series(self, rho: float, better: Direction) -> None:
        """100 runs each."""
        harm, _ = ever(lambda g: level(g, rho), LEVEL, 1, 100, (0.05, 0.01), better, each=6)
        assert harm[0] <= allowed(100, 0.05)
        assert harm[1] <= allowed(100, 0.01)

    @pytest.mark.parametrize("burst", [1.0, 3.0, 10.0])
    def test_counters(self, burst: float) -> None:
        """100 runs each. Bursts of ten would be an alarm in most runs if requests were taken for independent."""
        harm, _ = ever(lambda g: counters(g, burst), COUNTERS, 2, 100, (0.05, 0.01), each=6)
        assert harm[0] <= allowed(100, 0.05)
        assert harm[1] <= allowed(100, 0.01)


class TestAtTheMarginHardlyEverSafe:
    """Worse by exactly what is tolerated; 100 runs each."""

    @pytest.mark.parametrize("rho", [0.0, 0.5])
    def test_a_series(self, rho: float) -> None:
        _, safe = ever(lambda g: level(g, rho, 1.0), LEVEL, 3, 100, (0.05,), each=6)
        assert safe[0] <= allowed(150, 0.05)

    @pytest.mark.parametrize("burst", [1.0, 3.0])
    def test_counters_in_points(self, burst: float) -> None:
        margin = Margin("absolute", 0.02 * 0.3 * 1.07)
        _, safe = ever(lambda g: counters(g, burst, 1.3), COUNTERS, 4, 150, (0.05,), tolerate=margin, each=6)
        assert safe[0] <= allowed(150, 0.05)

    def test_counters_in_percent(self) -> None:
        margin = Margin("relative", 0.3)
        _, safe = ever(lambda g: counters(g, 3.0, 1.3, 0.5), COUNTERS, 5, 150, (0.05,), tolerate=margin, each=6)
        assert safe[0] <= allowed(150, 0.05)


class TestWhatIsToBeFound:
    """In nine of ten runs of 40, or more."""

    def test_harm_of_a_series(self) -> None:
        assert ever(lambda g: level(g, 0.5, 2.0), LEVEL, 6, 40, (0.01,), each=5)[0][0] >= 0.9

    def test_harm_of_counters(self) -> None:
        assert ever(lambda g: counters(g, 3.0, 2.0), COUNTERS, 7, 40, (0.01,), each=5)[0][0] >= 0.9

    def test_safety_of_both(self) -> None:
        assert ever(lambda g: level(g, 0.5), LEVEL, 8, 40, (0.05,), each=5)[1][0] >= 0.9
        margin = Margin("relative", 0.5)
        assert (
            ever(lambda g: counters(g, 1.0, 1.0, 0.5), COUNTERS, 9, 40, (0.05,), tolerate=margin, each=5)[1][0] >= 0.9
        )
