from dataclasses import replace

from dashboard_twin import scenes
from fader.dashboard.outcomes import experiment_line, outcome_lines
from fader.model.state import Phase
from fader.model.verdict import Judgement, Verdict


def test_an_outcome_shows_its_effect_in_its_own_unit(now: float) -> None:
    conversion, revenue = outcome_lines(scenes.experimenting(now).view)
    assert (conversion.candidate, conversion.baseline) == ("30.9\u202f%", "30.2\u202f%")
    assert (conversion.effect, conversion.interval) == ("+0.73\u00a0pp", "\u22120.41 to +1.9\u00a0pp")
    assert (revenue.effect, revenue.interval) == ("\u22120.39\u00a0EUR", "\u22121.24 to +0.46\u00a0EUR")
    assert (revenue.relative, revenue.relative_interval) == ("\u22123.2\u202f%", "\u22129.9\u202f% to +3.9\u202f%")
    assert revenue.title == "amount of order per user"


def test_what_is_tolerated_of_a_fall_lies_left_of_zero(now: float) -> None:
    conversion, _ = outcome_lines(scenes.experimenting(now).view)
    assert conversion.forest is not None
    assert conversion.forest.margin is not None
    assert conversion.forest.margin < conversion.forest.zero < conversion.forest.estimate


def test_the_tighter_interval_lies_inside_the_other(now: float) -> None:
    line = outcome_lines(scenes.experimented(now).view)[0]
    assert line.forest is not None
    assert line.forest.inner is not None
    low, width = line.forest.inner
    assert line.forest.low < low < line.forest.estimate < low + width < line.forest.low + line.forest.width


def test_an_outcome_without_a_reading_is_unknown_and_says_so(now: float) -> None:
    view = replace(scenes.experimenting(now).view, readings=())
    assert [(o.reading.verdict, o.reading.missing, o.forest) for o in outcome_lines(view)] == [
        ("unknown", "Not read yet.", None)
    ] * 2


def test_a_relative_effect_that_cannot_be_said_is_left_out(now: float) -> None:
    view = scenes.experimenting(now).view
    bare = replace(view.readings[0], relative=None, relative_low=None, relative_high=None)
    line = outcome_lines(replace(view, readings=(bare,)))[0]
    assert (line.relative, line.relative_interval) == ("", "")


def test_every_arm_has_its_line(now: float) -> None:
    view = scenes.experimenting(now).view
    arms = tuple(replace(view.readings[0], arm=arm) for arm in ("v2", "v3"))
    assert [o.reading.arm for o in outcome_lines(replace(view, readings=arms))][:2] == ["v2", "v3"]


def test_an_outcome_that_does_harm_is_called_harmful(now: float) -> None:
    assert [o.harmful for o in outcome_lines(scenes.sells_less(now).view)] == [True]
    assert [o.harmful for o in outcome_lines(scenes.experimenting(now).view)] == [False, False]


def test_an_experiment_counts_both_arms_against_its_plan(now: float) -> None:
    line = experiment_line(scenes.experimenting(now).view)
    assert line is not None
    assert (line.seen, line.part) == (49_792, 81)
    assert (line.smallest, line.reachable, line.baseline) == ("0.60\u00a0pp", "0.51\u00a0pp", "30.2\u202f%")
    assert line.ends == now - 12.4 * 86_400 + 14 * 86_400


def test_an_experiment_that_is_over_or_has_not_begun_promises_no_time(now: float) -> None:
    view = scenes.experimenting(now).view
    ahead = replace(view, stages=tuple(replace(s, since=0.0) for s in view.stages))
    over = replace(view, state=replace(view.state, phase=Phase.ROLLED_BACK))
    lines = [experiment_line(v) for v in (ahead, over, scenes.experimented(now).view)]
    assert [line.ends for line in lines if line] == [0.0, 0.0, 0.0]
    assert lines[0] is not None
    assert lines[0].seen == 0


def test_an_experiment_without_a_plan_says_so(now: float) -> None:
    view = scenes.experimenting(now).view
    line = experiment_line(replace(view, state=replace(view.state, plan=None)))
    assert line is not None
    assert (line.plan, line.smallest, line.part) == (None, "", 0)
    assert experiment_line(scenes.ramping(now).view) is None


def test_harm_of_a_further_arm_is_its_own(now: float) -> None:
    view = scenes.experimenting(now).view
    harmful = Judgement("conversion", Verdict.HARMFUL, arm="v3")
    readings = (view.readings[0], replace(view.readings[0], arm="v3"))
    lines = outcome_lines(replace(view, readings=readings, arm_judgements=(harmful,)))
    assert [(o.reading.arm, o.harmful) for o in lines][:2] == [("v2", False), ("v3", True)]
