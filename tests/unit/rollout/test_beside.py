"""Further arms of an experiment: where they lie, taken out for harm, and read against the candidate."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.unit.rollout.build import BASES, BUYERS, NOW, evidence, gateway, spec, state
from tests.unit.stats.build import arm, values

from fader.cli.show import view_lines
from fader.model.arm import Arm
from fader.model.decision import Decision
from fader.model.evidence import Beside, Evidence, HealthEvidence, MetricEvidence
from fader.model.rollout import Experiment, RolloutSpec, Stage
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import WHOLE, Interval
from fader.model.state import Basis, Phase, RolloutState, Withdrawal
from fader.model.summary import ArmSummary
from fader.model.verdict import Verdict
from fader.model.view import RolloutView
from fader.ports.events import Exposure
from fader.rollout.decide import decide
from fader.rollout.moves import started
from fader.rollout.plan import baseline_share, cell, further, stakes
from fader.rollout.ruleset import build
from fader.rollout.view import view

DAY = 86_400.0
STAGES = (Stage(50_000, 15.0), Stage(250_000, 15.0), Stage(WHOLE, 0.0))
SHOP = Service(
    "shop",
    Address("127.0.0.1", 8080),
    (UnitSource("header", "x-user-id"),),
    tuple(Version(f"v{i}", (Address("127.0.0.1", 9000 + i),)) for i in (1, 2, 3, 4)),
    "v1",
)


def trial(rule: str = "ask", beside: tuple[str, ...] = ("v3", "v4"), **changes: object) -> RolloutSpec:
    experiment = Experiment(250_000, 14 * DAY, "conversion", rule, beside=beside)
    return spec(stages=STAGES, outcomes=(BUYERS,), experiment=experiment, **changes)


def at_trial(phase: Phase = Phase.RAMPING, days: float = 14.1, **changes: object) -> RolloutState:
    bases = (*BASES, Basis("conversion", 0.3))
    whole = state(phase, stage=1, since=NOW - days * DAY, share=250_000, bases=bases)
    return replace(whole, **changes)


def buyers(units: int, rate: float) -> ArmSummary:
    y = round(units * rate)
    return ArmSummary(units, units, y, y, y, units, y, y)


def seen(bought: dict[str, float], errors: dict[str, float] | None = None, units: int = 20_000) -> Evidence:
    """As many units in each of the four arms; their parts that bought, and that failed."""
    bad = {"v1": 0.015, "v2": 0.015, "v3": 0.015, "v4": 0.015} | (errors or {})
    late, usual = arm(units, 5, round(units * 0.25)), values((80, 100))
    late = replace(late, over=late.events // 9)
    rate = {"v1": 0.3, "v2": 0.3, "v3": 0.3, "v4": 0.3} | bought
    failed = {v: arm(units, 5, round(units * part)) for v, part in bad.items()}
    others = ("v3", "v4")
    return Evidence(
        NOW,
        1,
        (
            MetricEvidence("errors", failed["v2"], failed["v1"], others=tuple((v, failed[v]) for v in others)),
            MetricEvidence(
                "latency",
                late,
                late,
                usual,
                usual,
                others=tuple((v, late) for v in others),
                beside=tuple(Beside(v, usual) for v in others),
            ),
            MetricEvidence(
                "conversion",
                buyers(units, rate["v2"]),
                buyers(units, rate["v1"]),
                others=tuple((v, buyers(units, rate[v])) for v in others),
            ),
        ),
        gateway=gateway(),
        wanted_version=7,
        health=HealthEvidence(units, units, others=tuple((v, units) for v in others)),
    )


# Where they lie ----------------------------------------------------------------------------------------------------


@st.composite
def trials(draw: st.DrawFn) -> tuple[RolloutSpec, RolloutState]:
    count = draw(st.integers(1, 4))
    share = draw(st.integers(1, WHOLE // (count + 2)))
    beside = tuple(f"v{n}" for n in range(3, 3 + count))
    asked = spec(
        stages=(Stage(share, 15.0), Stage(WHOLE, 0.0)),
        outcomes=(BUYERS,),
        experiment=Experiment(share, DAY, "conversion", beside=beside),
    )
    return asked, state(stage=0, share=share, start=draw(st.integers(0, WHOLE - 1)))


@given(trials(), st.integers(0, WHOLE - 1))
def test_each_bucket_is_of_one_arm_and_the_rest_is_the_baselines(
    found: tuple[RolloutSpec, RolloutState], number: int
) -> None:
    asked, now = found
    service = replace(SHOP, versions=tuple(Version(f"v{n}", (Address("127.0.0.1", 9000),)) for n in range(1, 8)))
    (live,) = build((service,), ((asked, now, "s"),))
    alone = replace(asked, experiment=replace(asked.experiment, beside=()))
    (without,) = build((service,), ((alone, now, "s"),))
    assert live.split is not None
    assert without.split is not None
    assert without.split.beside == ()
    assert live.split.interval == without.split.interval, "the candidate's units are the same with and without"
    holders = [a.version for a in live.split.beside if number in a.interval]
    assert len(holders) + (number in live.split.interval) <= 1
    share = now.share
    place = (number - now.start) % WHOLE // share
    arms = ("v2", *asked.experiment.beside)
    expected = arms[place] if place < len(arms) else "v1"
    assert (holders or ["v2" if number in live.split.interval else "v1"]) == [expected]
    assert baseline_share(asked, now) == WHOLE - len(arms) * share >= share


def test_only_the_stage_of_the_experiment_has_them() -> None:
    assert further(trial(), at_trial()) == (
        Arm("v3", Interval(250_000, 250_000)),
        Arm("v4", Interval(500_000, 250_000)),
    )
    assert further(trial(), at_trial(start=600_000))[1] == Arm("v4", Interval(100_000, 250_000))
    for stage in (-1, 0, 2):
        assert further(trial(), at_trial(stage=stage)) == ()
    for phase in (Phase.AWAITING, Phase.PAUSED, Phase.HELD):
        (live,) = build((SHOP,), ((trial(), at_trial(phase), "s"),))
        assert live.split is not None
        assert live.split.tried == ("v2", "v3", "v4")
    for phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        (live,) = build((SHOP,), ((trial(), at_trial(phase, share=0), "s"),))
        assert live.split is None


def test_the_baseline_is_what_remains_in_every_test() -> None:
    assert stakes(trial(), at_trial()).pi == 0.5
    assert stakes(trial(), at_trial(stage=0, share=50_000)).pi == 0.05
    assert [a.version for a in cell(trial(), at_trial(), 1.0).arms] == ["v3", "v4"]
    gone = at_trial(withdrawn=(Withdrawal("v3", NOW, "harm"),))
    assert cell(trial(), gone, 1.0) == cell(trial(), at_trial(), 1.0), "a stratum does not change under way"


# Harm --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.RAMPING, Phase.AWAITING, Phase.PAUSED, Phase.HELD])
def test_an_arm_that_does_harm_is_taken_out_and_the_rollout_goes_on(phase: Phase) -> None:
    before = at_trial(phase, days=1, resume_to=Phase.RAMPING if phase is Phase.PAUSED else None)
    d = decide(trial(), before, seen({}, {"v3": 0.08}), NOW)
    assert d.event == "withdraw"
    assert (d.state.phase, d.state.stage, d.state.share) == (phase, 1, 250_000)
    assert d.state.resume_to is before.resume_to
    assert d.state.out == {"v3"}
    assert d.reason.startswith(
        "v3 was taken out of the experiment and its users have v1 again: errors rose from 0.3 % to 1.6 % of requests"
    )
    assert "users on v3 had one" in d.reason
    (live,) = build((SHOP,), ((trial(), d.state, "s"),))
    assert live.split is not None
    assert [(a.version, a.withdrawn) for a in live.split.beside] == [("v3", True), ("v4", False)]
    assert live.split.tried == ("v2", "v4")
    again = decide(trial(), d.state, seen({}, {"v3": 0.08}), NOW)
    assert again.event == ""


def test_the_error_budget_of_further_arms_is_their_own() -> None:
    """Two arms, three tests each, and one stage: the candidate's thresholds are those of a rollout without them."""
    d = decide(trial(), at_trial(days=1), seen({}), NOW)
    alone = decide(trial(beside=()), at_trial(days=1), seen({}), NOW)
    assert [j.harm_threshold for j in d.beside] == pytest.approx([log(2 * 3 / 0.05)] * 6)
    assert [(j.arm, j.metric) for j in d.beside][2:4] == [("v3", "conversion"), ("v4", "errors")]
    assert [j.harm_threshold for j in d.judgements] == [j.harm_threshold for j in alone.judgements]


def test_harm_to_an_outcome_counts_too_and_several_go_at_once() -> None:
    d = decide(trial(), at_trial(days=1), seen({"v3": 0.2, "v4": 0.2}), NOW)
    assert d.event == "withdraw"
    assert [w.version for w in d.state.withdrawn] == ["v3", "v4"]
    assert "conversion fell from 30 % to 20 % of users" in d.state.withdrawn[0].why


def test_harm_of_the_candidate_comes_first_and_is_its_own() -> None:
    d = decide(trial(), at_trial(days=1), seen({}, {"v2": 0.08, "v3": 0.08}), NOW)
    assert d.event == "roll_back"
    (live,) = build((SHOP,), ((trial(), d.state, "s"),))
    assert live.split is None


def test_without_evidence_no_arm_is_taken_out() -> None:
    missing = replace(seen({}, {"v3": 0.08}), missing="the gateway is silent")
    assert decide(trial(), at_trial(days=1), missing, NOW).event == ""
    nothing = replace(seen({}), metrics=tuple(replace(m, others=(), beside=()) for m in seen({}).metrics))
    d = decide(trial(), at_trial(days=1), nothing, NOW)
    assert d.event == ""
    assert {j.verdict for j in d.beside} == {Verdict.UNKNOWN}


def test_a_retry_begins_with_all_of_them() -> None:
    gone = at_trial(Phase.ROLLED_BACK, withdrawn=(Withdrawal("v3", NOW, "harm"),))
    assert started(gone, "retry", "again", NOW).withdrawn == ()


# The end of the experiment -----------------------------------------------------------------------------------------


def ended(rule: str, bought: dict[str, float], **changes: object) -> Decision:
    return decide(trial(rule), at_trial(**changes), seen(bought), NOW)


def test_each_arm_is_read_against_the_baseline_at_its_part_of_alpha() -> None:
    d = ended("ask", {"v2": 0.33, "v4": 0.33})
    assert [(r.arm, r.verdict) for r in d.readings] == [("v2", "better"), ("v3", "undecided"), ("v4", "better")]
    assert [r.fixed_alpha for r in d.readings] == pytest.approx([0.04 / 3] * 3)


@pytest.mark.parametrize("rule", ["better", "not_worse", "ask"])
def test_an_arm_that_is_better_than_the_candidate_asks_a_person(rule: str) -> None:
    d = ended(rule, {"v2": 0.33, "v3": 0.36, "v4": 0.35})
    assert d.event == "ask"
    assert d.state.phase is Phase.AWAITING
    assert "v3 is better than v2: 36 % of users on v3 against 33 % on v2" in d.reason
    assert "(98 % sure at the planned end). A rollout" in d.reason, "4 % are shared by two arms"
    assert "A rollout never changes its candidate: to go on with v3, abort and start one of it" in d.reason


def test_an_arm_that_is_not_better_than_the_candidate_changes_nothing() -> None:
    assert ended("better", {"v2": 0.33, "v3": 0.33}).state.phase is Phase.COMPLETED
    gone = (Withdrawal("v3", NOW, "harm"),)
    assert ended("better", {"v2": 0.33, "v3": 0.36}, withdrawn=gone).state.phase is Phase.COMPLETED


# Health ------------------------------------------------------------------------------------------------------------


def test_the_sample_ratio_is_of_all_arms() -> None:
    sound = seen({})
    uneven = replace(sound, health=replace(sound.health, others=(("v3", 20_000), ("v4", 18_000))))
    d = decide(trial(), at_trial(days=1), uneven, NOW)
    assert d.event == "hold"
    assert "v2 was seen with 20,000 of 78,000 users, 25.6 % where 25 % was set" in d.reason
    assert "the versions differently" in d.reason


def test_one_that_was_withdrawn_is_not_waited_for() -> None:
    sound = seen({})
    few = replace(sound, health=replace(sound.health, others=(("v3", 20_000), ("v4", 300))))
    gone = (Withdrawal("v4", NOW, "harm"),)
    assert decide(trial(), at_trial(days=1, withdrawn=gone), few, NOW).event == ""
    assert decide(trial(), at_trial(days=1), few, NOW).event == "hold"


def test_without_further_arms_all_is_as_it_was() -> None:
    d = decide(spec(), state(), evidence(), NOW)
    assert d.event == "advance"
    assert d.beside == ()


# As people are shown it --------------------------------------------------------------------------------------------


def shown(before: RolloutState, found: Evidence) -> RolloutView:
    d = decide(trial(), before, found, NOW)
    return view(trial(), d.state, d, Exposure(), (), NOW, found.health)


def test_each_arm_is_shown_with_what_became_of_it() -> None:
    running = shown(at_trial(days=1), seen({}))
    assert [(a.version, a.share, a.status, a.units) for a in running.arms] == [
        ("v3", 250_000, "running", 20_000),
        ("v4", 250_000, "running", 20_000),
    ]
    assert running.arms[0].sentence == "v3 has 25 % of users beside v2; 20,000 users were seen"
    assert {j.arm for j in running.arm_judgements} == {"v3", "v4"}
    harmed = shown(at_trial(days=1), seen({}, {"v3": 0.08}))
    assert [(a.status, a.share) for a in harmed.arms] == [("withdrawn", 0), ("running", 250_000)]
    assert harmed.arms[0].sentence.startswith("v3 was taken out of the experiment")
    ahead = view(trial(), at_trial(stage=0, share=50_000), Decision(at_trial()), Exposure(), (), NOW)
    assert ahead.arms[0].sentence == "v3 gets 25 % of users beside v2, for the time of the experiment"
    done = at_trial(Phase.COMPLETED, stage=2, share=WHOLE)
    assert {a.status for a in view(trial(), done, Decision(done), Exposure(), (), NOW).arms} == {"ended"}
    assert view(spec(), state(), Decision(state()), Exposure(), (), NOW).arms == ()


def test_the_command_line_says_it_too() -> None:
    out = StringIO()
    Console(file=out, width=400).print(view_lines(shown(at_trial(days=1), seen({}, {"v3": 0.08}))))
    assert "v3 was taken out of the experiment and its users have v1 again: errors rose" in out.getvalue()
    assert "v4 has 25 % of users beside v2; 20,000 users were seen" in out.getvalue()
    assert "30 % of users on v4" in out.getvalue()
