import json
from collections.abc import Callable
from dataclasses import replace
from math import inf

from fader.demo.outcome import outcome_of
from fader.demo.tally import Tally
from fader.model.state import Phase
from fader.model.verdict import Reading, Signal
from fader.model.view import RolloutView

Make = Callable[..., RolloutView]

TALLY = Tally(requests=20_000, failed=80, failed_reads=61)


def test_a_rollback_as_one_json_object(view: Make) -> None:
    rolled_back = view(Phase.ROLLED_BACK, stage=0, cause="errors rose from 0.3 % to 3.1 %", seconds=9.4321)
    text = outcome_of(rolled_back, TALLY).json()
    assert "\n" not in text
    assert json.loads(text) == {
        "rollout": "shop-v2",
        "outcome": "rolled_back",
        "stage": "5%",
        "cause": "errors rose from 0.3 % to 3.1 %",
        "units_exposed": 104,
        "units_harmed": 17,
        "seconds_to_decision": 9.4,
        "requests": 20_000,
        "failed_requests": 80,
        "failed_reads": 61,
        "signals": [],
        "readings": [],
    }


def test_signals_and_readings_are_part_of_it(view: Make) -> None:
    told = replace(
        view(Phase.COMPLETED, stage=3),
        signals=(Signal("route", "GET /support", 160, 81, 1.97, 1.4, inf, 9.0, 4.6),),
        readings=(
            Reading("conversion", "v2", "better", 0.4, 0.3, 0.1, 0.03, 0.17, fixed_low=0.06, fixed_high=0.14),
            Reading("revenue", "v2", "unknown", missing="no evidence"),
        ),
    )
    said = json.loads(outcome_of(told, TALLY).json())
    assert said["signals"] == [{"kind": "route", "name": "GET /support", "ratio": 1.97, "low": 1.4, "high": None}]
    assert said["readings"] == [
        {
            "metric": "conversion",
            "effect": 0.1,
            "low": 0.03,
            "high": 0.17,
            "fixed_low": 0.06,
            "fixed_high": 0.14,
            "verdict": "better",
        }
    ]


def test_a_completed_rollout_ended_at_everybody(view: Make) -> None:
    outcome = outcome_of(view(Phase.COMPLETED, stage=3, cause="passed"), TALLY)
    assert (outcome.outcome, outcome.stage) == ("completed", "100%")


def test_the_stage_is_the_one_where_the_plug_was_pulled(view: Make) -> None:
    assert outcome_of(view(Phase.ROLLED_BACK, stage=2), TALLY).stage == "25%"
    assert outcome_of(view(Phase.HELD, stage=1), TALLY).stage == "10%"


def test_an_abort_by_a_person_takes_the_users_back_too(view: Make) -> None:
    outcome = outcome_of(view(Phase.ABORTED, stage=1, cause="aborted by a person"), TALLY)
    assert (outcome.outcome, outcome.cause) == ("rolled_back", "aborted by a person")


def test_what_is_not_decided_is_held_and_says_why(view: Make) -> None:
    outcome = outcome_of(view(Phase.RAMPING, stage=0, headline="5% wait for units", seconds=30.0), TALLY)
    assert (outcome.outcome, outcome.seconds_to_decision) == ("held", 0.0)
    assert outcome.cause == "no decision yet: 5% wait for units"


def test_before_the_first_stage_there_is_none(view: Make) -> None:
    assert outcome_of(view(Phase.LEARNING, stage=-1), TALLY).stage == "learning"
