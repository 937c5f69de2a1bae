"""A flag as a gateway decides it is the flag as `evaluate` decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from fader.assign.bucket import UNIT_BYTES, chosen, seed
from fader.assign.cases import Case, cases, in_order
from fader.assign.evaluate import Flags
from fader.assign.predicate import EVERYBODY, Compared, Every, Inverse, Predicate, Present
from fader.assign.reduce import MOST_COMPARED, NotAtGateway
from fader.model.arm import Arm
from fader.model.flag import Flag, Forced, HeldOut, Move, Prerequisite, Rule, Variant
from fader.model.request import RequestAttribute, RequestText
from fader.model.segment import Segment
from fader.model.share import WHOLE, Draw, Interval

FLAG = Flag("checkout", "string", tuple(Variant(v, v) for v in "abc"), "c", "c")
SEGMENTS = {
    s.name: s
    for s in (
        Segment("beta", units=("ann", "bob", "é" * 128)),
        Segment("staff", 'segment("beta") || unit == "carl"', ("dora",)),
        Segment("us", 'country == "US"', ("emil",)),
    )
}
UNITS = ("", "ann", "bob", "carl", "dora", "emil", "fritz", "é" * 128, "é" * 129, "x" * 300)
CONDITIONS = (
    "",
    'segment("beta")',
    'segment("staff")',
    'unit == "fritz"',
    '"ann" == unit',
    'unit in ["ann", "emil"]',
    'segment("beta") && segment("staff") && unit in ["bob", "carl"]',
    'segment("beta") || unit == "emil" && unit == "ann"',
    'segment("beta") && unit == "emil"',
    '!segment("staff")',
    'unit != "ann" && unit != ""',
    '!has(request.headers["x-plan"]) || unit.startsWith("a")',
)


def holds(predicate: Predicate, unit: bytes) -> bool:
    """For a request with a unit and nothing else."""
    match predicate:
        case Present(text):
            return text.kind == "unit" and bool(unit)
        case Compared(text, how, what):
            return text.kind == "unit" and bool(unit) and COMPARE[how](unit, what.encode())
        case Inverse(operand):
            return not holds(operand, unit)
        case Every(operands):
            return all(holds(o, unit) for o in operands)
    return any(holds(o, unit) for o in predicate.operands)


COMPARE: dict[str, Callable[[bytes, bytes], bool]] = {"is": bytes.__eq__, "begins": bytes.startswith}


def decide(flag: Flag, found: Sequence[Case], unit: str) -> str:
    """What a gateway does with the cases: it compares the unit, which it has cut, and draws its bucket."""
    data = unit.encode()[:UNIT_BYTES]
    for case in found:
        share = next((r.share for r in flag.rules if case.rule and r.name == case.rule), WHOLE)
        drawn = not case.rule or (unit and xxh64_intdigest(data, case.seed) % WHOLE < share)
        if holds(case.holds, data) and drawn:
            return case.variant
    return flag.default


def moving(flag: Flag, found: Sequence[Case], unit: str) -> tuple[str, str]:
    """The same of a flag with a rollout and without rules: the variant, and the rollout that gave it."""
    assert flag.move

    def inside(draw: Draw) -> bool:
        return bool(unit) and chosen(unit, draw.salt, draw.interval)

    for case in found:
        held = dict(flag.move.arms).get(case.variant, Interval(0, 0))
        given = case.rest or not case.rollout or inside(Draw(flag.move.salt, held))
        if not unit or not holds(case.holds, unit.encode()[:UNIT_BYTES]) or not given:
            continue
        if all(map(inside, case.within)) and not any(map(inside, case.without)):
            return case.variant, case.rollout
    return flag.default, ""


RULES = st.lists(
    st.builds(Rule, st.sampled_from("abc"), st.sampled_from(CONDITIONS), st.sampled_from((0, 1, 400_000, WHOLE))),
    max_size=4,
).map(lambda rules: tuple(replace(rule, name=f"r{i}") for i, rule in enumerate(rules)))
FORCED = st.dictionaries(st.sampled_from(UNITS[1:8]), st.sampled_from("abc"), max_size=3).map(
    lambda units: tuple(Forced(unit, variant) for unit, variant in units.items())
)


@given(RULES, FORCED, st.text(max_size=80))
def test_the_cases_decide_as_evaluate_does(rules: tuple[Rule, ...], forced: tuple[Forced, ...], other: str) -> None:
    flag = replace(FLAG, rules=rules, forced=forced)
    flags, found = Flags((flag,), SEGMENTS.values()), cases(flag, SEGMENTS)
    for unit in (*UNITS, other):
        assert decide(flag, found, unit) == flags.evaluate(flag.name, unit, {"request": {"headers": {}}}).variant


INTERVALS = st.builds(Interval, st.integers(0, WHOLE - 1), st.integers(0, WHOLE // 3))


@given(
    st.builds(
        Move,
        st.just("new-form"),
        st.just("a"),
        st.just("checkout/new-form"),
        INTERVALS,
        audience=st.sampled_from(("", 'segment("staff")', 'unit != "ann"')),
        layer=st.none() | st.builds(Draw, st.just("layer/front"), INTERVALS),
        holdouts=st.lists(st.builds(Draw, st.just("holdout/q4"), INTERVALS), max_size=1).map(tuple),
    ),
    st.booleans(),
    st.text(max_size=80),
)
def test_the_cases_know_the_rollout_that_decided(move: Move, further: bool, other: str) -> None:
    if further:
        start = (move.interval.start + move.interval.width) % WHOLE
        move = replace(move, beside=(Arm("b", Interval(start, WHOLE // 3)),))
    flag = replace(FLAG, move=move, held=(HeldOut(Draw("holdout/old", Interval(0, WHOLE // 5)), "b"),))
    flags, found = Flags((flag,), SEGMENTS.values()), cases(flag, SEGMENTS)
    for unit in (*UNITS, *(f"u{n}" for n in range(20)), other):
        answer = flags.evaluate(flag.name, unit, {})
        assert moving(flag, found, unit) == (answer.variant, answer.rollout), unit


def test_a_share_is_drawn_as_the_rule_says() -> None:
    flag = replace(FLAG, rules=(Rule("a", share=5, name="first"), Rule("b")))
    assert cases(flag, {}) == (Case("a", EVERYBODY, "first", seed("checkout/first")), Case("b"))


def test_what_is_refused_is_told_at_its_place() -> None:
    flag = replace(FLAG, rules=(Rule("b"), Rule("a", 'unit == "a" || country == "US"')))
    with pytest.raises(NotAtGateway) as refused:
        cases(flag, SEGMENTS)
    assert refused.value.where == ("rules", 1, "when")
    us = (RequestAttribute("country", RequestText("header", "x-country")),)
    assert len(cases(flag, SEGMENTS, us)) == 2


def test_what_is_required_comes_before() -> None:
    def needs(name: str, *others: str) -> Flag:
        return replace(FLAG, name=name, requires=tuple(Prerequisite(o, ("a",)) for o in others))

    flags = {
        f.name: f for f in (needs("a", "b", "c"), needs("b", "d"), needs("c", "d"), needs("d"), needs("e", "gone"))
    }
    assert in_order(["a"], flags) == ("d", "b", "c", "a")
    assert in_order(["d", "e", "none", "c"], flags) == ("d", "e", "c")
    circle = {f.name: f for f in (needs("a", "b"), needs("b", "a"))}
    assert in_order(["a", "b"], circle) == ("b", "a")


def test_the_comparisons_have_a_bound() -> None:
    forced = tuple(Forced(f"u{n}", "a") for n in range(MOST_COMPARED - 2))
    flag = replace(FLAG, forced=forced, rules=(Rule("b", 'unit in ["x", "y"]'),))
    assert len(cases(flag, {})) == 2
    with pytest.raises(NotAtGateway, match="it takes more than 100 comparisons, the most that the gateway makes"):
        cases(replace(flag, rules=(Rule("b", 'unit in ["x", "y", "z"]'),)), {})


def test_a_rule_for_nobody_is_no_case() -> None:
    """A gateway refuses a list without entries."""
    flag = replace(FLAG, rules=(Rule("a", "unit in []"), Rule("a", "false && has(request.path)"), Rule("b")))
    assert cases(flag, {}) == (Case("b"),)
