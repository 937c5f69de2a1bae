"""How the error budget is spread: the chances of all tests of a rollout may not add up to more than alpha."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
from tests.unit.stats.build import error_guardrail, latency_guardrail

from fader.model.metric import Margin, Metric
from fader.model.rollout import Budget, Holdback, Outcome, RolloutSpec, Stage
from fader.stats.weights import ALPHA, harm_threshold, safe_threshold

STAGES = (Stage(50_000, 1.0), Stage(500_000, 1.0), Stage(10**6, 0.0))
SPEC = RolloutSpec("r", "s", "a", "b", STAGES, (error_guardrail(), latency_guardrail()))
OUTCOMES = (Outcome(Metric("orders", "count", "higher"), Margin("relative", 0.05)),)


def test_by_profile() -> None:
    """Two guardrails and the new fingerprints in two judged stages: six cells."""
    assert harm_threshold(SPEC, 0) == harm_threshold(SPEC, 1) == pytest.approx(log(6 / 0.05))
    assert harm_threshold(replace(SPEC, profile="careful"), 0) == pytest.approx(log(6 / 0.01))
    assert harm_threshold(replace(SPEC, profile="swift"), 0) == pytest.approx(log(6 / 0.1))
    assert safe_threshold() == pytest.approx(log(20))


def test_outcomes_and_the_holdback_are_judged_too() -> None:
    assert harm_threshold(replace(SPEC, outcomes=OUTCOMES), 0) == pytest.approx(log(8 / 0.05))
    assert harm_threshold(replace(SPEC, holdback=Holdback(50_000, 1.0)), 0) == pytest.approx(log(9 / 0.05))


def test_an_adaptive_ramp_has_as_many_stages_as_it_needs() -> None:
    adaptive = replace(SPEC, stages=(), budget=Budget(200))
    assert [round(exp(harm_threshold(adaptive, k)) * 0.05) for k in range(4)] == [6, 18, 36, 60]


@pytest.mark.parametrize("budget", [None, Budget(200)])
@pytest.mark.parametrize("holdback", [None, Holdback(10_000, 1.0)])
@pytest.mark.parametrize("profile", ["balanced", "careful", "swift"])
def test_the_chances_add_up_to_alpha_at_most(budget: Budget | None, holdback: Holdback | None, profile: str) -> None:
    spec = replace(SPEC, budget=budget, holdback=holdback, profile=profile, outcomes=OUTCOMES)
    stages = 10_000 if budget else len(spec.judged)
    tests = len(spec.guardrails) + len(spec.outcomes) + 1
    spent = sum(tests * exp(-harm_threshold(spec, k)) for k in range(stages))
    assert spent == pytest.approx(ALPHA[profile], rel=2e-4)
    assert spent <= ALPHA[profile] * (1 + 1e-12)
