"""Plans against statsmodels, and against what they promise."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from tests.unit.stats.build import of_units

from fader.model.evidence import LearningEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Experiment, Outcome
from fader.model.summary import GAMMA, ArmSummary, Histogram
from fader.model.verdict import Plan
from fader.stats.power import detectable, needed, plan, shift

OUTCOME = Outcome(Metric("orders", "count", "higher"), Margin("relative", 0.1), Margin("relative", 0.02))
EXPERIMENT = Experiment(500_000, 14 * 86_400.0, "orders")
LEARNT = of_units(np.random.default_rng(83_000).poisson(0.3, 5000))


def planned(summary: ArmSummary = LEARNT, outcome: Outcome = OUTCOME, days: float = 20_000.0) -> Plan | None:
    return plan(outcome, LearningEvidence("orders", summary=summary), EXPERIMENT, alpha=0.04, units_per_day=days)


@pytest.mark.parametrize("pi", [0.5, 0.25, 0.05])
@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.04, 0.9), (0.01, 0.95)])
def test_agrees_with_statsmodels(pi: float, alpha: float, power: float) -> None:
    """One side of alpha/2, as it counts no rejection on the wrong side for power."""
    first = NormalIndPower().solve_power(0.03, alpha=alpha / 2, power=power, ratio=(1 - pi) / pi, alternative="larger")
    assert needed(2.0, 0.06, alpha, power, pi) == pytest.approx(first / pi, rel=1e-6)
    assert detectable(2.0, first / pi, alpha, power, pi) == pytest.approx(0.06, rel=1e-6)


def test_a_plan() -> None:
    found = planned()
    assert found is not None
    mean, sd = 1 * LEARNT.events / 5000, sqrt((LEARNT.yy / 5000 - (LEARNT.events / 5000) ** 2) * 5000 / 4999)
    assert (found.baseline, found.spread) == pytest.approx((mean, sd))
    assert found.smallest == pytest.approx(0.02 * mean)
    assert found.units - 1 < needed(sd, 0.02 * mean, 0.04, 0.8, 0.5) <= found.units
    assert found.reachable == pytest.approx(detectable(sd, 280_000, 0.04, 0.8, 0.5))
    assert (found.metric, found.power, found.alpha, found.units_per_day) == ("orders", 0.8, 0.04, 20_000.0)


def test_the_smallest_effect_may_be_absolute_or_what_is_tolerated() -> None:
    absolute = planned(outcome=replace(OUTCOME, smallest=Margin("absolute", 0.01)))
    assert absolute is not None
    assert absolute.smallest == 0.01
    tolerated = planned(outcome=replace(OUTCOME, smallest=None))
    assert tolerated is not None
    assert tolerated.smallest == pytest.approx(0.1 * tolerated.baseline)


@pytest.mark.parametrize(
    "summary", [ArmSummary(), of_units(np.ones(1)), of_units(np.zeros(500)), of_units(np.full(500, 3.0))]
)
def test_what_was_not_learnt_cannot_be_planned(summary: ArmSummary) -> None:
    assert planned(summary) is None


def test_without_a_smallest_effect_there_is_no_plan() -> None:
    assert planned(outcome=replace(OUTCOME, smallest=Margin("absolute", 0.0))) is None


def test_without_traffic_nothing_is_reachable() -> None:
    found = planned(days=0.0)
    assert found is not None
    assert found.reachable == 0.0


def test_an_effect_beyond_all_numbers() -> None:
    assert planned(outcome=replace(OUTCOME, smallest=Margin("absolute", 1e-300))) is None


@given(st.floats(0.01, 100), st.floats(0.001, 10), st.floats(0.01, 0.99), st.floats(0.001, 0.2), st.floats(0.5, 0.99))
def test_what_is_needed_is_what_detects(spread: float, effect: float, pi: float, alpha: float, power: float) -> None:
    units = needed(spread, effect, alpha, power, pi)
    assert detectable(spread, units, alpha, power, pi) == pytest.approx(effect, rel=1e-9)
    assert needed(spread, effect, alpha, power, 0.5) <= units * (1 + 1e-9)


def test_further_arms_take_their_part_of_alpha_and_of_the_users() -> None:
    """Four arms of a quarter: a comparison of two has a third of alpha and half of the users that come."""
    four = Experiment(250_000, 14 * 86_400.0, "orders", beside=("v3", "v4"))
    learnt = LearningEvidence("orders", summary=LEARNT)
    made = plan(OUTCOME, learnt, four, alpha=0.04, units_per_day=20_000.0)
    pair = plan(OUTCOME, learnt, EXPERIMENT, alpha=0.04 / 3, units_per_day=10_000.0)
    assert made is not None
    assert made == pair


@pytest.mark.parametrize("grown", [1.1, 1.5, 3.0])
def test_a_quantile_has_shifted_by_as_much_as_the_values_have_grown(grown: float) -> None:
    """100,000 lognormal values, seed 3: the share that a growth lifts above the old p95 says how large it was, within
    the 4 % of a bin."""
    values = np.exp(np.random.default_rng(3).normal(5.0, 0.6, 100_000))
    bins, counts = np.unique(np.ceil(np.log(values) / np.log(GAMMA)).astype(int), return_counts=True)
    histogram = Histogram(tuple(bins.tolist()), tuple(counts.tolist()))
    more = float((values * grown > np.quantile(values, 0.95)).mean()) - 0.05
    found = shift(histogram, 0.95, more)
    assert found is not None
    assert (1 + found) / grown == pytest.approx(1.0, abs=0.04)


def test_a_shift_beyond_the_values_is_unknown() -> None:
    assert shift(Histogram((10,), (5,)), 0.95, 0.96) is None
    assert shift(Histogram(), 0.95, 0.01) is None
