from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import NOW, spec, state

from fader.model.flag import Flag, Move, Prerequisite, Rule, Switch, Variant
from fader.model.ruleset import Ruleset
from fader.model.segment import Segment
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import Interval
from fader.model.state import ACTIVE, Phase
from fader.rollout.ruleset import baseline_now, build, for_gateways, moved, switched

SHOP = Service(
    "shop",
    Address("127.0.0.1", 8080),
    (UnitSource("header", "x-user-id"),),
    tuple(Version(f"v{i}", (Address("127.0.0.1", 9000 + i),)) for i in (1, 2, 3)),
    "v1",
)
BLOG = replace(SHOP, name="blog")


@pytest.mark.parametrize("phase", list(Phase))
def test_the_split_of_each_phase(phase: Phase) -> None:
    (live,) = build((SHOP,), ((spec(), state(phase, stage=1), "secret"),))
    if phase not in ACTIVE:
        assert live.split is None
    else:
        assert live.split is not None
        assert live.split.preview == "secret"
        assert live.split.interval == Interval(0, state(phase, stage=1).share)
    assert live.baseline == ("v2" if phase is Phase.COMPLETED else "v1")


def test_while_learning_nobody_but_the_preview() -> None:
    (live,) = build((SHOP,), ((spec(), state(Phase.LEARNING, start=300_000), "secret"),))
    assert live.split is not None
    assert live.split.interval == Interval(300_000, 0)


def test_the_last_completed_rollout_names_the_baseline() -> None:
    first = spec(), state(Phase.COMPLETED, ended_at=NOW)
    second = spec(name="shop-v3", candidate="v3"), state(Phase.COMPLETED, ended_at=NOW + 9)
    assert baseline_now(SHOP, (second, first)) == "v3"
    assert baseline_now(SHOP, ()) == "v1"
    assert baseline_now(BLOG, (first, second)) == "v1"


def test_going_back_uncovers_the_one_before() -> None:
    first = spec(), state(Phase.COMPLETED, ended_at=NOW)
    second = spec(name="shop-v3", candidate="v3"), state(Phase.ABORTED, ended_at=NOW + 9)
    assert baseline_now(SHOP, (first, second)) == "v2"


def test_a_version_that_is_gone_is_no_baseline() -> None:
    only = replace(SHOP, versions=SHOP.versions[:1])
    assert baseline_now(only, ((spec(), state(Phase.COMPLETED)),)) == "v1"


def test_services_do_not_share_rollouts() -> None:
    shop, blog = build((SHOP, BLOG), ((spec(), state(), "s"),))
    assert shop.split is not None
    assert blog.split is None


def test_a_gateway_gets_the_audience_and_the_segments_that_it_names() -> None:
    entry = spec(audience='segment("staff")'), state(Phase.RAMPING), "secret"
    segments = (
        Segment("staff", 'segment("inner")'),
        Segment("inner", units=("ann",)),
        Segment("other", units=("bob",)),
    )
    whole = Ruleset(1, build((SHOP,), (entry,)), segments=segments)
    found = for_gateways(whole)
    assert found.services[0].split is not None
    assert found.services[0].split.audience == 'segment("staff")'
    assert found.segments == segments[:2]
    ended = Ruleset(1, build((SHOP,), ((entry[0], state(Phase.COMPLETED), "secret"),)), segments=segments)
    assert for_gateways(ended).segments == ()


def test_a_gateway_gets_what_the_flags_that_are_sent_require() -> None:
    on_off = (Variant("on", True), Variant("off", False))
    base = Flag("base", "boolean", on_off, "on", "off", rules=(Rule("on", 'segment("staff")'),))
    after = replace(base, name="after", rules=(), requires=(Prerequisite("base", ("on",)),))
    services = build((replace(SHOP, flags=("after",)),), ())
    flags, segments = (base, after, replace(base, name="other")), (Segment("staff", units=("ann",)),)
    found = for_gateways(Ruleset(1, services, flags, segments))
    assert (found.flags, found.segments) == ((base, after), segments)
    move = Move("base-on", "on", "base/base-on", Interval(0, 1), audience='segment("beta")')
    flags, segments = (replace(base, move=move), after), (*segments, Segment("beta", units=("bob",)))
    assert for_gateways(Ruleset(1, services, flags, segments)).segments == segments


def test_flags_that_stay_as_they_are_stay_the_same_objects() -> None:
    """Thousands of them are compared every second, and those that are not new are not encoded again."""
    variants = (Variant("on", True), Variant("off", False))
    flags = tuple(Flag(name, "boolean", variants, "off", "off") for name in ("a", "b", "c"))
    found = moved(switched(flags, (Switch("a", True, 1.0), Switch("b", False, 2.0))), [(spec(), state(Phase.RAMPING))])
    assert [f is g for f, g in zip(found, flags, strict=True)] == [True, False, True]
    assert [f.enabled for f in found] == [True, False, True]
