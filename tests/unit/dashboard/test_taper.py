from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboard_twin import scenes
from fader.dashboard.digits import share
from fader.dashboard.taper import ROOM, picture, position
from fader.model.share import WHOLE
from fader.model.view import ArmView, StageView


@given(st.integers(0, WHOLE), st.integers(0, WHOLE))
def test_more_share_never_stands_further_left(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert 0 <= position(low) <= position(high) <= 100


def test_nobody_stands_at_the_left_end_and_everybody_at_the_right() -> None:
    assert (position(0), position(250_000), position(WHOLE)) == (0, 50, 100)


def test_the_cap_stands_where_the_share_is(now: float) -> None:
    shown = picture(scenes.ramping(now).view)
    assert (shown.at, shown.candidate, shown.baseline, shown.pulled) == (50, "25\u202f%", "75\u202f%", None)
    assert [m.status for m in shown.marks] == ["passed", "passed", "current", "ahead", "ahead"]


def test_a_pulled_plug_leaves_a_mark_where_it_was_pulled(now: float) -> None:
    shown = picture(scenes.rolled_back(now).view)
    assert (shown.at, shown.candidate) == (0, "0\u202f%")
    assert shown.pulled == position(50_000)


@given(st.lists(st.integers(1, WHOLE), min_size=1, max_size=30, unique=True))
def test_labels_never_touch_and_the_current_stage_has_one(shares: list[int]) -> None:
    shares.sort()
    stages = tuple(
        StageView(i, s, 60.0, "auto", "current" if i == len(shares) // 2 else "ahead") for i, s in enumerate(shares)
    )
    marks = picture(replace(scenes.ramping(0.0).view, stages=stages)).marks
    assert len(marks) == len(shares)
    assert marks[len(shares) // 2].label
    labelled = sorted(m.at for m in marks if m.label)
    assert all(b - a >= ROOM for a, b in pairwise(labelled) if a != b)


def test_further_arms_stand_beside_and_the_rest_is_the_baselines(now: float) -> None:
    whole = scenes.experimenting(now).view
    arms = (
        ArmView("v3", 200_000, "running", 10, "v3 runs"),
        ArmView("v4", 0, "withdrawn", 10, "v4 was taken out"),
    )
    trial = replace(whole.spec.experiment, share=200_000, beside=("v3", "v4"))
    state = replace(whole.state, share=200_000)
    shown = picture(replace(whole, spec=replace(whole.spec, experiment=trial), state=state, arms=arms))
    assert shown.arms == (("v3", share(200_000)),)
    assert (shown.candidate, shown.baseline) == (share(200_000), share(600_000))
    assert f"{share(200_000)} have v3, the others have {whole.baseline}." in shown.label
