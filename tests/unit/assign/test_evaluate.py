"""What a unit gets of a flag, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.assign.bucket import bucket, chosen
from fader.assign.cel import CelError
from fader.assign.evaluate import Flags
from fader.assign.trail import Stop, trail
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Variant
from fader.model.ruleset import Ruleset
from fader.model.segment import MOST_UNITS, Segment
from fader.model.share import WHOLE, Interval

ON_OFF = (Variant("on", True), Variant("off", False))
FLAG = Flag("checkout", "boolean", ON_OFF, "off", "off")
US = 'country == "US"'


def with_rules(*rules: Rule, **changes: object) -> Flag:
    return replace(FLAG, rules=rules, **changes)


def got(flag: Flag, unit: str = "ann", segments: tuple[Segment, ...] = (), **attributes: object) -> tuple[str, str]:
    evaluation = Flags((flag,), segments).evaluate(flag.name, unit, attributes)
    assert evaluation.value == next(v.value for v in flag.variants if v.name == evaluation.variant)
    return evaluation.variant, evaluation.reason


def test_golden_vectors() -> None:
    """The same file is checked against the client and against OFREP."""
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "flags.json").read_text())
    ruleset = msgspec.convert(vectors["ruleset"], Ruleset)
    flags = Flags(ruleset.flags, ruleset.segments)
    for case in vectors["cases"]:
        for name, (variant, reason) in case["answers"].items():
            found = flags.evaluate(name, case["unit"], case["attributes"])
            assert (found.variant, found.reason) == (variant, reason), (name, case)
            assert trail(flags, name, case["unit"], case["attributes"]).answer == found


def test_a_flag_without_rules_is_static() -> None:
    assert got(FLAG) == ("off", "STATIC")
    assert got(replace(FLAG, default="on")) == ("on", "STATIC")


def test_the_kill_switch_comes_first() -> None:
    flag = with_rules(Rule("on"), enabled=False, default="on", forced=(Forced("ann", "on"),))
    assert got(flag) == ("off", "DISABLED")


def test_the_first_rule_that_applies_wins() -> None:
    variants = (*ON_OFF, Variant("half", None))
    flag = with_rules(Rule("on", US), Rule("half", 'plan == "pro"', name="pro"), variants=variants)
    assert got(flag, country="US", plan="pro") == ("on", "TARGETING_MATCH")
    assert got(flag, country="DE", plan="pro") == ("half", "TARGETING_MATCH")
    assert got(flag, country="DE") == ("off", "DEFAULT")
    evaluator = Flags((flag,))
    assert evaluator.evaluate("checkout", "", {"country": "US"}).rule == "rule 1"
    assert evaluator.evaluate("checkout", "", {"plan": "pro"}).rule == "pro"
    assert evaluator.evaluate("checkout", "", {}).rule == ""


@given(
    st.text(min_size=1, max_size=100),
    st.integers(1, WHOLE - 1),
    st.lists(st.sampled_from((Rule("on", "a == 1"), Rule("off", "b == 1", 10, "b"))), max_size=2),
)
def test_a_share_is_drawn_by_the_published_formula(unit: str, share: int, before: list[Rule]) -> None:
    """Wherever the rule stands, so that moving it moves nobody."""
    flag = with_rules(*before, Rule("on", US, share, "us"))
    inside = chosen(unit, "checkout/us", Interval(0, share))
    assert got(flag, unit, country="US") == ("on" if inside else "off", "SPLIT")
    assert got(flag, unit, country="DE") == ("off", "DEFAULT")
    assert got(flag, "", country="US") == ("off", "DEFAULT")


@pytest.mark.parametrize("before", [(), (Rule("off", "a == 1"),)])
def test_a_share_ends_where_the_interval_does(before: tuple[Rule, ...]) -> None:
    place = bucket("ann", "checkout/us")
    assert got(with_rules(*before, Rule("on", US, place, "us")), country="US") == ("off", "SPLIT")
    assert got(with_rules(*before, Rule("on", US, place + 1, "us")), country="US") == ("on", "SPLIT")


@given(st.text(min_size=1), st.integers(1, WHOLE), st.integers(1, WHOLE))
def test_nobody_loses_a_variant_as_its_share_grows(unit: str, a: int, b: int) -> None:
    narrow, wide = sorted((a, b))
    if got(with_rules(Rule("on", "", narrow, "ramp")), unit)[0] == "on":
        assert got(with_rules(Rule("on", "", wide, "ramp")), unit)[0] == "on"
    assert got(with_rules(Rule("on", "", WHOLE, "ramp")), unit) == ("on", "TARGETING_MATCH")


def test_two_shares_draw_independently() -> None:
    """Of 20,000 units about 2,000 are in the first tenth of either, and about 200 in both; +-5 standard errors."""
    flags = Flags(with_rules(Rule("on", "", WHOLE // 10, name), name=name) for name in ("a", "b"))
    both = [[flags.evaluate(n, f"u{i}", {}).variant == "on" for n in ("a", "b")] for i in range(20_000)]
    assert 1790 < sum(a for a, _ in both) < 2210
    assert 130 < sum(a and b for a, b in both) < 270


def test_who_is_not_drawn_goes_on_to_the_next_rule() -> None:
    flag = with_rules(Rule("off", "", 1, "tiny"), Rule("on", US))
    assert got(flag, country="US") == ("on", "TARGETING_MATCH")
    assert got(flag) == ("off", "SPLIT")


def test_forced_units_get_their_variant() -> None:
    flag = with_rules(Rule("off"), forced=(Forced("ann", "on"), Forced("bob", "off")))
    assert got(flag, "ann") == ("on", "TARGETING_MATCH")
    assert got(flag, "bob") == ("off", "TARGETING_MATCH")
    assert got(flag, "cat") == ("off", "TARGETING_MATCH")
    assert got(flag, "") == ("off", "TARGETING_MATCH")


def test_what_a_flag_requires() -> None:
    base = with_rules(Rule("on", US), name="base")
    flag = replace(FLAG, default="on", requires=(Prerequisite("base", ("on",)),), forced=(Forced("ann", "on"),))
    flags = Flags((flag, base))
    assert flags.evaluate("checkout", "x", {"country": "US"}).variant == "on"
    assert flags.evaluate("checkout", "x", {}).reason == "DISABLED"
    assert flags.evaluate("checkout", "ann", {}).variant == "off"
    off = Flags((flag, replace(base, enabled=False)))
    assert off.evaluate("checkout", "x", {"country": "US"}).variant == "off"


def test_segments_of_rules_and_lists_and_of_each_other() -> None:
    segments = (
        Segment("beta", 'segment("staff") || plan == "beta"', ("ann",)),
        Segment("staff", 'email.endsWith("@example.com")'),
        Segment("nobody"),
    )
    flag = with_rules(Rule("on", 'segment("beta") && !segment("nobody")'))
    assert got(flag, "ann", segments) == ("on", "TARGETING_MATCH")
    assert got(flag, "bob", segments) == ("off", "DEFAULT")
    assert got(flag, "bob", segments, plan="beta") == ("on", "TARGETING_MATCH")
    assert got(flag, "bob", segments, email="bob@example.com") == ("on", "TARGETING_MATCH")


@pytest.mark.parametrize("listed", ["x" * 256, "é" * 128])
def test_long_units_are_cut_in_lists_as_they_are_in_buckets(listed: str) -> None:
    forced = replace(FLAG, forced=(Forced(listed, "on"),))
    in_segment = with_rules(Rule("on", 'segment("s")'))
    compared = with_rules(Rule("on", f'unit == "{listed}"'))
    for unit, variant in ((listed, "on"), (listed + "more", "on"), (listed[:-1], "off"), (listed[:-1] + "日本", "off")):
        assert got(forced, unit)[0] == variant
        assert got(in_segment, unit, (Segment("s", units=(listed,)),))[0] == variant
        assert got(compared, unit)[0] == variant
        assert trail(Flags((forced,)), "checkout", unit, {}).answer.variant == variant


def test_a_long_list_is_asked_by_its_hash() -> None:
    units = tuple(f"user-{i}" for i in range(MOST_UNITS))
    flags = Flags((with_rules(Rule("on", 'segment("all")')),), (Segment("all", units=units),))
    assert flags.evaluate("checkout", units[-1], {}).variant == "on"
    assert flags.evaluate("checkout", "user-x", {}).variant == "off"


def test_one_broken_flag_breaks_no_other() -> None:
    flags = Flags((with_rules(Rule("on", "a ==")), replace(FLAG, name="sound")))
    assert flags.evaluate("sound", "ann", {}).variant == "off"
    with pytest.raises(CelError):
        flags.evaluate("checkout", "ann", {})
    with pytest.raises(KeyError):
        flags.evaluate("none", "ann", {})


def test_the_same_answer_is_the_same_object() -> None:
    flags = Flags((with_rules(Rule("on", US, 500_000, "us")),))
    answers = {id(flags.evaluate("checkout", f"u{i}", {"country": "US"})) for i in range(100)}
    assert len(answers) == 2


def sentences(flag: Flag, unit: str, *others: Flag, **attributes: object) -> list[str]:
    found = trail(Flags((flag, *others)), flag.name, unit, attributes)
    assert [stop.decided for stop in found.stops] == [False] * (len(found.stops) - 1) + [True]
    assert found.answer == Flags((flag, *others)).evaluate(flag.name, unit, attributes)
    return [f"{stop.what} | {stop.found}" for stop in found.stops]


def test_the_path_through_the_rules() -> None:
    base = replace(FLAG, name="base", default="on")
    rules = (Rule("on", 'plan == "pro"'), Rule("on", US, 300_000, "us"))
    flag = with_rules(*rules, forced=(Forced("bob", "on"),), requires=(Prerequisite("base", ("on",)),))
    begin = ["switch | on", "requires base: on | it gives on"]
    assert sentences(flag, "bob", base) == [*begin, "forced units | bob is one of them and gets on"]
    assert sentences(flag, "ann", base, plan="pro") == [*begin, 'rule 1: plan == "pro" | holds: on']
    assert sentences(flag, "ann", base) == [
        *begin,
        'rule 1: plan == "pro" | does not hold',
        'us: country == "US" | does not hold',
        "default | no rule applied: off",
    ]
    drawn = 'us: country == "US" | holds, and 30% of them get on: bucket '
    inside, outside = "user-4", "ann"
    assert sentences(flag, inside, base, country="US")[-1] == drawn + "269,712 is below 300,000"
    assert sentences(flag, outside, base, country="US")[-2] == drawn + "316,365 is not below 300,000"
    nobody = 'us: country == "US" | holds, and 30% of them get on; without a unit nobody is drawn'
    assert sentences(flag, "", base, country="US")[-2] == nobody


def test_the_path_ends_early() -> None:
    assert sentences(replace(FLAG, enabled=False), "ann") == ["switch | off: everybody gets off"]
    assert sentences(FLAG, "ann") == ["switch | on", "default | there are no rules: off"]
    flag = replace(FLAG, requires=(Prerequisite("base", ("on",)),))
    found = trail(Flags((flag, replace(FLAG, name="base"))), "checkout", "ann", {})
    assert found.stops[-1] == Stop("requires base: on", "it gives off: everybody without it gets off", True)
