"""`stages: auto`: the next share is as large as the harm budget allows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.rollout.build import BASES, NOW, arms, command, gateway, learning, metric, spec, state
from tests.unit.stats.build import error_guardrail

from fader.model.decision import Decision
from fader.model.evidence import Evidence
from fader.model.metric import Metric
from fader.model.rollout import Budget, Experiment, Guardrail, Holdback, RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.model.verdict import Judgement, Verdict
from fader.rollout.command import obey
from fader.rollout.decide import decide
from fader.rollout.plan import HALF, cell, is_last, next_share, route, stakes
from fader.rollout.ramp import WORTHWHILE, ahead


def auto(units: int = 200, **changes: object) -> RolloutSpec:
    """Of steps to four times the share, from 1 %."""
    whole = spec(stages=(), budget=Budget(units, 4.0, 10_000, 15.0), guardrails=(error_guardrail(0.01),))
    return replace(whole, **changes)


def at(*shares: int, **changes: object) -> RolloutState:
    """At the last of the shares, for a minute."""
    whole = state(stage=0, shares=shares, share=shares[-1])
    return replace(whole, stage=len(shares) - 1, **changes)


def seen(
    share: int, stage: int, units: int = 20_000, candidate: float = 0.015, baseline: float = 0.015, **changes: object
) -> Evidence:
    bad, fine = arms(share, candidate, baseline, units)
    return replace(Evidence(NOW, stage, (metric("errors", bad, fine),), gateway=gateway(), wanted_version=7), **changes)


def step(plan: RolloutSpec, before: RolloutState, **changes: object) -> Decision:
    return decide(plan, before, seen(before.share, before.stage, **changes), NOW)


class TestRoute:
    def test_begins_at_the_first_share(self) -> None:
        d = decide(auto(), state(Phase.LEARNING), learning(), NOW)
        assert (d.event, d.state.share, d.state.shares) == ("learned", 10_000, (10_000,))

    def test_shows_where_it_has_been_and_100_percent(self) -> None:
        assert [s.share for s in route(auto(), at(10_000, 40_000))] == [10_000, 40_000, WHOLE]
        held_back = auto(holdback=Holdback(50_000, 60.0))
        assert [s.share for s in route(held_back, at(10_000, 40_000))] == [10_000, 40_000, 950_000, WHOLE]

    def test_its_margins_rest_on_the_most_that_may_come(self) -> None:
        assert [next_share(auto(), at(x)) for x in (10_000, 31_000, 90_000, HALF)] == [31_000, 98_000, 300_000, WHOLE]
        assert is_last(auto(), at(HALF))
        assert stakes(auto(), at(10_000)).margin(auto().guardrails[0]) == pytest.approx(0.01 / 0.031)

    def test_takes_the_fewest_steps_of_one_ratio(self) -> None:
        """No last step that is short: from 1 % in four of 3.2 times, from a quarter at once."""
        steps = [10_000]
        while steps[-1] < WHOLE:
            steps.append(next_share(auto(), at(*steps)))
        assert steps == [10_000, 31_000, 98_000, 310_000, WHOLE]
        assert next_share(auto(), at(250_000)) == WHOLE
        assert next_share(auto(), at(249_000)) == 490_000
        trial = auto(experiment=Experiment(HALF, 99.0, "x"))
        assert next_share(trial, at(250_000)) == HALF, "an experiment is held at a half"

    @pytest.mark.parametrize(
        ("arriving", "share"), [(5_500, 36_000), (200, 100_000), (1_000_000, 200), (10**9, 1), (0, 10_000)]
    )
    def test_begins_with_as_many_users_as_the_budget_covers(self, arriving: int, share: int) -> None:
        plan = replace(auto(), budget=Budget(200, bake=15.0))
        d = decide(plan, state(Phase.LEARNING), replace(learning(), arriving=arriving), NOW)
        assert (d.event, d.state.share, d.state.shares) == ("learned", share, (share,))
        assert ("whom the harm budget of 200 users covers" in d.reason) == bool(arriving)

    def test_an_experiment_is_its_last_share(self) -> None:
        trial = auto(experiment=Experiment(HALF, 99.0, "x"))
        assert [s.bake for s in route(trial, at(10_000, HALF))] == [15.0, 99.0, 0.0]

    def test_a_cell_has_the_share_that_was_chosen(self) -> None:
        assert cell(auto(), at(10_000, 32_000), NOW).interval.width == 32_000
        ended = at(10_000, 32_000, phase=Phase.ROLLED_BACK, share=0)
        assert cell(auto(), ended, NOW).interval.width == 32_000


class TestSteps:
    def test_by_the_factor_where_the_budget_allows(self) -> None:
        d = step(auto(1_000), at(10_000), units=100_000)
        assert (d.event, d.state.share, d.state.shares, d.state.stage) == ("advance", 31_000, (10_000, 31_000), 1)
        assert d.reason.startswith("v2 goes from 1 % to 3.1 % of users: errors proven less than 32 pp worse")

    def test_by_less_where_it_does_not(self) -> None:
        d = step(auto(8), at(10_000), units=100_000)
        assert d.event == "advance"
        assert 12_500 <= d.state.share < 31_000
        assert d.state.share % 1_000 == 0

    def test_not_at_all_where_it_knows_too_little(self) -> None:
        d = step(auto(3), at(10_000), units=20_000)
        assert d.event == ""
        assert d.waits == (
            "the harm budget of 3 users allows no larger share yet: about 0 were hurt so far, "
            "and up to 8 more could be at 3.1 %, by what is known",
        )

    def test_waiting_brings_what_it_needs(self) -> None:
        """The same users a second: four times as long, twice as sure."""
        young, old = at(10_000, stage_since=NOW - 15), at(10_000, stage_since=NOW - 60)
        first = ahead(auto(), young, *_known(young, 25_000))
        later = ahead(auto(), old, *_known(old, 100_000))
        assert later.worst == pytest.approx(first.worst / 2, rel=0.2)

    def test_what_was_spent_is_gone(self) -> None:
        fresh = ahead(auto(30), at(10_000), *_known(at(10_000)))
        poorer = ahead(auto(30), at(10_000, spent=25.0), *_known(at(10_000)))
        assert fresh.share > poorer.share == 10_000
        assert poorer.spent == pytest.approx(25.0)

    def test_what_is_spent_is_added_up(self) -> None:
        before = at(10_000, spent=5.0)
        d = step(auto(10_000), before, units=100_000, candidate=0.02)
        assert d.event == "advance"
        assert d.state.spent == pytest.approx(5.0 + 1_000 * 0.005, rel=0.1)

    def test_not_before_it_is_proven_safe_or_baked(self) -> None:
        assert "not yet proven" in " ".join(step(auto(10**6), at(10_000), units=300).waits)
        young = at(10_000, stage_since=NOW - 14)
        assert "it bakes for another 1 s" in step(auto(10**6), young, units=100_000).waits

    def test_the_last_step_is_proven_and_needs_no_budget(self) -> None:
        d = step(auto(1), at(10_000, 40_000, HALF), units=40_000)
        assert (d.event, d.state.phase, d.state.share, d.state.stage) == ("complete", Phase.COMPLETED, WHOLE, 3)
        assert d.state.shares == (10_000, 40_000, HALF)

    def test_harm_is_acted_on(self) -> None:
        assert step(auto(), at(10_000), candidate=0.3).event == "roll_back"

    def test_too_long_without_a_larger_share_holds(self) -> None:
        stuck = at(10_000, stage_since=NOW - 90_000, spent=9.0)
        d = step(auto(9), stuck)
        assert d.event == "hold"
        assert "after 24 h, the harm budget of 9 users still allowed no larger share" in d.reason

    def test_a_person_may_go_on_all_the_same(self) -> None:
        d = obey(auto(1), at(10_000), command("promote", reason="known to be fine"), NOW)
        assert (d.state.share, d.state.shares) == (31_000, (10_000, 31_000))

    def test_a_retry_begins_behind_those_who_had_it(self) -> None:
        ended = at(10_000, 40_000, phase=Phase.ROLLED_BACK, share=0, spent=9.0)
        d = obey(auto(), ended, command("retry"), NOW)
        assert (d.state.start, d.state.shares, d.state.spent) == (40_000, (), 0.0)


def _known(before: RolloutState, units: int = 100_000) -> tuple[Evidence, tuple[Judgement, ...], float]:
    found = seen(before.share, before.stage, units)
    return found, decide(auto(), before, found, NOW).judgements, NOW


@pytest.mark.parametrize(
    "kind", [Metric("m", "quantile", "lower", q=0.9, value="duration_ms"), Metric("m", "proportion", "higher")]
)
def test_where_nearly_every_unit_has_one_the_share_of_requests_stands_for_it(kind: Metric) -> None:
    plan = auto(100, guardrails=(Guardrail(kind, error_guardrail().tolerate),))
    rise = 0.002 if kind.better == "lower" else -0.002
    ends = (-0.001, 0.004) if kind.better == "lower" else (-0.004, 0.001)
    j = Judgement("m", Verdict.SAFE, rise=rise, low=ends[0], high=ends[1])
    found = seen(10_000, 0, 100_000)
    step = ahead(plan, at(10_000), found, (j,), NOW)
    assert step.spent == pytest.approx(1_000 * 0.002)
    assert step.worst == pytest.approx(100_000 / 4 * 0.004 * 0.031)


def test_what_is_good_hurts_where_it_is_missing() -> None:
    good = Guardrail(Metric("errors", "count", "higher"), error_guardrail().tolerate)
    found = seen(10_000, 0, 100_000, candidate=0.1, baseline=0.15)
    step = ahead(auto(guardrails=(good,)), at(10_000), found, (Judgement("errors", Verdict.SAFE),), NOW)
    assert step.spent == pytest.approx(1_000 * 0.05, rel=0.1)


def test_what_is_unknown_allows_nothing() -> None:
    found = seen(10_000, 0, 100_000)
    step = ahead(auto(), at(10_000), found, (Judgement("errors", Verdict.UNKNOWN),), NOW)
    assert step.share == 10_000


@settings(max_examples=50)
@given(
    st.integers(1, 10_000),
    st.sampled_from([100, 10_000, 33_000, 160_000, 499_999, HALF]),
    st.integers(0, 200_000),
    st.floats(0, 0.2),
    st.floats(0, 0.2),
    st.floats(0, 500),
    st.floats(0, 1_000),
)
def test_laws(budget: int, share: int, units: int, candidate: float, baseline: float, spent: float, age: float) -> None:
    plan, before = auto(budget), at(share, spent=spent, stage_since=NOW - age, bases=BASES)
    found = seen(share, 0, units, candidate, baseline)
    d = decide(plan, before, found, NOW)
    assert d == decide(plan, before, found, NOW)
    again = decide(plan, d.state, found, NOW)
    assert (again.event, again.state) == ("", d.state), "no second step from the same evidence"
    if d.state.phase in ACTIVE and d.event:
        most = next_share(plan, before)
        assert share < d.state.share <= most <= min(HALF, 4 * share)
        assert d.state.share >= min(most, WORTHWHILE * share)
        assert d.state.shares == (share, d.state.share)
        assert d.state.spent >= spent
        step = ahead(plan, before, found, d.judgements, NOW)
        worst = step.worst * d.state.share / step.ceiling
        assert worst <= budget - step.spent + 1e-6, "the worst is inside the budget"
        richer = ahead(auto(2 * budget), before, found, d.judgements, NOW)
        assert richer.share >= d.state.share, "a larger budget never takes a smaller step"
    for gone in ({"missing": "closed"}, {"metrics": ()}, {"stage": 5}):
        assert decide(plan, before, replace(found, **gone), NOW).state.share in (share, 0), "unknown never advances"
