"""Which answers of rollouts are told: each once a while, and again when a share has moved."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fader.assign.exposed import AGAIN, SETTLED, Exposed
from fader.model.evaluation import Evaluation
from fader.model.flag import Flag, Move, Variant
from fader.model.share import Interval

MOVE = Move("new-form", "on", "checkout/new-form", Interval(0, 50_000))
FLAG = Flag("checkout", "boolean", (Variant("on", True), Variant("off", False)), "off", "off", move=MOVE)
ON = Evaluation("checkout", True, "on", "SPLIT", rollout="new-form")


def wider(flag: Flag) -> Flag:
    return replace(flag, move=replace(MOVE, interval=Interval(0, 100_000)))


def test_an_answer_is_told_once_and_again_after_a_while() -> None:
    exposed = Exposed()
    exposed.follow((FLAG,), 0.0)
    later = SETTLED + 1
    assert exposed.new(ON, "ann", later)
    assert not exposed.new(ON, "ann", later + AGAIN - 2)
    assert exposed.new(ON, "bob", later)
    assert exposed.new(replace(ON, variant="off"), "ann", later)
    assert exposed.new(ON, "ann", later + AGAIN)


def test_when_a_share_has_moved_everybody_is_told_again_once_it_has_settled() -> None:
    exposed = Exposed()
    exposed.follow((FLAG,), 0.0)
    assert exposed.new(ON, "ann", 10.0)
    exposed.follow((wider(FLAG),), 20.0)
    assert not exposed.new(ON, "ann", 20.1), "the stage has not begun, and would not count it"
    assert exposed.new(ON, "ann", 20.0 + SETTLED)
    assert not exposed.new(ON, "ann", 21.0 + SETTLED)


def test_another_change_of_the_ruleset_tells_nobody_again() -> None:
    exposed = Exposed()
    exposed.follow((FLAG,), 0.0)
    assert exposed.new(ON, "ann", 10.0)
    exposed.follow((replace(FLAG, owner="ann"),), 20.0)
    assert not exposed.new(ON, "ann", 20.0 + SETTLED)


@given(st.lists(st.integers(0, 30), max_size=200), st.integers(1, 10))
def test_memory_is_bounded_and_nobody_is_hidden_for_ever(units: list[int], most: int) -> None:
    exposed = Exposed(most)
    told = [exposed.new(ON, str(unit), 0.0) for unit in units]
    for i, unit in enumerate(units):
        others = set(units[:i])
        if unit not in others:
            assert told[i]
        elif len(others) <= max(1, most // 2):
            assert not told[i], "as long as there is room"
