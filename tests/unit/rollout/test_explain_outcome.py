"""What is said of outcomes, with its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import BUYERS, NOW, spec, state

from fader.model.metric import Margin, Metric, Selection
from fader.model.rollout import Experiment, Outcome, RolloutSpec
from fader.model.state import Phase, RolloutState
from fader.model.verdict import Plan, Reading
from fader.rollout import explain_outcome, words

REVENUE = Metric("revenue", "mean", "higher", value="amount", event="order", unit="EUR")
SLOW = Metric("latency", "quantile", value="duration_ms", q=0.95)
PLAN = Plan("conversion", 0.006, 90_000, 0.8, 0.04, 0.3, 0.46, 5_000.0, 0.0068)
READ = Reading(
    "conversion", "v2", "undecided", 0.31, 0.3, 0.01, -0.01, 0.03, 0.01, candidate_units=500, baseline_units=9_500
)


def trial(*metrics: Metric) -> RolloutSpec:
    others = tuple(Outcome(m, Margin("relative", 0.1)) for m in metrics)
    return spec(outcomes=(BUYERS, *others), experiment=Experiment(500_000, 14 * 86_400.0, "conversion"))


def said(reading: Reading, *metrics: Metric) -> str:
    return explain_outcome.reading(trial(*metrics), state(since=NOW - 3_600), reading, NOW)


def test_what_is_undecided_says_how_many_users_and_how_much_time_it_lacks() -> None:
    """The interval is twice as wide as the effect: four times the users, three times as many more."""
    assert said(READ) == (
        "conversion is undecided: 31 % of users on v2 against 30 % on v1, a difference of +1 pp, between -1 pp and "
        "+3 pp (99 % sure at every look); about 30,000 users more would decide it, 3 h at this rate"
    )


def test_an_effect_below_the_smallest_one_need_not_be_shown() -> None:
    """0.02 x 0.3 is what matters; the interval's half is 0.02."""
    assert "about 101,111 users more" in said(replace(READ, effect=0.0001, low=-0.02, high=0.02))


def test_nothing_to_reckon_with() -> None:
    assert said(replace(READ, candidate_units=0, baseline_units=0)).endswith("; no user with it was seen yet")
    assert said(replace(READ, verdict="unknown", missing="gone")) == "conversion is unknown: gone"


def test_what_just_began_cannot_be_forecast_and_what_has_ended_lacks_nothing() -> None:
    def after(now: RolloutState) -> str:
        return explain_outcome.reading(trial(), now, READ, NOW)

    assert after(state(since=NOW)).endswith("; how many more users would decide it cannot be said yet")
    assert after(replace(state(since=NOW), phase=Phase.COMPLETED)).endswith("(99 % sure at every look)")


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("better", "conversion is better: "),
        ("worse", "conversion is worse: "),
        ("same", "conversion shows no"),
    ],
)
def test_a_verdict_lacks_nothing(verdict: str, text: str) -> None:
    whole = said(replace(READ, verdict=verdict))
    assert whole.startswith(text)
    assert "more would" not in whole


def test_an_amount_has_its_unit() -> None:
    found = replace(READ, metric="revenue", candidate_value=9.5, baseline_value=10.0, effect=-0.5, low=-1.5, high=0.5)
    assert said(found, REVENUE).startswith(
        "revenue is undecided: 9.5 EUR per user on v2 against 10 EUR on v1, a difference of -0.5 EUR, between "
        "-1.5 EUR and +0.5 EUR"
    )


def test_a_quantile_has_its_value_and_the_effect_on_requests_above_it() -> None:
    found = replace(READ, metric="latency", candidate_value=120.0, baseline_value=100.0)
    whole = said(found, SLOW)
    assert whole.startswith("latency is undecided: its p95 is 120 ms on v2 against 100 ms on v1, ")
    assert "a difference of +1 pp in the share of slower requests" in whole
    assert "about 30,000 users more" in whole


def test_the_plan_says_what_it_can_show() -> None:
    assert explain_outcome.plan(trial(), PLAN) == (
        "a difference of 0.6 pp in conversion needs 90,000 users for 80 % power; 70,000 users come in 14 days, "
        "enough for one of 0.68 pp"
    )
    assert explain_outcome.plan(trial(), replace(PLAN, reachable=0.0)).endswith("for 80 % power")


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (BUYERS.metric, "of users"),
        (REVENUE, "per user"),
        (Metric("n", "count", event="order"), "per user"),
        (Metric("r", "retention", event="visit"), "of users"),
        (Metric("b", "ratio", event="order", per=Selection("visit")), "per visit"),
        (Metric("e", "proportion"), "of requests"),
        (Metric("e", "proportion", event="order"), "of order events"),
    ],
)
def test_what_an_amount_is_of(metric: Metric, text: str) -> None:
    assert words.per(metric) == text
