from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import BUYERS, NOW, command, evidence, gateway, learning, sold, spec, state

from fader.model.decision import Decision, Step
from fader.model.evidence import Evidence, MetricEvidence, NameEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Experiment, Outcome, RolloutSpec
from fader.model.state import Phase, RolloutState
from fader.model.summary import ArmSummary
from fader.model.verdict import Plan
from fader.model.view import RolloutView
from fader.ports.events import Exposure
from fader.rollout.command import obey
from fader.rollout.decide import decide
from fader.rollout.explain import sentence
from fader.rollout.points import points
from fader.rollout.replay import again, replay
from fader.rollout.view import view


class Life:
    """A rollout that is led through its phases and keeps its record, as the engine does."""

    def __init__(self) -> None:
        self.spec: RolloutSpec = spec()
        self.state = RolloutState("shop-v2")
        self.now = NOW
        self.steps: list[Step] = []
        self.decision = Decision(self.state)

    def ask(self, name: str, **changes: object) -> Life:
        self.now += 1
        asked = command(name, **changes)
        d = obey(self.spec, self.state, asked, self.now)
        self._record(d, actor="ann", command=asked)
        return self

    def tick(self, found: Evidence, seconds: float = 20) -> Life:
        self.now += seconds
        found = replace(found, at=self.now, gateway=gateway(reported_at=self.now))
        self.decision = decide(self.spec, self.state, found, self.now)
        if self.decision.event:
            d = self.decision
            self._record(d, evidence=found, judgements=d.judgements, readings=d.readings, signals=d.signals)
        return self

    def _record(self, d: Decision, **changes: object) -> None:
        step = Step(len(self.steps) + 1, "shop-v2", self.now, self.spec, self.state, d.state, d.event, d.reason)
        self.steps.append(replace(step, **changes))
        self.state, self.decision = d.state, d

    def view(self, exposure: Exposure | None = None) -> RolloutView:
        return view(self.spec, self.state, self.decision, exposure or Exposure(), self.steps, self.now)


def ramping() -> Life:
    return Life().ask("start").tick(learning()).tick(evidence(0))


def test_a_ramp_in_the_middle() -> None:
    v = ramping().tick(evidence(1, units=100), seconds=3).view(Exposure(40, 2, NOW + 30))
    assert v.headline == "shop-v2: 10 % of users have v2, for 3 s"
    assert [s.status for s in v.stages] == ["passed", "current", "ahead", "ahead", "ahead"]
    assert v.stages[0].since == NOW + 21
    assert v.stages[0].until == NOW + 41
    assert v.stages[0].reason.startswith("v2 goes from 5 % to 10 % of users: errors proven less than 10 pp worse")
    assert v.stages[1].until == 0.0
    assert (v.units_exposed, v.units_harmed, v.seconds_to_decision) == (40, 2, 0.0)
    assert v.harm
    assert (v.harm.low, v.harm.high) == (0, 2)
    assert "it bakes for another 12 s" in v.waits
    assert len(v.judgements) == 2
    assert v.needs_person == ""
    assert v.commands == ("pause", "promote", "abort")


def test_after_the_plug_was_pulled() -> None:
    life = ramping().tick(evidence(1, errors=0.15), seconds=3)
    v = life.view(Exposure(90, 20, NOW + 40))
    assert v.headline.startswith("shop-v2 was rolled back at 10 %: errors rose from ")
    assert [s.status for s in v.stages] == ["passed", "stopped", "ahead", "ahead", "ahead"]
    assert v.stages[1].until == life.state.ended_at
    assert v.stages[1].reason == life.state.cause
    assert v.seconds_to_decision == pytest.approx(4)
    assert v.harm
    assert (v.harm.low, v.harm.high) == (17, 19)
    assert v.commands == ("retry",)
    life.decision = Decision(life.state)  # as after a restart: the record still says what was judged
    assert len(life.view().judgements) == 2
    assert life.view(Exposure(90, 20, NOW + 40)).harm == v.harm


def test_completed() -> None:
    life = ramping()
    for stage in (1, 2, 3):
        life.tick(evidence(stage))
    v = life.view(Exposure(4000, 40, NOW))
    assert v.harm, "as at the last stage that had a baseline"
    assert v.harm.times_low < 1 < v.harm.times_high
    assert v.headline == "shop-v2 is completed: everybody has v2"
    assert {s.status for s in v.stages} == {"passed"}
    assert v.commands == ("abort",)
    life.ask("abort")
    assert life.view().stages[4].status == "stopped"


class TestExperiment:
    """Its verdict stays what was read at its end, whatever is read later."""

    def life(self) -> Life:
        life = ramping()
        life.spec = spec(outcomes=(BUYERS,), experiment=Experiment(100_000, 30.0, "conversion"))
        return life.tick(sold(1, 0.4, 0.3), seconds=31)

    def test_awaits_a_person_with_its_verdict(self) -> None:
        life = self.life()
        assert life.state.phase is Phase.AWAITING
        v = life.tick(sold(1, 0.3, 0.3)).view()
        assert v.verdict.startswith("conversion is better on v2 after the experiment: 40 % of users")
        assert v.readings[0].fixed_low is None, "what is read meanwhile"
        assert v.readings[0].effect == 0.0
        assert v.reading_sentences[0].startswith("conversion ")
        assert v.stages[1].bake == 30.0

    def test_completed_it_shows_what_was_read(self) -> None:
        life = self.life().ask("approve")
        for stage in (2, 3):
            life.tick(sold(stage, 0.3, 0.3))
        v = life.view()
        assert v.state.phase is Phase.COMPLETED
        assert v.readings[0].fixed_low is not None
        assert v.readings[0].effect == pytest.approx(0.1)
        life.spec = spec()  # written anew, after it has ended
        assert life.view().reading_sentences == v.reading_sentences

    def test_every_step_comes_out_the_same_from_its_record(self) -> None:
        assert all(replay(s) for s in self.life().steps)

    def test_the_plan_is_said(self) -> None:
        life = self.life()
        assert life.view().plan == ""
        life.state = replace(life.state, plan=Plan("conversion", 0.006, 90_000, 0.8, 0.04, 0.3, 0.46))
        assert life.view().plan == "a difference of 0.6 pp in conversion needs 90,000 users for 80 % power"


def test_signals_are_said() -> None:
    refund = NameEvidence("event", "refund", 90, 200, "lower")
    v = ramping().tick(evidence(1, names=(refund,))).view()
    assert [s.name for s in v.signals] == ["refund"]
    assert v.signal_sentences[0].startswith("event refund: ")


def test_a_promoted_stage_was_skipped() -> None:
    v = ramping().ask("promote", reason="hotfix").view()
    assert [s.status for s in v.stages] == ["passed", "skipped", "current", "ahead", "ahead"]
    assert v.stages[1].reason.endswith("(hotfix), by ann")


def test_a_new_attempt_begins_with_a_clean_sheet() -> None:
    life = ramping().tick(evidence(1, errors=0.15)).ask("retry")
    v = life.view()
    assert {s.status for s in v.stages} == {"ahead"}
    assert {s.since for s in v.stages} == {0.0}
    assert v.judgements == ()


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_its_headline(phase: Phase) -> None:
    s = state(phase, cause="shop-v2 was stopped: because")
    v = view(spec(), s, Decision(s), Exposure(), (), NOW)
    assert v.headline.startswith("shop-v2")
    assert bool(v.needs_person) == (phase in (Phase.AWAITING, Phase.PAUSED, Phase.HELD))


class TestReplay:
    def test_every_step_of_a_life_comes_out_the_same(self) -> None:
        life = ramping().ask("pause").ask("resume").tick(evidence(1, errors=0.15)).ask("retry").tick(learning())
        assert [s.event for s in life.steps] == [
            "start", "learned", "advance", "pause", "resume", "roll_back", "retry", "learned",
        ]  # fmt: skip
        assert all(replay(s) for s in life.steps)
        assert [s.seq for s in life.steps] == [s.after.revision for s in life.steps]

    def test_a_record_that_was_tampered_with_does_not(self) -> None:
        step = ramping().steps[-1]
        assert step.evidence is not None
        worse = evidence(0, errors=0.15)
        assert not replay(replace(step, evidence=replace(worse, gateway=step.evidence.gateway)))
        assert not replay(replace(step, after=replace(step.after, share=1)))
        assert not replay(replace(step, reason="no reason"))
        assert not replay(replace(step, evidence=None))

    def test_what_would_be_refused_today_is_not_the_same(self) -> None:
        step = ramping().steps[0]
        assert again(replace(step, before=state())) is None
        assert not replay(replace(step, before=state()))


def test_a_line_of_the_history_names_who_asked() -> None:
    life = ramping().ask("abort", reason="lunch").tick(evidence(1))
    assert sentence(life.steps[-1]) == "shop-v2 was aborted at 10 % (lunch): everybody has v1, by ann"
    assert sentence(replace(life.steps[-1], actor="")) == life.steps[-1].reason
    paused = ramping().ask("pause", reason="wait for Bob").steps[-1]
    assert sentence(paused) == 'shop-v2 was paused at 10 % ("wait for Bob"), by ann'
    assert sentence(life.steps[1]) == life.steps[1].reason


class TestPoints:
    def test_one_per_guardrail_with_its_bands(self) -> None:
        errors, latency = points(spec(), state(), evidence())
        assert (errors.metric, errors.stage, errors.share, errors.at) == ("errors", 0, 50_000, NOW)
        assert errors.candidate_low is not None
        assert errors.candidate_value is not None
        assert errors.candidate_high is not None
        assert 0 <= errors.candidate_low <= errors.candidate_value <= errors.candidate_high <= 1
        assert latency.baseline_value == pytest.approx(80, rel=0.02)

    def test_the_small_arm_is_known_less_well(self) -> None:
        errors = points(spec(), state(), evidence())[0]
        assert errors.candidate_high - errors.candidate_low > errors.baseline_high - errors.baseline_low

    def test_nothing_known_nothing_drawn(self) -> None:
        assert points(spec(), state(), evidence(missing="closed")) == ()
        assert points(spec(), state(stage=1), evidence(0)) == ()
        assert points(spec(), state(Phase.LEARNING), learning()) == ()
        assert len(points(spec(), state(), evidence(metrics=evidence().metrics[:1]))) == 1

    def test_an_arm_without_requests_has_no_value(self) -> None:
        found = evidence(units=0)
        for p in points(spec(), state(bases=()), found):
            assert (p.candidate_value, p.candidate_low, p.baseline_high) == (None, None, None)

    def test_no_error_yet_is_not_certainty(self) -> None:
        p = points(spec(), state(), evidence(errors=-0.015))[0]
        assert p.candidate_value == 0.0
        assert p.candidate_high is not None
        assert p.candidate_high > 0

    def test_a_share_of_users_counts_users_and_an_amount_has_no_end_at_one(self) -> None:
        buyers = Metric("buyers", "proportion", "higher", of="units", event="order")
        revenue = Metric("revenue", "mean", "higher", value="amount", event="order")
        for metric, events, squares in ((buyers, 300.0, 300.0), (revenue, 12_000.0, 400_000.0)):
            arm = ArmSummary(1000, 1000.0, events, squares, events, 1000.0, 300, 2 * events)
            of = spec(outcomes=(Outcome(metric, Margin("relative", 0.1)),))
            found = evidence(metrics=(*evidence().metrics, MetricEvidence(metric.name, arm, arm)))
            p = points(of, state(), found)[-1]
            assert (p.metric, p.candidate_value) == (metric.name, events / 1000)  # not the 2 x events of `failures`
            assert p.candidate_low < p.candidate_value < p.candidate_high


def test_whom_it_is_for_is_said_in_words() -> None:
    life = ramping()
    assert life.view().audience == ""
    life.spec = replace(life.spec, audience='country == "US" || segment("staff")')
    words = 'only where country is "US" or they are in the segment staff; elsewhere v1, as no evidence'
    assert life.view().audience == words
