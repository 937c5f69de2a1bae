"""A condition as JsonLogic gives what the condition gives, for whatever the attributes are; or is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fader.assign.cel_parser import parse
from fader.assign.condition import compile_condition, compile_segment
from fader.assign.jsonlogic import EXACT, MOST_COMPARED, MOST_LISTED, JsonLogic, NotInJsonLogic
from fader.model.segment import Segment

from . import logic

SEGMENTS = {
    "beta": Segment("beta", units=("ann", "bob")),
    "us": Segment("us", 'country == "US" || segment("beta")', ("eve",)),
    "patterns": Segment("patterns", 'plan.matches("a")'),
}
KNOWN = {
    name: compile_segment(parse(s.condition) if s.condition else None, frozenset(s.units), {})
    for name, s in SEGMENTS.items()
    if name != "us"
}
KNOWN["us"] = compile_segment(parse(SEGMENTS["us"].condition), frozenset(("eve",)), KNOWN)

NAMES = ("country", "plan", "age", "beta", "device", 'context["custom-plan"]')
TEXTS = ("US", "DE", "pro", "", "a-b", "5", "2.10.0", "2.9.9", "2.10.0-rc.1", "v2.10.0", "V3.0.0", "two")
texts = st.sampled_from(TEXTS)
numbers = st.sampled_from((0, 1, -1, 5, 17, 1.0, 0.5, -2.5, 1e3, EXACT))
scalars = texts | numbers | st.booleans() | st.none()
attributes = st.dictionaries(
    st.sampled_from(("country", "plan", "age", "beta", "device", "custom-plan", "version")),
    scalars
    | st.lists(scalars, max_size=2)
    | st.dictionaries(st.sampled_from(("os", "US")), scalars | st.lists(scalars, max_size=1), max_size=2),
    max_size=6,
)
units = st.sampled_from(("", "ann", "eve", "joe", "annabel", "é" * 200))


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


def form(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: pattern.format(*found))


names = st.sampled_from((*NAMES, "device.os"))
anyone = names | st.just("unit")
constants = (texts | numbers | st.booleans()).map(written)
words = texts.map(written)
equalities, orders = st.sampled_from(("==", "!=")), st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
listed = st.lists(texts | numbers | st.booleans(), max_size=3).map(lambda vs: f"[{', '.join(map(written, vs))}]")
versions = st.sampled_from(("2.10", "2.10.0", "3", "2.10-rc.1", "2.10.0+b-1")).map(written)
atoms = st.one_of(
    form("{} {} {}", names, equalities, constants),
    form("{} {} {}", constants, equalities, names),
    form("{} {} {}", st.just("unit"), equalities, words),
    form("{} {} {}", names, orders, numbers.map(written)),
    form("{} {} {}", numbers.map(written), orders, names),
    form("{} {} {}", numbers.map(written), orders, numbers.map(written)),
    form("{} in {}", anyone, listed),
    form("{}.{}({})", names, st.sampled_from(("startsWith", "endsWith", "contains")), words),
    form("unit.startsWith({})", words | st.just('"ann"')),
    form("semver(version) {} semver({})", orders, versions),
    form("semver({}) {} semver(version)", versions, orders),
    form("has({})", names),
    names,
    st.sampled_from(("true", "false", 'segment("beta")', 'segment("us")', '"abc".contains("b")')),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        form("!({})", inner),
        form("({} && {})", inner, inner),
        form("({} || {} || {})", inner, inner, inner),
        form("({} && {} && {})", inner, inner, inner),
        form("({} ? {} : {})", inner, inner, inner),
        form("({}) == ({})", inner, inner) | form("({}) != ({})", inner, inner),
    ),
    max_leaves=6,
)


def is_condition(text: str) -> bool:
    """A bare attribute that is compared with a condition may be anything, and what has no part may be no object."""
    try:
        JsonLogic(SEGMENTS).condition(text)
    except NotInJsonLogic as no:
        if not any(part in no.reason for part in ("compares something else", "two attributes", "is an object")):
            raise
        return False
    return True


@given(conditions.filter(is_condition), st.lists(st.tuples(attributes, units), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
@example("!(country == 'US')", [({}, ""), ({"country": None}, ""), ({"country": 5}, ""), ({"country": []}, "")])
@example("age < 17", [({"age": v}, "") for v in (16, "16", True, None, [5], [], {}, 17)])
@example("!(age < 17)", [({"age": v}, "") for v in (16, "18", True, None, [18], [], {}, 17)])
@example("age == 1", [({"age": v}, "") for v in (1, 1.0, True, "1", [1])])
@example("beta", [({"beta": v}, "") for v in (True, 1, "true", [True])])
@example("!beta", [({"beta": v}, "") for v in (False, 0, "", None, [])])
@example('plan.contains("pro")', [({"plan": v}, "") for v in ("a pro", ["pro"], {"pro": 1}, 5)])
@example('!plan.contains("")', [({"plan": v}, "") for v in ("", "a", ["pro"], 5)])
@example('plan.contains("")', [({"plan": v}, "") for v in ("", "a", ["pro"], 5)])
@example('unit == ""', [({}, ""), ({}, "ann")])
@example("device.os != 'a'", [({"device": v}, "") for v in ({"os": "b"}, {"os": None}, {}, "a", [1])])
@example('semver(version) < semver("2.10")', [({"version": v}, "") for v in ("2.9.9", "v2.9.9", 2, "two", "2")])
def test_the_same_answers(condition: str, people: list[tuple[dict[str, Any], str]]) -> None:
    made = JsonLogic(SEGMENTS).condition(condition)
    holds = compile_condition(parse(condition), KNOWN)
    for person, unit in people:
        context = person | ({"targetingKey": unit} if unit else {})
        assert logic.truth(logic.answer(made, context)) is holds(person, unit), (made, context)


@pytest.mark.parametrize(
    ("condition", "position", "reason"),
    [
        ('country == "US" && plan.matches("^a")', 25, "no patterns"),
        ('ip in cidr("10.0.0.0/8")', 4, "no networks"),
        ('timestamp(t) < timestamp("2026-01-31T00:00:00Z")', 14, "no moments"),
        ('"beta" in groups', 8, "groups may be an object"),
        ("country == plan", 9, "two attributes"),
        ('country < "US"', 9, "only numbers have an order"),
        ("beta == (age < 5)", 6, "something else than an attribute with a constant"),
        ("(age < 5) == (has(plan) ? plan : beta)", 11, "something else than an attribute with a constant"),
        ('"abc".contains(plan)', 7, "only for a constant one"),
        ('unit.endsWith("@a")', 6, "ids of more than 256 bytes"),
        (f'unit == "{"a" * 256}"', 1, "cut at 256 bytes"),
        ("!has(device.os)", 6, "whether device is an object"),
        ("device.length == 3", 1, '"length" names something else'),
        ('context["a.b"] == 3', 1, '"a.b" names something else'),
        ('device["0"] == 3', 1, '"0" names something else'),
        ("targetingKey == 'a'", 1, "flagd's own word"),
        (f"age == {EXACT + 1}", 1, "no exact number"),
        ('beta && segment("patterns")', 9, "segment patterns, at character 6: JsonLogic has no patterns"),
    ],
)
def test_what_it_cannot_say_is_refused(condition: str, position: int, reason: str) -> None:
    with pytest.raises(NotInJsonLogic, match="at character") as refused:
        JsonLogic(SEGMENTS).condition(condition)
    assert refused.value.position == position
    assert reason in refused.value.reason
    assert refused.value.fix


def test_what_decides_nothing_is_not_written() -> None:
    one = JsonLogic(SEGMENTS)
    assert one.condition("") is True
    assert one.condition("true || beta") is True
    assert one.condition('beta && "a" == "b"') is False
    assert one.condition('(true && country == "US") || false') == {"===": [{"var": "country"}, "US"]}
    assert one.notes == []


def test_the_size_is_bounded() -> None:
    """Each choice asks twice for its condition, so that nested ones would grow without bound."""
    condition = "beta"
    for _ in range(12):
        condition = f"(({condition}) ? beta : beta)"
    with pytest.raises(NotInJsonLogic, match=f"{MOST_COMPARED:,} comparisons"):
        JsonLogic({}).condition(condition)
    with pytest.raises(NotInJsonLogic, match="units are listed"):
        JsonLogic({}).units(map(str, range(MOST_LISTED + 1)))


def test_a_version_that_some_read_otherwise_is_noted() -> None:
    one = JsonLogic({})
    one.condition('semver(app.version) >= semver("2.10")')
    assert one.notes == [
        "a version in app.version of fewer than three numbers, such as 2.10, is none for some providers"
    ]
