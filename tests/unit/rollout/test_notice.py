"""What is told of a step, and in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from fader.model.channel import Occasion
from fader.model.decision import Command, Step
from fader.model.rollout import RolloutSpec, Stage
from fader.model.state import Phase, RolloutState
from fader.rollout.notice import notice, occasion, trial
from fader.rollout.transitions import TABLE

SPEC = RolloutSpec("shop-v2", "shop", "v1", "v2", (Stage(50_000, 600.0), Stage(1_000_000, 0.0)), ())


def step(event: str, before: Phase, after: Phase) -> Step:
    states = (
        RolloutState("shop-v2", p, revision=3, stage=0, share=50_000, cause="because errors rose")
        for p in (before, after)
    )
    return Step(
        4,
        "shop-v2",
        1_764_000_000.25,
        SPEC,
        *states,
        event,
        "v3 was taken out",
        "ann",
        Command("abort", "ann", "enough"),
    )


@pytest.mark.parametrize(
    ("event", "before", "after", "told"),
    [
        ("start", Phase.PENDING, Phase.LEARNING, "started"),
        ("retry", Phase.ROLLED_BACK, Phase.LEARNING, "started"),
        ("learned", Phase.LEARNING, Phase.RAMPING, None),
        ("advance", Phase.RAMPING, Phase.RAMPING, None),
        ("pause", Phase.RAMPING, Phase.PAUSED, None),
        ("ask", Phase.RAMPING, Phase.AWAITING, "waiting"),
        ("hold", Phase.RAMPING, Phase.HELD, "held"),
        ("withdraw", Phase.HELD, Phase.HELD, "withdrawn"),
        ("roll_back", Phase.HELD, Phase.ROLLED_BACK, "rolled_back"),
        ("abort", Phase.COMPLETED, Phase.ABORTED, "aborted"),
        ("promote_complete", Phase.PAUSED, Phase.COMPLETED, "completed"),
    ],
)
def test_which_steps_are_told(event: str, before: Phase, after: Phase, told: str | None) -> None:
    assert occasion(step(event, before, after)) == told
    found = notice(step(event, before, after))
    assert (found.kind if found else None) == told


def test_every_occasion_occurs() -> None:
    every = {occasion(step(event, before, after)) for before, row in TABLE.items() for event, after in row.items()}
    assert every - {None} == set(get_args(Occasion))


def test_the_words_are_those_of_every_surface() -> None:
    held = notice(step("hold", Phase.RAMPING, Phase.HELD))
    assert held
    assert held.sentence == "because errors rose"
    assert held.needs == "fader stopped here and 5 % of users keep v2: resume or abort"
    assert (held.id, held.actor, held.said) == ("shop-v2-4-1764000000250", "ann", "enough")
    withdrawn = notice(step("withdraw", Phase.RAMPING, Phase.RAMPING))
    assert withdrawn
    assert withdrawn.sentence == "v3 was taken out"


def test_a_test_says_that_it_is_one() -> None:
    assert trial("oncall", "", 1.0).sentence == (
        "this is a test of the channel oncall, sent by somebody: nothing has happened"
    )


def test_of_a_flag_it_names_the_flag() -> None:
    of = replace(SPEC, name="new-form", flag="checkout", baseline="off", candidate="on")
    told = notice(replace(step("start", Phase.PENDING, Phase.LEARNING), rollout="new-form", spec=of))
    assert told is not None
    assert (told.flag, told.service, told.baseline, told.candidate) == ("checkout", "shop", "off", "on")
    assert told.sentence == "new-form learns what is normal on checkout=off; nobody has checkout=on yet"
