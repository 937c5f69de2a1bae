"""What a unit has and had."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.build import spec, state

from fader.assign.bucket import bucket
from fader.model.arm import Arm
from fader.model.assignment import Stay
from fader.model.flag import Flag, Forced, Move, Variant
from fader.model.holding import Holding
from fader.model.rollout import Experiment
from fader.model.ruleset import LiveService, Split
from fader.model.service import Address, Service, Version
from fader.model.share import WHOLE, Interval
from fader.model.state import Phase, Withdrawal
from fader.rollout.assignment import looked_up, stays

SHOP = Service("shop", Address("localhost", 1), (), tuple(Version(v, ()) for v in ("v1", "v2", "v3")), "v1")
V2, V3 = spec(), spec(name="shop-v3", baseline="v2", candidate="v3")
UNIT = "user-42"
B2, B3 = bucket(UNIT, V2.salt), bucket(UNIT, V3.salt)


def held(rollout: str, attempt: int, at: float, start: int, width: int) -> Holding:
    return Holding(rollout, attempt, at, Interval(start % WHOLE, width))


def live(baseline: str = "v1", split: Split | None = None) -> LiveService:
    return LiveService(SHOP, baseline, split)


def split(start: int, width: int) -> Split:
    return Split("shop-v2", "v2", V2.salt, Interval(start % WHOLE, width), "connect", "secret")


def test_without_a_rollout_everybody_has_the_baseline() -> None:
    [found] = looked_up(UNIT, [live()], [], []).assignments
    assert (found.version, found.since, found.bucket) == ("v1", 0.0, None)
    assert found.reason == "no rollout is active on shop: everybody has v1"


def test_inside_the_interval_the_unit_has_the_candidate_since_the_stage_that_reached_it() -> None:
    holdings = [
        held("shop-v2", 1, 10.0, B2 + 5, 10),
        held("shop-v2", 1, 20.0, B2 - 5, 20),
        held("shop-v2", 1, 30.0, B2 - 5, 40),
    ]
    view = looked_up(UNIT, [live(split=split(B2 - 5, 40))], [(V2, state(Phase.RAMPING))], holdings)
    [found] = view.assignments
    assert (found.version, found.rollout, found.bucket, found.since) == ("v2", "shop-v2", B2, 20.0)
    assert "among the 0.004 % of users" in found.reason
    assert view.stays == ()


def test_outside_of_it_and_before_the_first_stage_it_has_the_baseline() -> None:
    outside = looked_up(UNIT, [live(split=split(B2 + 1, 9))], [(V2, state(Phase.RAMPING))], []).assignments[0]
    assert (outside.version, outside.bucket, outside.since) == ("v1", B2, 0.0)
    assert "outside" in outside.reason
    learning = looked_up(UNIT, [live(split=split(B2, 0))], [(V2, state(Phase.LEARNING))], []).assignments[0]
    assert (learning.version, learning.reason) == ("v1", "shop-v2 has given v2 to nobody yet")


def test_what_was_taken_back_is_told_and_the_baseline_counts_from_then() -> None:
    holdings = [
        held("shop-v2", 1, 10.0, B2, 10),
        held("shop-v2", 1, 30.0, B2, 0),
        held("shop-v2", 2, 50.0, B2 + 10, 10),
    ]
    view = looked_up(UNIT, [live(split=split(B2 + 10, 10))], [(V2, state(Phase.RAMPING, attempt=2))], holdings)
    assert view.stays == (Stay("shop-v2", "shop", "v2", 1, B2, 10.0, 30.0),)
    assert (view.assignments[0].version, view.assignments[0].since) == ("v1", 30.0)


def test_a_completed_candidate_is_the_baseline_since_the_unit_got_it() -> None:
    """It had v2 early, then v3 for a while, and has v2 again since v3 was pulled."""
    completed = [held("shop-v2", 1, 10.0, B2, 10), held("shop-v2", 1, 20.0, 0, WHOLE)]
    pulled = [held("shop-v3", 1, 40.0, B3, 10), held("shop-v3", 1, 60.0, B3, 0)]
    done, gone = state(Phase.COMPLETED), replace(state(Phase.ROLLED_BACK), rollout="shop-v3")
    view = looked_up(UNIT, [live("v2")], [(V2, done)], completed)
    assert (view.assignments[0].version, view.assignments[0].since) == ("v2", 10.0)
    view = looked_up(UNIT, [live("v2")], [(V2, done), (V3, gone)], completed + pulled)
    assert (view.assignments[0].version, view.assignments[0].since) == ("v2", 60.0)
    assert [(s.rollout, s.since, s.until) for s in view.stays] == [("shop-v3", 40.0, 60.0), ("shop-v2", 10.0, 0.0)]
    assert view.without == 0


def test_ended_rollouts_without_the_unit_are_counted() -> None:
    ended = (spec(), state(Phase.ABORTED))
    assert (
        looked_up(UNIT, [live()], [ended, (V3, state(Phase.PENDING))], [held("shop-v2", 1, 1.0, B2 + 1, 9)]).without
        == 1
    )


def test_nobody_has_no_bucket() -> None:
    with pytest.raises(ValueError, match="empty"):
        looked_up("", [live(split=split(0, 5))], [], [])


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, WHOLE - 1), st.integers(0, WHOLE)), max_size=12))
def test_stays_are_exactly_the_times_in_the_interval(steps: list[tuple[int, int, int]]) -> None:
    holdings = [
        held("shop-v2", attempt, 10.0 * (i + 1), start, width) for i, (attempt, start, width) in enumerate(steps)
    ]
    found = stays(UNIT, V2, holdings)
    for holding in holdings:
        at = holding.at + 5.0
        inside = [s for s in found if s.since <= at and (not s.until or at < s.until)]
        assert bool(inside) == (B2 in holding.interval)
        assert len(inside) <= 1
        assert all(s.attempt == holding.attempt for s in inside)
    assert all(a.until and a.until <= b.since for a, b in pairwise(found))


# Further arms ------------------------------------------------------------------------------------------------------


def test_a_unit_of_a_further_arm_has_it_while_the_stage_lasts() -> None:
    """The second arm lies two shares behind the candidate's interval, the baseline holds the rest."""
    asked = spec(experiment=Experiment(200_000, 60.0, "conversion", beside=("v3", "v4")))
    start = (B2 - 2 * 200_000 - 7) % WHOLE
    arms = tuple(Arm(v, Interval((start + k * 200_000) % WHOLE, 200_000)) for k, v in ((1, "v3"), (2, "v4")))
    running = replace(split(start, 200_000), beside=arms)
    holdings = [held("shop-v2", 1, 10.0, start, 50_000), held("shop-v2", 1, 20.0, start, 200_000)]
    [found] = looked_up(UNIT, [live(split=running)], [(asked, state(Phase.RAMPING))], holdings).assignments
    assert (found.version, found.since) == ("v4", 20.0)
    assert found.reason == "its bucket is among the 20 % of users to whom the experiment of shop-v2 has given v4"
    assert stays(UNIT, asked, [*holdings, held("shop-v2", 1, 30.0, start, 250_000)]) == (
        Stay("shop-v2", "shop", "v4", 1, B2, 20.0, 30.0),
    )
    gone = state(Phase.RAMPING, withdrawn=(Withdrawal("v4", 25.0, "harm"),))
    out = replace(running, beside=(arms[0], replace(arms[1], withdrawn=True)))
    view = looked_up(UNIT, [live(split=out)], [(asked, gone)], holdings)
    assert (view.assignments[0].version, view.assignments[0].since) == ("v1", 25.0)
    assert view.assignments[0].reason.endswith("had given v4, which did harm")
    assert view.stays == (Stay("shop-v2", "shop", "v4", 1, B2, 20.0, 25.0),)


def test_with_an_audience_the_reason_says_for_whom() -> None:
    mine = replace(split(B2, 10), audience='country == "US"')
    [found] = looked_up(UNIT, [live(split=mine)], [], []).assignments
    assert found.version == "v2"
    assert found.reason.endswith('; only where country is "US"; elsewhere v1, as no evidence')


def test_a_unit_that_is_named_has_its_version_whatever_the_share() -> None:
    named = replace(split(B2 + 1, 10), forced=(Forced(UNIT, "v2"),), audience='country == "US"')
    [found] = looked_up(UNIT, [live(split=named)], [], []).assignments
    assert found.version == "v2"
    assert found.reason == "shop-v2 names it: it has v2 whatever the share, as no evidence"
    [other] = looked_up("somebody", [live(split=named)], [], []).assignments
    assert other.version == "v1"


CHECKOUT = Flag("checkout", "boolean", (Variant("on", True), Variant("off", False)), "off", "off")
FORM = spec(name="new-form", flag="checkout", baseline="off", candidate="on")
BF = bucket(UNIT, FORM.salt)


def moving(start: int, width: int, **more: Any) -> Flag:
    move = Move("new-form", "on", FORM.salt, Interval(start % WHOLE, width), audience="beta")
    return replace(CHECKOUT, move=move, **more)


def test_a_flag_under_a_rollout_stands_beside_the_services_and_what_it_gives_now_is_no_past() -> None:
    holdings = [held("new-form", 1, 10.0, BF - 5, 10)]
    view = looked_up(UNIT, [live()], [(FORM, state(Phase.RAMPING))], holdings, [moving(BF - 5, 10)])
    _, found = view.assignments
    assert (found.flag, found.service, found.version, found.rollout) == ("checkout", "", "on", "new-form")
    assert (found.bucket, found.since) == (BF, 10.0)
    assert "among the 0.001 % of users to whom new-form has given checkout=on" in found.reason
    assert "elsewhere checkout=off" in found.reason
    assert "whom a rule of checkout settles" in found.reason
    assert view.stays == ()


def test_outside_the_share_a_flag_gives_its_default_and_what_was_taken_back_is_past() -> None:
    holdings = [held("new-form", 1, 10.0, BF - 5, 10), held("new-form", 1, 20.0, BF - 5, 0)]
    outside = looked_up(UNIT, [], [(FORM, state(Phase.LEARNING))], [], [moving(BF + 5, 10)]).assignments
    assert [(a.flag, a.version) for a in outside] == [("checkout", "off")]
    view = looked_up(UNIT, [], [(FORM, state(Phase.ROLLED_BACK))], holdings, [CHECKOUT])
    assert view.assignments == ()
    assert [(s.flag, s.version, s.since, s.until) for s in view.stays] == [("checkout", "on", 10.0, 20.0)]


def test_a_flag_that_is_off_gives_everybody_its_off_variant() -> None:
    [found] = looked_up(UNIT, [], [(FORM, state(Phase.RAMPING))], [], [moving(BF - 5, 10, enabled=False)]).assignments
    assert (found.version, found.bucket) == ("off", None)
    assert found.reason == "flag checkout is switched off: everybody gets off"
