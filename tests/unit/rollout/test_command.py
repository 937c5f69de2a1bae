from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.build import NOW, command, evidence, spec, state

from fader.errors import Refused
from fader.model.decision import CommandName
from fader.model.rollout import Stage
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Phase
from fader.rollout.command import allowed, obey
from fader.rollout.decide import decide

NAMES: tuple[CommandName, ...] = get_args(CommandName)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("phase", list(Phase))
def test_every_command_in_every_phase_is_obeyed_or_refused_with_what_is_possible(
    phase: Phase, name: CommandName
) -> None:
    before, asked = state(phase), command(name, reason="because")
    if name in allowed(before):
        d = obey(spec(), before, asked, NOW)
        assert d.state.revision == before.revision + 1
        assert d.event.startswith(name)
        assert d.actions == ("publish", "notify")
        assert d.state.cause == d.reason
        assert (d.wake_at == NOW + 1) == (d.state.phase in ACTIVE)
    else:
        with pytest.raises(Refused, match="possible: ") as refusal:
            obey(spec(), before, asked, NOW)
        assert all(n in str(refusal.value) for n in allowed(before))


def test_start_learns_first() -> None:
    d = obey(spec(), state(Phase.PENDING), command("start"), NOW)
    assert (d.state.phase, d.state.stage, d.state.share) == (Phase.LEARNING, -1, 0)
    assert (d.state.started_at, d.state.stage_since) == (NOW, NOW)


@pytest.mark.parametrize(("name", "phase"), [("start", Phase.PENDING), ("retry", Phase.ROLLED_BACK)])
def test_a_second_rollout_of_a_service_is_refused_and_names_the_first(name: CommandName, phase: Phase) -> None:
    with pytest.raises(Refused, match="shop-v9 is active on shop"):
        obey(spec(), state(phase), command(name, active="shop-v9"), NOW)
    assert obey(spec(), state(phase), command(name, active="shop-v2"), NOW).event == name


class TestRetry:
    def test_those_who_had_it_come_last(self) -> None:
        before = state(Phase.ROLLED_BACK, stage=2, start=900_000)
        d = obey(spec(), before, command("retry"), NOW)
        assert (d.state.start, d.state.attempt) == ((900_000 + 250_000) % WHOLE, 2)
        assert (d.state.stage, d.state.share, d.state.bases, d.state.ended_at) == (-1, 0, (), 0.0)
        assert "come last" in d.reason

    def test_or_first_if_asked(self) -> None:
        d = obey(spec(), state(Phase.ABORTED, stage=2, start=7), command("retry", same_units=True), NOW)
        assert d.state.start == 7

    def test_nobody_had_it(self) -> None:
        d = obey(spec(), state(Phase.ABORTED, stage=-1, start=7), command("retry"), NOW)
        assert d.state.start == 7

    def test_a_shorter_plan_than_last_time(self) -> None:
        short = spec(stages=(Stage(100_000, 1.0), Stage(WHOLE, 0.0)))
        assert obey(short, state(Phase.ABORTED, stage=4), command("retry"), NOW).state.start == 0


class TestPause:
    @pytest.mark.parametrize("phase", [Phase.LEARNING, Phase.RAMPING, Phase.AWAITING])
    def test_resume_goes_back_to_where_it_was(self, phase: Phase) -> None:
        paused = obey(spec(), state(phase), command("pause"), NOW).state
        assert (paused.phase, paused.share) == (Phase.PAUSED, state(phase).share)
        resumed = obey(spec(), paused, command("resume"), NOW + 5).state
        assert (resumed.phase, resumed.share, resumed.stage) == (phase, state(phase).share, state(phase).stage)
        assert resumed.stage_since == NOW + 5
        assert resumed.resume_to is None

    def test_nothing_advances_meanwhile(self) -> None:
        assert decide(spec(), state(Phase.PAUSED), evidence(), NOW).event == ""

    def test_a_hold_goes_back_to_the_ramp(self) -> None:
        assert obey(spec(), state(Phase.HELD), command("resume"), NOW).state.phase is Phase.RAMPING


class TestApprove:
    def test_the_next_stage(self) -> None:
        d = obey(spec(), state(Phase.AWAITING), command("approve"), NOW)
        assert (d.event, d.state.phase, d.state.stage, d.state.share) == ("approve", Phase.RAMPING, 1, 100_000)

    def test_the_last(self) -> None:
        d = obey(spec(), state(Phase.AWAITING, stage=3), command("approve"), NOW)
        assert (d.event, d.state.phase, d.state.share) == ("approve_complete", Phase.COMPLETED, WHOLE)
        assert d.state.ended_at == NOW


class TestPromote:
    @pytest.mark.parametrize("phase", [Phase.RAMPING, Phase.AWAITING, Phase.PAUSED, Phase.HELD])
    def test_the_next_stage_unproven(self, phase: Phase) -> None:
        d = obey(spec(), state(phase, stage=1), command("promote", reason="hotfix"), NOW)
        assert (d.event, d.state.phase, d.state.share) == ("promote", Phase.RAMPING, 250_000)
        assert "without proof" in d.reason
        assert "hotfix" in d.reason

    def test_needs_a_reason(self) -> None:
        with pytest.raises(Refused, match="say why"):
            obey(spec(), state(), command("promote", reason="  "), NOW)

    def test_needs_a_stage(self) -> None:
        with pytest.raises(Refused, match="no stage yet"):
            obey(spec(), state(Phase.PAUSED, stage=-1), command("promote", reason="x"), NOW)

    def test_from_the_last_stage_completes(self) -> None:
        d = obey(spec(), state(stage=3), command("promote", reason="x"), NOW)
        assert (d.event, d.state.phase) == ("promote_complete", Phase.COMPLETED)


class TestAbort:
    @pytest.mark.parametrize("phase", sorted(ACTIVE))
    def test_nobody_has_the_candidate(self, phase: Phase) -> None:
        d = obey(spec(), state(phase), command("abort"), NOW)
        assert (d.state.phase, d.state.share, d.state.ended_at) == (Phase.ABORTED, 0, NOW)

    def test_after_completion_it_goes_back(self) -> None:
        d = obey(spec(), state(Phase.COMPLETED), command("abort", reason="tax bug"), NOW)
        assert d.state.phase is Phase.ABORTED
        assert d.reason == "shop-v2 goes back to v1 (tax bug): everybody has v1"


@given(
    st.lists(st.sampled_from([*NAMES, "tick", "bad tick"]), max_size=40),
    st.sampled_from(["rollback", "hold"]),
)
def test_no_walk_leaves_the_plan(words: list[str], on_harm: str) -> None:
    """Whatever is asked in whatever order: the share is the stage's or nothing, and the interval starts in range."""
    plan, now = spec(on_harm=on_harm), NOW
    at = state(Phase.PENDING, revision=0)
    for word in words:
        now += 60
        before = at
        if word in ("tick", "bad tick"):
            found = evidence(max(0, min(at.stage, 3)), errors=0.15 if word == "bad tick" else 0.0)
            found = replace(found, stage=at.stage, gateway=replace(found.gateway, reported_at=now))
            at = decide(plan, at, found, now).state
        else:
            try:
                at = obey(plan, at, command(word, reason="r"), now).state
            except Refused:
                continue
        ramped = at.phase in ACTIVE | {Phase.COMPLETED} and at.stage >= 0
        assert at.share == (plan.stages[at.stage].share if ramped else 0)
        assert 0 <= at.start < WHOLE
        if at.attempt == before.attempt:
            assert at.start == before.start, "nobody is taken back by a ramp"
