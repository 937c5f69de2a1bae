from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.build import (
    BUYERS,
    NOW,
    SHARES,
    arms,
    evidence,
    gateway,
    learning,
    metric,
    spec,
    state,
)
from tests.unit.rollout.build import bought as bought_by

from fader.model.decision import Decision
from fader.model.evidence import Evidence, HealthEvidence, LearningEvidence, NameEvidence
from fader.model.rollout import Experiment, Stage, Undecided
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Basis, Phase
from fader.model.summary import ArmSummary
from fader.model.verdict import Verdict
from fader.rollout.decide import decide

QUIET = [Phase.PENDING, Phase.COMPLETED, Phase.ROLLED_BACK, Phase.ABORTED]
STOPPABLE = [Phase.RAMPING, Phase.AWAITING, Phase.PAUSED, Phase.HELD]


def stays(d: Decision) -> bool:
    return d.event == "" and d.actions == ()


@pytest.mark.parametrize("phase", QUIET)
def test_pending_and_ended_are_left_alone(phase: Phase) -> None:
    s = state(phase)
    assert decide(spec(), s, evidence(0, errors=0.2), NOW) == Decision(s)


class TestLearning:
    def test_freezes_what_it_learnt_and_takes_the_first_stage(self) -> None:
        d = decide(spec(), state(Phase.LEARNING), learning(), NOW)
        assert (d.event, d.state.phase, d.state.stage, d.state.share) == ("learned", Phase.RAMPING, 0, 50_000)
        assert d.state.stage_since == NOW
        assert d.state.bases[0] == Basis("errors", 3 / 500)
        assert d.state.bases[1].threshold == pytest.approx(100, rel=0.02)
        assert d.state.revision == 4
        assert d.actions == ("publish", "notify")

    @pytest.mark.parametrize(("requests", "units"), [(399, 80), (500, 49), (0, 0)])
    def test_waits_for_requests_and_units(self, requests: int, units: int) -> None:
        d = decide(spec(), state(Phase.LEARNING), learning(requests, units), NOW)
        assert stays(d)
        assert any("being learnt" in w for w in d.waits)
        assert d.wake_at == NOW + 1

    def test_nothing_learnt_of_one_metric_waits(self) -> None:
        one = learning(learning=(LearningEvidence("errors", 500, 80),))
        assert "latency" in decide(spec(), state(Phase.LEARNING), one, NOW).waits[0]

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"candidate_down_since": NOW - 60}, "nobody is sent"),
            ({"reported_at": NOW - 60}, "last heard of"),
            ({"reported_at": 0.0}, "no gateway has reported"),
            ({"error": "bad cluster"}, "bad cluster"),
            ({"applied_version": 6}, "not yet confirmed"),
        ],
    )
    def test_what_is_wrong_with_the_gateway_holds_before_anybody_is_exposed(
        self, change: dict[str, object], word: str
    ) -> None:
        d = decide(spec(), state(Phase.LEARNING), learning(gateway=gateway(**change)), NOW)
        assert stays(d)
        assert word in " ".join(d.waits)

    def test_a_pause_is_not_ended_by_learning(self) -> None:
        paused = state(Phase.PAUSED, stage=-1, resume_to=Phase.LEARNING)
        assert stays(decide(spec(), paused, learning(), NOW))

    def test_missing_evidence_holds(self) -> None:
        d = decide(spec(), state(Phase.LEARNING), learning(missing="the store is closed"), NOW)
        assert stays(d)
        assert d.waits == ("there is no evidence: the store is closed",)


class TestAdvance:
    @pytest.mark.parametrize("stage", [0, 1, 2])
    def test_to_the_next_stage(self, stage: int) -> None:
        d = decide(spec(), state(stage=stage), evidence(stage), NOW)
        assert (d.event, d.state.stage, d.state.share) == ("advance", stage + 1, SHARES[stage + 1])
        assert d.state.stage_since == NOW
        assert [j.verdict for j in d.judgements] == [Verdict.SAFE, Verdict.SAFE]

    def test_the_last_judged_stage_completes_at_once(self) -> None:
        d = decide(spec(), state(stage=3), evidence(3), NOW)
        assert (d.event, d.state.phase, d.state.stage, d.state.share) == ("complete", Phase.COMPLETED, 4, WHOLE)
        assert (d.state.ended_at, d.wake_at) == (NOW, 0.0)

    def test_not_before_the_bake_is_over(self) -> None:
        d = decide(spec(), state(since=NOW - 14), evidence(), NOW)
        assert stays(d)
        assert d.waits == ("it bakes for another 1 s",)

    def test_not_before_it_is_proven_safe(self) -> None:
        d = decide(spec(), state(), evidence(units=200), NOW)
        assert stays(d)
        assert "not yet proven less than 10 pp worse" in d.waits[0]
        assert "more at this rate" in d.waits[0]

    def test_a_manual_gate_asks(self) -> None:
        manual = spec(stages=(Stage(50_000, 15.0, "manual"), *spec().stages[1:]))
        d = decide(manual, state(), evidence(), NOW)
        assert (d.event, d.state.phase, d.state.share) == ("ask", Phase.AWAITING, 50_000)
        again = decide(manual, d.state, evidence(), NOW + 1)
        assert stays(again)

    def test_without_guardrails_time_alone_decides(self) -> None:
        assert decide(spec(guardrails=()), state(), evidence(), NOW).event == "advance"

    def test_a_tolerated_rise_may_pass(self) -> None:
        """15 % more errors, proven, but a tenth of what is tolerated."""
        bad, fine = arms(500_000, 0.02, 0.015, 200_000)
        late, usual = arms(500_000, 0.25, 0.25, 200_000)
        found = (metric("errors", bad, fine), metric("latency", replace(late, over=late.events // 9), usual))
        d = decide(spec(), state(stage=3), evidence(3, metrics=found), NOW)
        assert d.judgements[0].verdict is Verdict.TOLERATED
        assert d.event == "complete"

    def test_likely_harm_freezes_until_it_is_decided(self) -> None:
        bad, fine = arms(50_000, 0.0, 0.015, 2_000)
        suspicious = metric("errors", replace(bad, events=8, yy=8, yn=40, first=8, failures=8), fine)
        d = decide(spec(), state(), evidence(metrics=(suspicious, evidence().metrics[1])), NOW)
        assert d.judgements[0].verdict is Verdict.SAFE
        assert stays(d)
        assert "may be worse" in d.waits[0]


class TestHarm:
    @pytest.mark.parametrize("phase", STOPPABLE)
    @pytest.mark.parametrize("bad", [{"errors": 0.15}, {"slow": 0.5}])
    def test_pulls_the_plug_wherever_somebody_has_the_candidate(self, phase: Phase, bad: dict[str, float]) -> None:
        d = decide(spec(), state(phase), evidence(0, **bad), NOW)
        assert (d.event, d.state.phase, d.state.share, d.state.ended_at) == ("roll_back", Phase.ROLLED_BACK, 0, NOW)
        assert d.state.stage == 0
        assert d.state.cause == d.reason
        assert d.actions == ("publish", "notify")

    def test_even_before_the_bake_and_beside_what_is_unknown(self) -> None:
        found = evidence(errors=0.15, gateway=gateway(reported_at=NOW - 99, error="refused"), lost_requests=10**6)
        found = replace(found, metrics=(found.metrics[0], replace(found.metrics[1], missing="no")))
        assert decide(spec(), state(since=NOW - 1), found, NOW).event == "roll_back"

    @pytest.mark.parametrize("phase", [Phase.RAMPING, Phase.AWAITING, Phase.PAUSED])
    def test_holds_where_that_was_asked_for(self, phase: Phase) -> None:
        d = decide(spec(on_harm="hold"), state(phase), evidence(errors=0.15), NOW)
        assert (d.event, d.state.phase, d.state.share) == ("hold", Phase.HELD, 50_000)
        assert stays(decide(spec(on_harm="hold"), d.state, evidence(errors=0.15), NOW + 1))

    def test_the_sentence_has_the_numbers(self) -> None:
        d = decide(spec(), state(), evidence(errors=0.15), NOW)
        assert d.reason == (
            "shop-v2 was rolled back at 5 %: errors rose from 0.3 % to 3.3 % of requests "
            "(165 of 1,000 users on v2 had one, 285 of 19,000 on v1); 1 pp is tolerated; "
            "the chance of this without a change is below 1 in a million"
        )


class TestDeadCandidate:
    @pytest.mark.parametrize("phase", STOPPABLE)
    def test_two_seconds_without_an_endpoint(self, phase: Phase) -> None:
        d = decide(spec(on_harm="hold"), state(phase), evidence(gateway=gateway(candidate_down_since=NOW - 2)), NOW)
        assert d.event == "roll_back"
        assert "no healthy endpoint for 2 s" in d.reason

    def test_less_holds(self) -> None:
        d = decide(spec(), state(), evidence(gateway=gateway(candidate_down_since=NOW - 1.9)), NOW)
        assert stays(d)
        assert "no healthy endpoint" in d.waits[0]

    def test_an_old_report_does_not_count_on(self) -> None:
        old = gateway(reported_at=NOW - 60, candidate_down_since=NOW - 61)
        assert stays(decide(spec(), state(), evidence(gateway=old), NOW))


class TestUnknown:
    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"missing": "the store is closed"}, "the store is closed"),
            ({"metrics": ()}, "errors is unknown: no evidence for errors arrived"),
            ({"stage": 1}, "belongs to another stage"),
            ({"gateway": gateway(reported_at=NOW - 11)}, "last heard of 11 s ago"),
            ({"gateway": gateway(error="no such cluster")}, "refused its configuration"),
            ({"wanted_version": 8}, "not yet confirmed 5 %"),
            ({"lost_requests": 2000}, "2,000 requests of the last minute are missing"),
        ],
    )
    def test_holds_and_says_why(self, change: dict[str, object], word: str) -> None:
        d = decide(spec(), state(), evidence(**change), NOW)
        assert stays(d)
        assert word in " ".join(d.waits)

    def test_a_few_lost_lines_do_not_matter(self) -> None:
        assert decide(spec(), state(), evidence(lost_requests=50), NOW).event == "advance"

    def test_a_sample_ratio_mismatch_holds_for_a_person(self) -> None:
        bad, fine = arms(100_000, 0.015, 0.015)
        found = tuple(metric(n, bad, fine) for n in ("errors", "latency"))
        d = decide(spec(), state(), evidence(metrics=found), NOW)
        assert (d.event, d.state.phase, d.state.share) == ("hold", Phase.HELD, 50_000)
        assert "10 % where 5 % was set" in d.reason
        assert stays(decide(spec(), d.state, evidence(metrics=found), NOW + 1))


class TestUndecided:
    after = Undecided(after=50.0)

    def test_too_long_holds(self) -> None:
        d = decide(spec(if_undecided=self.after), state(), evidence(units=200), NOW)
        assert (d.event, d.state.phase) == ("hold", Phase.HELD)
        assert "after 50 s, errors, latency could be proven neither safe nor harmful" in d.reason

    def test_or_rolls_back(self) -> None:
        d = decide(spec(if_undecided=Undecided(50.0, "rollback")), state(), evidence(missing="closed"), NOW)
        assert d.event == "roll_back"
        assert "the guardrails" in d.reason

    def test_not_yet(self) -> None:
        assert stays(decide(spec(if_undecided=Undecided(61.0)), state(), evidence(units=200), NOW))

    def test_not_before_the_bake_is_over(self) -> None:
        long = spec(if_undecided=self.after, stages=(Stage(50_000, 100.0), *spec().stages[1:]))
        assert stays(decide(long, state(), evidence(units=200), NOW))

    def test_what_is_safe_is_not_undecided(self) -> None:
        assert decide(spec(if_undecided=self.after), state(), evidence(), NOW).event == "advance"


# What holds for everything that can be fed in.

kinds = st.sampled_from(["event", "route", "fingerprint"])
directions = st.sampled_from(["lower", "higher", ""])
NAMES = st.sampled_from(["a", "502 GET /", "c"])
units = st.integers(0, 3_000)
rates = st.floats(0, 1)
phases = st.sampled_from(list(Phase))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Phase, int, Evidence]:
    phase, stage = draw(phases), draw(st.integers(0, 3))
    candidate, baseline = arms(SHARES[stage], draw(rates), draw(rates), draw(units))
    over = draw(st.integers(0, int(candidate.events)))
    empty = draw(st.booleans())
    found = (
        metric("errors", candidate, ArmSummary() if empty else baseline),
        metric("latency", replace(candidate, over=over), baseline, draw(st.floats(1, 500)), draw(st.floats(1, 500))),
    )
    bought = bought_by(SHARES[stage], draw(rates), draw(rates), draw(units))
    found = tuple(replace(m, missing=draw(st.sampled_from(["", "", "", "gone"]))) for m in (*found, bought))
    return (
        phase,
        stage,
        Evidence(
            NOW,
            draw(st.sampled_from([stage, stage, stage, stage - 1])),
            found[: draw(st.sampled_from([3, 3, 2, 1]))],
            learning().learning,
            gateway(
                reported_at=NOW - draw(st.sampled_from([0.0, 1.0, 60.0])),
                applied_version=draw(st.sampled_from([7, 7, 6])),
                error=draw(st.sampled_from(["", "", "refused"])),
                candidate_down_since=draw(st.sampled_from([0.0, 0.0, NOW - 1, NOW - 9])),
            ),
            7,
            draw(st.sampled_from([0, 0, 10**6])),
            draw(st.sampled_from(["", "", "closed"])),
            HealthEvidence(
                crossed=draw(st.sampled_from([0, 0, 99])),
                silent=draw(st.sampled_from([0, 0, 99])),
                unexposed=draw(st.sampled_from([0, 0, 99])),
                skew=draw(st.sampled_from([0.0, 0.0, -99.0])),
                weight=draw(st.sampled_from([1.0, 1.0, 0.5])),
                candidate_units=candidate.units,
                baseline_units=baseline.units,
            ),
            tuple(draw(st.lists(st.builds(NameEvidence, kinds, NAMES, units, units, directions), max_size=4))),
        ),
    )


@given(worlds(), st.sampled_from(["rollback", "hold"]), st.floats(0, 100))
def test_laws(world: tuple[Phase, int, Evidence], on_harm: str, age: float) -> None:
    phase, stage, found = world
    plan = spec(on_harm=on_harm, outcomes=(BUYERS,), experiment=Experiment(250_000, 50.0, "conversion", "better"))
    before = state(phase, stage, since=NOW - age)
    d = decide(plan, before, found, NOW)

    assert d == decide(plan, before, found, NOW), "the same for the same inputs"
    again = decide(plan, d.state, found, NOW)
    assert again.event == "", "no second step from the same evidence"
    assert again.actions == ()
    assert again.state == d.state
    assert bool(d.event) == bool(d.actions) == (d.state != before)
    assert d.state.share in {0, *SHARES}
    assert d.state.revision == before.revision + bool(d.event)
    if d.state.share > before.share:
        assert before.phase in (Phase.LEARNING, Phase.RAMPING), "only the ramp gives the candidate to more"
        assert d.state.stage == before.stage + 1, "one stage at a time"
        assert found.stage == before.stage
        assert (found.missing, found.gateway.error) == ("", "")
        assert NOW - found.gateway.reported_at <= 10
        assert found.gateway.applied_version >= found.wanted_version
        if before.stage >= 0:
            assert all(j.proven_safe for j in d.judgements[:2])
            assert len(d.judgements) == 3
            assert age >= (50 if stage == 2 else 15)
            assert (found.health.crossed, found.health.silent, found.health.unexposed) == (0, 0, 0)
            assert found.health.skew == 0.0
            assert not any(s.harmful and s.kind != "fingerprint" for s in d.signals)
            assert stage != 2 or d.readings[0].verdict == "better"
    if d.state.phase in ACTIVE:
        assert d.wake_at == NOW + 1
