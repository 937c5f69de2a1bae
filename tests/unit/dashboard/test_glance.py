from dataclasses import replace

import pytest

from dashboard_twin import scenes
from fader.dashboard.glance import glance
from fader.model.view import RolloutView


@pytest.fixture
def view(now: float) -> RolloutView:
    return scenes.experimenting(now).view


def test_guardrails_outcomes_and_signals_share_one_scale(view: RolloutView) -> None:
    drawn = glance(view)
    assert drawn is not None
    assert [r.group for r in drawn.rows] == ["guardrail"] * 2 + ["outcome"] * 2 + ["signal"] * 2
    assert [(at, words) for at, words in drawn.ticks if words] == [(0.0, "÷4"), (50.0, "same"), (100.0, "×4")]


def test_twice_as_many_and_half_as_many_lie_equally_far_from_the_middle(view: RolloutView) -> None:
    more = replace(view.signals[0], ratio=2.0, low=1.6, high=2.5)
    less = replace(more, ratio=0.5, low=0.4, high=0.625)
    drawn = glance(replace(view, judgements=(), readings=(), signals=(more, less)))
    assert drawn is not None
    a, b = drawn.rows
    assert a.estimate - 50 == pytest.approx(50 - b.estimate)
    assert a.low - 50 == pytest.approx(50 - (b.low + b.width), abs=0.02)
    assert (a.words, b.words) == ("+60\u202f% to ×2.5", "\u221260\u202f% to \u221238\u202f%")


def test_small_differences_get_a_small_scale(view: RolloutView) -> None:
    small = replace(view.readings[0], relative=0.01, relative_low=-0.02, relative_high=0.04)
    drawn = glance(replace(view, judgements=(), readings=(small,), signals=()))
    assert drawn is not None
    assert drawn.ticks[-1] == (100.0, "×1.05")
    (row,) = drawn.rows
    assert 50 < row.estimate < row.low + row.width < 100
    assert (row.open_low, row.open_high) == (False, False)


def test_an_interval_without_an_end_is_open(view: RolloutView) -> None:
    endless = replace(view.signals[1], ratio=1e300, low=3.1, high=1e300)
    drawn = glance(replace(view, signals=(endless,)))
    assert drawn is not None
    row = drawn.rows[-1]
    assert row.open_high
    assert row.words == "×3.1 to no limit"
    assert row.low + row.width == pytest.approx(100)


def test_what_has_no_ratio_is_left_out(view: RolloutView, now: float) -> None:
    nothing = tuple(replace(j, baseline_rate=0.0) for j in view.judgements)
    bare = tuple(replace(r, relative=None) for r in view.readings)
    assert glance(replace(view, judgements=nothing, readings=bare, signals=())) is None
    assert glance(scenes.pending(now).view) is None
