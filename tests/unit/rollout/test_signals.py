"""What nobody asked about: shown, holding the ramp where it is declared as harm, pulling the plug where it is new."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.unit.rollout.build import NOW, evidence, spec, state

from fader.model.decision import Step
from fader.model.evidence import NameEvidence
from fader.model.state import Phase
from fader.rollout import explain_signal
from fader.rollout.decide import decide, signals

REFUND = NameEvidence("event", "refund", 60, 200, "lower")
SUPPORT = NameEvidence("route", "GET /support", 80, 760)
QUIET = tuple(NameEvidence("event", f"e{i}", 5, 95) for i in range(20))
TAX = NameEvidence("fingerprint", "KeyError: tax at POST /checkout 500", 9, 0, "lower")


def test_a_difference_without_a_direction_is_shown_and_stops_nothing() -> None:
    d = decide(spec(), state(), evidence(names=(*QUIET, SUPPORT)), NOW)
    assert d.event == "advance"
    assert [(s.kind, s.name, s.harmful) for s in d.signals] == [("route", "GET /support", False)]
    assert explain_signal.signal(spec(), d.signals[0]).startswith("route GET /support: 2 times as many users on v2 (")


def test_a_declared_harm_holds_the_ramp_with_its_evidence() -> None:
    d = decide(spec(), state(), evidence(names=(*QUIET, REFUND)), NOW)
    assert (d.event, len(d.waits)) == ("", 1)
    assert d.waits[0].startswith("event refund goes the wrong way: 5.7 times as many users on v2 (")
    assert "60 users on v2, 200 on v1" in d.waits[0]
    assert "promote goes on in spite of it" in d.waits[0]


def test_the_other_direction_is_no_harm() -> None:
    d = decide(spec(), state(), evidence(names=(replace(REFUND, better="higher"),)), NOW)
    assert (d.event, [s.harmful for s in d.signals]) == ("advance", [False])


@pytest.mark.parametrize("phase", [Phase.RAMPING, Phase.AWAITING, Phase.PAUSED, Phase.HELD])
def test_a_new_error_pulls_the_plug_and_is_named(phase: Phase) -> None:
    d = decide(spec(), state(phase), evidence(names=(TAX,)), NOW)
    assert (d.event, d.state.phase) == ("roll_back", Phase.ROLLED_BACK)
    assert "v2 brought a new error, KeyError: tax at POST /checkout 500: 9 users on v2, 0 on v1" in d.reason
    assert "the chance of this without a change is below 1 in " in d.reason
    assert [(s.name, s.new, s.harmful) for s in d.signals] == [(TAX.name, True, True)], "once, not as a signal too"


def test_or_holds_where_that_was_asked_for() -> None:
    plan = spec(on_harm="hold")
    d = decide(plan, state(), evidence(names=(TAX,)), NOW)
    assert (d.event, d.state.phase) == ("hold", Phase.HELD)
    assert decide(plan, d.state, evidence(names=(TAX,)), NOW + 1).event == ""


def test_an_error_of_both_is_not_new() -> None:
    old = replace(TAX, candidate=5, baseline=95)
    assert decide(spec(), state(), evidence(names=(old,)), NOW).event == "advance"


@pytest.mark.parametrize("change", [{"missing": "closed"}, {"stage": 1}])
def test_names_of_another_stage_or_none_say_nothing(change: dict[str, object]) -> None:
    d = decide(spec(), state(), evidence(names=(TAX, REFUND), **change), NOW)
    assert (d.event, d.signals) == ("", ())


def test_what_has_no_upper_end_can_be_recorded() -> None:
    found = signals(spec(), state(), evidence(names=(TAX,)))
    assert explain_signal.signal(spec(), found[0]) == (
        "error KeyError: tax at POST /checkout 500: on v2 alone (9 users on v2, 0 on v1)"
    )
    step = Step(1, "shop-v2", NOW, spec(), state(), state(), "hold", "because", signals=found)
    assert msgspec.json.decode(msgspec.json.encode(step), type=Step) == step
