"""How a holdout is followed, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fader.model.evidence import HealthEvidence, LearningEvidence, MetricEvidence
from fader.model.holdout import Holdout, HoldoutState, Measured
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Outcome
from fader.model.share import Draw, Interval
from fader.model.summary import ArmSummary, Histogram
from fader.rollout.holdout import cell, follow, threshold, unlearnt, view
from fader.rollout.plan import PAST
from fader.stats.histogram import value_of

TEN = Margin("relative", 0.1)
ERRORS = Outcome(Metric("errors", "proportion", where=(Comparison("status", ">=", 500),)), TEN)
SALES = Outcome(Metric("sales", "proportion", "higher", of="units", event="order"), TEN)
SLOW = Outcome(Metric("latency", "quantile", value="duration_ms", q=0.95), TEN)
DRAW = Draw("holdout/q4", Interval(0, 100_000))
Q4 = Holdout("q4", DRAW, metrics=(ERRORS, SALES))
BEGUN = HoldoutState("q4", DRAW, 1, 1000.0, measured=(Measured(ERRORS, 0, 1000.0), Measured(SALES, 1, 1000.0)))
DAY = 86_400.0


def test_it_begins_when_it_is_first_seen_and_following_again_changes_nothing() -> None:
    assert follow(None, Q4, {}, 1000.0) == BEGUN
    assert follow(BEGUN, Q4, {}, 2000.0) == BEGUN


def test_a_metric_that_comes_later_is_measured_since_then() -> None:
    state = follow(BEGUN, replace(Q4, metrics=(ERRORS, SALES, SLOW)), {"latency": 120.0}, 2000.0)
    assert state == replace(BEGUN, measured=(*BEGUN.measured, Measured(SLOW, 2, 2000.0, threshold=120.0)))


def test_a_metric_whose_rollout_left_the_file_goes_on() -> None:
    assert follow(BEGUN, replace(Q4, metrics=()), {}, 2000.0) == BEGUN


def test_a_metric_with_another_definition_begins_anew_and_another_tolerance_does_not() -> None:
    other = Outcome(replace(ERRORS.metric, where=()), TEN)
    state = follow(BEGUN, replace(Q4, metrics=(other,)), {}, 2000.0)
    assert state is not None
    assert state.measured == (
        replace(BEGUN.measured[0], until=2000.0),
        BEGUN.measured[1],
        Measured(other, 2, 2000.0),
    )
    strict = replace(ERRORS, tolerate=Margin("relative", 0.01))
    state = follow(BEGUN, replace(Q4, metrics=(strict,)), {}, 2000.0)
    assert state == replace(BEGUN, measured=(Measured(strict, 0, 1000.0), BEGUN.measured[1]))


def test_a_quantile_waits_until_its_value_is_learnt() -> None:
    wanted = replace(Q4, metrics=(SLOW,))
    state = follow(None, wanted, {"latency": 0.0}, 1000.0)
    assert state == HoldoutState("q4", DRAW, 1, 1000.0)
    assert unlearnt(state, wanted) == (SLOW,)
    state = follow(state, wanted, {"latency": 80.0}, 1060.0)
    assert state is not None
    assert state.measured == (Measured(SLOW, 0, 1060.0, threshold=80.0),)
    assert unlearnt(state, wanted) == ()


def test_its_value_is_that_of_all_services_together() -> None:
    def seen(requests: int, units: int, index: int) -> LearningEvidence:
        return LearningEvidence("latency", requests, units, values=Histogram((index,), (requests,)))

    parts = [seen(390, 40, 10), seen(20, 40, 90)]
    assert threshold(SLOW.metric, parts) == value_of(10)
    assert threshold(SLOW.metric, [parts[0]]) == 0.0
    assert threshold(SLOW.metric, [seen(1000, 49, 10)]) == 0.0
    assert threshold(SLOW.metric, [replace(p, metric="other") for p in parts]) == 0.0


@pytest.mark.parametrize("wanted", [None, replace(Q4, draw=Draw("holdout/q4", Interval(0, 200_000)))])
def test_it_ends_when_it_leaves_the_file_or_is_drawn_otherwise(wanted: Holdout | None) -> None:
    assert follow(BEGUN, wanted, {}, 3000.0) == replace(BEGUN, until=3000.0)
    assert follow(None, None, {}, 3000.0) is None


def test_one_that_comes_back_is_another_attempt() -> None:
    ended = replace(BEGUN, until=3000.0)
    assert follow(ended, None, {}, 4000.0) == ended
    state = follow(ended, Q4, {}, 4000.0)
    assert state is not None
    assert (state.attempt, state.since, state.until) == (2, 4000.0, 0.0)
    assert {m.since for m in state.measured} == {4000.0}


def test_its_cells_are_of_the_draw_and_of_one_metric_each() -> None:
    made = cell(BEGUN, BEGUN.measured[1])
    assert made.key == ("holdout/q4", 1, 1)
    assert (made.draw, made.since, made.until) == (DRAW, 1000.0, 0.0)
    assert [m.metric for m in made.metrics] == [SALES.metric]
    assert cell(replace(BEGUN, until=3000.0), BEGUN.measured[1]).until == 3000.0
    assert cell(BEGUN, replace(BEGUN.measured[1], until=2000.0)).until == 2000.0


def test_what_units_did_before_is_a_covariate_as_long_as_no_rollout_can_have_moved_it() -> None:
    assert cell(BEGUN, BEGUN.measured[0]).past == 1000.0 - PAST
    assert cell(BEGUN, replace(BEGUN.measured[0], since=2000.0)).past == 0.0
    assert cell(replace(BEGUN, attempt=2), BEGUN.measured[0]).past == 0.0


def share(units: int, had: int) -> ArmSummary:
    return ArmSummary(units, units, had, had, had, units, first=had, failures=had)


def read(others: ArmSummary, held: ArmSummary, wanted: Holdout = Q4, state: HoldoutState = BEGUN) -> tuple[str, ...]:
    """The headline, and the sentences of sales and of what follows it."""
    health = HealthEvidence(others.units, held.units)
    made = view(state, wanted, {1: MetricEvidence("sales", others, held)}, health, state.since + 12 * DAY)
    return made.headline, *(r.sentence for r in made.readings[1:])


def test_the_difference_is_that_of_the_others_to_those_held_out() -> None:
    headline, sales = read(share(90_000, 18_000), share(10_000, 1_500))
    assert headline == (
        "q4 holds 10 % of users out of every rollout, for 12 days now: 10,000 users held out against 90,000 others"
    )
    assert sales == (
        "sales is better without the holdout: 20 % of users against 15 % of those held out, a difference of +5 pp, "
        "between +3.4 pp and +6.6 pp (99 % sure at every look)"
    )


def test_what_got_worse_is_said() -> None:
    assert (
        "sales is worse without the holdout: 15 % of users against 20 %"
        in read(share(90_000, 13_500), share(10_000, 2_000))[1]
    )


def test_an_ended_one_says_how_long_it_held() -> None:
    ended = replace(BEGUN, until=1000.0 + 90 * DAY, rollouts=("form", "price"))
    headline, sales = read(share(90_000, 18_000), share(10_000, 1_500), state=ended)
    assert headline.startswith("q4 held 10 % of users out of form, price, for 90 days: 10,000 users")
    assert "better" in sales


@pytest.mark.parametrize(
    ("others", "held", "why"),
    [
        (ArmSummary(), ArmSummary(), "no user with it was seen yet"),
        (share(400, 200), ArmSummary(), "nobody held out was seen with it yet"),
        (ArmSummary(), share(40, 20), "nobody but those held out was seen with it yet"),
        (share(441, 300), share(49, 30), "49 users on one side are too few, at least 50 are needed"),
        (
            share(9000, 179),
            share(1000, 20),
            "it occurred to 199 users so far, and so small a share needs at least 200 of them",
        ),
    ],
)
def test_too_little_is_unknown(others: ArmSummary, held: ArmSummary, why: str) -> None:
    made = view(BEGUN, Q4, {1: MetricEvidence("sales", others, held)}, HealthEvidence(), 2000.0)
    assert made.readings[1].sentence == f"sales is unknown: {why}"
    assert made.readings[1].reading.verdict == "unknown"


def test_as_much_as_is_needed_is_read() -> None:
    assert "unknown" not in read(share(9000, 180), share(1000, 20))[1]


def test_what_was_not_summed_or_learnt_is_unknown() -> None:
    made = view(BEGUN, replace(Q4, metrics=(ERRORS, SALES, SLOW)), {}, HealthEvidence(), 2000.0)
    assert [r.sentence for r in made.readings] == [
        "errors is unknown: nothing is summed of it yet",
        "sales is unknown: nothing is summed of it yet",
        "latency is unknown: what a usual value is at p95 is still being learnt",
    ]
    assert [r.since for r in made.readings] == [1000.0, 1000.0, 0.0]
    assert made.headline.endswith("for 17 min now: no user was seen yet")


def test_a_quantile_is_the_share_above_what_it_was() -> None:
    state = replace(BEGUN, measured=(Measured(SLOW, 0, 1000.0, threshold=120.0),))
    arms = [
        ArmSummary(k, 10.0 * k, y, 2 * y, 10 * y, 100.0 * k, first=int(y)) for k, y in ((9000, 9000.0), (1000, 500.0))
    ]
    made = view(state, None, {0: MetricEvidence("latency", *arms)}, HealthEvidence(9000, 1000), 2000.0)
    assert made.readings[0].sentence.startswith(
        "latency is worse without the holdout: 5 pp more of it lies above 120 ms, its p95 when it was first measured"
    )


def test_when_the_slice_is_not_its_share_nothing_is_read() -> None:
    others, held = share(90_000, 18_000), share(9_000, 1_350)
    made = view(BEGUN, Q4, {1: MetricEvidence("sales", others, held)}, HealthEvidence(90_000, 9_000), 2000.0)
    assert made.mismatch
    assert {r.reading.verdict for r in made.readings} == {"unknown"}
    assert "9,000 of 99,000 users are held out, which is not 10 % of them" in made.readings[1].sentence
    sound = view(BEGUN, Q4, {1: MetricEvidence("sales", others, held)}, HealthEvidence(90_300, 10_000), 2000.0)
    assert not sound.mismatch
