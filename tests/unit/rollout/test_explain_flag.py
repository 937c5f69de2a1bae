"""What is said of a rollout that moves a flag: variants with their flag, and no word of versions or the gateway."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import BUYERS, NOW, spec, state

from fader.model.evidence import LearningEvidence
from fader.model.state import Phase
from fader.model.verdict import Judgement, Reading, Signal, Verdict
from fader.rollout import explain, explain_health, explain_outcome, explain_signal

FORM = spec(name="new-form", flag="checkout", baseline="off", candidate="on", outcomes=(BUYERS,))
ALONE = replace(FORM, service="")
SLOWER = Judgement("latency", Verdict.HARMFUL, candidate_rate=0.12, baseline_rate=0.05, rise=0.07, log_e_harm=7.0)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (Phase.PENDING, "new-form has not started: everybody has checkout=off"),
        (Phase.LEARNING, "new-form learns what is normal on checkout=off; nobody has checkout=on yet"),
        (Phase.RAMPING, "new-form: 5 % of users have checkout=on, for 60 s"),
        (Phase.COMPLETED, "new-form is completed: everybody has checkout=on"),
    ],
)
def test_the_state_of_things(phase: Phase, said: str) -> None:
    assert explain.headline(FORM, state(phase), NOW) == said


def test_harm() -> None:
    errors = Judgement("errors", Verdict.HARMFUL, 0.08, 0.003, 0.077, candidate_units=30, baseline_units=570)
    text = explain.finding(FORM, replace(errors, candidate_first=9, baseline_first=2))
    assert text.endswith("(9 of 30 users on checkout=on had one, 2 of 570 on checkout=off)")


def test_a_quantile_that_is_known_by_what_is_slower_alone() -> None:
    """Of a flag the requests are summed by unit, and no duration is kept."""
    assert explain.finding(FORM, SLOWER) == (
        "latency rose: 12 % of requests of users with checkout=on lie above what checkout=off had learnt as its p95, "
        "5 % of those of users with checkout=off"
    )
    text = explain.advanced(FORM, state(), 100_000, (SLOWER,))
    assert text.startswith("checkout=on goes from 5 % to 10 % of users: latency proven less than")
    assert text.endswith("worse (12 % against 5 % slower than learnt)")


def test_learning() -> None:
    wait = explain.waits_learning(ALONE, "conversion", 0, 0, 12, 50)
    assert wait == "conversion: checkout=off is being learnt, 12 of 50 users seen"
    told = explain.learned(ALONE, (LearningEvidence("conversion", requests=0, units=60),), 50_000)
    assert told == "checkout=off is learnt from 60 users; checkout=on goes to 5 % of users"


def test_the_data() -> None:
    assert "something treats the two variants differently" in explain_health.mismatch(FORM, (9, 1), (50_000, 950_000))
    with_service, alone = (explain_health.crossed(of, 30, 100) for of in (FORM, ALONE))
    assert "30 of 100 users were seen on both variants" in with_service
    assert with_service.endswith("Let the app and the gateway take the unit from the same place")
    assert "gateway" not in alone
    assert "another id than the flag is asked for with" in explain_health.unexposed(ALONE, 30, 100)


def test_readings_and_signals() -> None:
    read = Reading("conversion", "on", "worse", 0.2, 0.3, -0.1, -0.17, -0.03, 0.01)
    said = explain_outcome.reading(FORM, state(), read, NOW)
    assert "20 % of users on checkout=on against 30 % on checkout=off" in said
    found = Signal("fingerprint", "500 POST /order", 4, 0, 1e300, 0.7, 1e300, 8.0, 4.6, True, True)
    fresh = explain_signal.fresh(FORM, found)
    assert fresh.startswith(
        "checkout=on brought a new error, 500 POST /order: 4 users on checkout=on, 0 on checkout=off"
    )
