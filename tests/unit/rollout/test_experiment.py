"""Outcomes: their harm is acted on, their readings are in every decision, and an experiment is read once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import BASES, BUYERS, NOW, bought, evidence, learning, sold, spec, state

from fader.model.decision import Decision
from fader.model.evidence import LearningEvidence, MetricEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Experiment, Outcome, RolloutSpec, Stage
from fader.model.state import Basis, Phase
from fader.model.summary import ArmSummary
from fader.model.verdict import Plan, Verdict
from fader.rollout.decide import decide
from fader.rollout.experiment import not_worse
from fader.rollout.learning import PATIENCE

DAY = 86_400.0
VISITS = ArmSummary(5_000, 5_000, 1_500, 1_500, 1_500, 5_000, 1_500, 1_500)

GONE = MetricEvidence("conversion", missing="closed")


def trial(rule: str = "ask", **changes: object) -> RolloutSpec:
    return spec(outcomes=(BUYERS,), experiment=Experiment(500_000, 14 * DAY, "conversion", rule), **changes)


def read(
    asked: RolloutSpec, candidate: float, baseline: float, units: int = 20_000, days: float = 14.1, **changes: object
) -> Decision:
    before = state(stage=3, since=NOW - days * DAY, bases=(*BASES, Basis("conversion", 0.3)))
    return decide(asked, replace(before, **changes), sold(3, candidate, baseline, units), NOW)


class TestOutcomes:
    def test_harm_of_an_outcome_pulls_the_plug(self) -> None:
        d = decide(spec(outcomes=(BUYERS,)), state(stage=2), sold(2, 0.18, 0.3), NOW)
        assert d.event == "roll_back"
        assert "conversion fell from 30 % to 18 % of users (900 of 5,000 users on v2 had one" in d.reason
        assert [(r.metric, r.arm, r.verdict) for r in d.readings] == [("conversion", "v2", "worse")]

    def test_or_holds(self) -> None:
        d = decide(spec(outcomes=(BUYERS,), on_harm="hold"), state(stage=2), sold(2, 0.18, 0.3), NOW)
        assert d.event == "hold"

    @pytest.mark.parametrize(
        ("found", "verdict"),
        [
            (bought(50_000, 0.3, 0.3, 20), Verdict.UNDECIDED),
            (GONE, Verdict.UNKNOWN),
        ],
    )
    def test_that_it_is_safe_need_not_be_proven(self, found: MetricEvidence, verdict: Verdict) -> None:
        seen = evidence()
        d = decide(spec(outcomes=(BUYERS,)), state(), replace(seen, metrics=(*seen.metrics, found)), NOW)
        assert d.event == "advance"
        assert d.judgements[2].verdict is verdict

    def test_suspicion_holds(self) -> None:
        d = decide(spec(outcomes=(BUYERS,)), state(), sold(0, 0.225, 0.3, 8_000), NOW)
        assert d.event == ""
        assert d.waits[0].startswith("conversion may be worse and is watched")


class TestLearning:
    plan = trial()

    def learn(self, found: LearningEvidence, age: float = 10.0) -> Decision:
        seen = learning()
        return decide(
            self.plan, state(Phase.LEARNING, since=NOW - age), replace(seen, learning=(*seen.learning, found)), NOW
        )

    def test_freezes_the_outcome_and_the_plan(self) -> None:
        d = self.learn(LearningEvidence("conversion", 5_000, 5_000, 1_500.0, summary=VISITS))
        assert d.event == "learned"
        assert d.state.bases[2] == Basis("conversion", 0.3)
        assert d.state.plan is not None
        assert (d.state.plan.metric, d.state.plan.smallest) == ("conversion", pytest.approx(0.006))
        assert "a difference of 0.6 pp in conversion needs " in d.reason
        assert "70,000 users come in 14 days, enough for one of " in d.reason

    def test_without_any_history_waits_only_for_a_while(self) -> None:
        waiting = self.learn(LearningEvidence("conversion"))
        assert waiting.event == ""
        assert waiting.waits[0].startswith("conversion: v1 is being learnt, ")
        d = self.learn(LearningEvidence("conversion"), age=PATIENCE)
        assert (d.event, d.state.plan, d.state.bases[2]) == ("learned", None, Basis("conversion", 0.0))
        assert "the experiment could not be planned: too little is known of conversion before it" in d.reason

    def test_what_the_gateway_measures_is_waited_for_however_long(self) -> None:
        late = state(Phase.LEARNING, since=NOW - 99 * PATIENCE)
        assert decide(self.plan, late, learning(requests=10), NOW).event == ""


class TestExperiment:
    def test_is_held_for_its_time(self) -> None:
        d = read(trial(), 0.33, 0.3, days=13.9)
        assert d.event == ""
        assert d.waits == ("the experiment is read in 2.4 h",)
        assert d.readings[0].fixed_low is None, "the tighter interval is for its end alone"

    def test_no_other_stage_is(self) -> None:
        assert decide(trial(), state(stage=2), sold(2, 0.3, 0.3), NOW).event == "advance"

    def test_is_not_undecided_meanwhile(self) -> None:
        assert read(trial(), 0.3, 0.3, units=200, days=13.9).event == ""

    def test_asks_with_the_reading_and_the_plan(self) -> None:
        made = Plan("conversion", 0.006, 15_000, 0.8, 0.04, 0.3, 0.46)
        d = read(trial(), 0.33, 0.3, plan=made)
        assert (d.event, d.state.phase, d.state.share) == ("ask", Phase.AWAITING, 500_000)
        assert d.readings[0].fixed_low is not None
        assert d.reason.startswith(
            "shop-v2 has read its experiment at 50 % and waits for approval to go to 100 %: "
            "conversion is better on v2 after the experiment: 33 % of users on v2 against 30 % on v1, "
            "a difference of +3 pp, between +1.7 pp and +4.3 pp (96 % sure at the planned end)"
        )
        assert d.reason.endswith("from 20,000 users, as planned")
        assert decide(trial(), d.state, sold(3, 0.33, 0.3), NOW + 1).event == "", "read once"

    def test_says_when_fewer_came_than_planned_or_nothing_was(self) -> None:
        made = Plan("conversion", 0.006, 45_000, 0.8, 0.04, 0.3, 0.46)
        assert read(trial(), 0.33, 0.3, plan=made).reason.endswith("from 20,000 users, fewer than the 45,000 planned")
        assert read(trial(), 0.33, 0.3).reason.endswith("there was no plan to hold it against")

    @pytest.mark.parametrize(
        ("rule", "candidate", "event", "words"),
        [
            ("better", 0.33, "complete", "v2 goes from 50 % to 100 % of users: conversion is better on v2"),
            ("better", 0.3, "hold", "conversion was not shown to be better. Promote, or abort"),
            ("not_worse", 0.3, "complete", "conversion is undecided on v2 after the experiment"),
            ("not_worse", 0.33, "complete", "conversion is better"),
            ("not_worse", 0.288, "hold", "conversion was not shown to be no worse than tolerated"),
        ],
    )
    def test_decides_as_it_was_asked_to(self, rule: str, candidate: float, event: str, words: str) -> None:
        d = read(trial(rule), candidate, 0.3, units=40_000)
        assert d.event == event
        assert words in d.reason

    def test_a_manual_gate_asks_whatever_was_asked_for(self) -> None:
        stages = (*spec().stages[:3], Stage(500_000, 15.0, "manual"), spec().stages[4])
        assert read(trial("better", stages=stages), 0.33, 0.3).event == "ask"

    def test_without_a_reading_waits(self) -> None:
        before = state(stage=3, since=NOW - 15 * DAY)
        d = decide(trial("not_worse"), before, evidence(3), NOW)
        assert (d.event, d.waits) == (
            "",
            ("the experiment cannot be read: conversion is unknown: no evidence for conversion arrived",),
        )

    def test_a_guardrail_comes_first(self) -> None:
        before = state(stage=3, since=NOW - 15 * DAY)
        bad = evidence(3, errors=0.15)
        found = replace(bad, metrics=(*bad.metrics, bought(500_000, 0.4, 0.3)))
        assert decide(trial("better"), before, found, NOW).event == "roll_back"


def test_not_worse_looks_at_the_bad_end_alone() -> None:
    lower = Outcome(Metric("refunds", "count", "lower", event="refund"), Margin("relative", 0.1))
    read = decide(trial(), state(stage=3), sold(3, 0.3, 0.3), NOW).readings[0]
    base = replace(read, baseline_value=1.0, fixed_low=None, fixed_high=None)
    assert not_worse(lower, replace(base, low=-9.0, high=0.09))
    assert not not_worse(lower, replace(base, low=-9.0, high=0.11))
    assert not_worse(BUYERS, replace(base, low=-0.04, high=-0.01)), "proven worse, inside what is tolerated"
    assert not not_worse(BUYERS, replace(base, low=-0.06, high=9.0))
    assert not_worse(BUYERS, replace(base, low=-0.06, high=9.0, fixed_low=-0.04, fixed_high=9.0))
