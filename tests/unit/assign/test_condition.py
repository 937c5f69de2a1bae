"""Conditions mean what CEL says: compared with cel-cpp on expressions and attributes made at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fader.assign.cel_parser import parse
from fader.assign.condition import compile_condition, compile_segment

from . import oracle

NAMES = ("country", "plan", "age", "beta", "groups", "device", "created")
TEXTS = ("US", "DE", "pro", "", "a-b", "2026-01-31T00:00:00Z", "1969-12-31T23:59:59.25+01:00")
texts = st.sampled_from(TEXTS)
numbers = st.sampled_from((0, 1, -1, 17, 1.0, 0.5, -2.5, 1e3, 2**62))
scalars = texts | numbers | st.booleans()
attributes = st.dictionaries(
    st.sampled_from(NAMES),
    scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from(("os", "US")), scalars, max_size=2),
    max_size=6,
)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


names = st.sampled_from(NAMES).map(lambda n: f"@{n}") | st.just("@device.os")
text_sides, number_sides = names | texts.map(written), names | numbers.map(written)
equalities = st.sampled_from(("==", "!="))
orders = equalities | st.sampled_from(("<", "<=", ">", ">="))
moments = names | st.sampled_from(TEXTS[-2:]).map(written)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


def call(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda p: form.format(*p))


listed = st.lists(scalars, max_size=3).map(lambda vs: f"[{', '.join(map(written, vs))}]")
atoms = st.one_of(
    joined(text_sides, orders, text_sides),
    joined(number_sides, orders, number_sides),
    joined(names, equalities, st.booleans().map(written)),
    joined(names | scalars.map(written), st.just("in"), listed | names),
    call("{}.{}({})", text_sides, st.sampled_from(("startsWith", "endsWith", "contains")), text_sides),
    call('{}.matches("{}")', text_sides, st.sampled_from(("^U", "S$", "^$", "[a-z]+", "^(pro|DE)$"))),
    call("has({})", names),
    joined(call("timestamp({})", moments), orders, call("timestamp({})", moments)),
    names,
    st.sampled_from(("true", "false")),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        call("!({})", inner),
        call("({} && {})", inner, inner),
        call("({} || {} || {})", inner, inner, inner),
        call("({} && {} && {})", inner, inner, inner),
        call("({} ? {} : {})", inner, inner, inner),
        call("({}) == ({})", inner, inner),
    ),
    max_leaves=6,
)


@given(conditions, st.lists(attributes, min_size=1, max_size=8))
@settings(max_examples=250, deadline=None)
@example("@age == 1", [{"age": True}, {"age": 1.0}, {}])
@example("!(@country == 'US')", [{}, {"country": 5}, {"country": "DE"}])
@example("@groups == @device", [{"groups": [True], "device": [1]}, {"groups": [1], "device": [1.0]}])
@example('@country != "US" || true', [{}])
@example('"b" in @country', [{"country": "abc"}])
@example("@age < 1.5", [{"age": 1}, {"age": True}, {"age": "1"}, {"age": [1]}])
@example("@groups < @device", [{"groups": [1], "device": [2]}, {"groups": False, "device": True}])
@example("has(@device.os)", [{"device": 5}, {"device": {}}, {"device": {"os": ""}}, {}])
@example("!has(@device.os)", [{"device": 5}, {"device": {}}, {}])
def test_a_condition_means_what_cel_says(condition: str, people: list[dict[str, Any]]) -> None:
    holds = compile_condition(parse(oracle.ours(condition)), {})
    for person in people:
        assert holds(person, "u") is oracle.matches(condition, person), person


def holds(condition: str, person: dict[str, Any], unit: str = "") -> bool:
    return compile_condition(parse(condition), {"beta": compile_segment(None, frozenset(("ann",)), {})})(person, unit)


@given(conditions, conditions, st.lists(attributes, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_segment_is_the_same_as_its_condition(inside: str, around: str, people: list[dict[str, Any]]) -> None:
    """Negated too: what is not known of somebody matches neither way."""
    segments = {"s": compile_segment(parse(oracle.ours(inside)), frozenset(("listed",)), {})}
    forms = ("{}", "!{}", f"({oracle.ours(around)}) && {{}}", f"{{}} == ({oracle.ours(around)})")
    for form in forms:
        named = compile_condition(parse(form.format('segment("s")')), segments)
        # An attribute alone is a value where it is compared, and a segment is true or false.
        written = compile_condition(parse(form.format(f"(!!({oracle.ours(inside)}))")), {})
        for person in people:
            assert named(person, "u") is written(person, "u")
    assert all(segments["s"][0](p, "listed") and not segments["s"][1](p, "listed") for p in people)


#: Conditions that stand in each other, and what each level of them makes of the value of the one below.
LEVELS: dict[str, Callable[[bool | None], bool | None]] = {
    "({}) ? no : yes": lambda below: None if below is None else not below,
    "yes ? ({}) : no": lambda below: below,
    "(({}) ? no : yes) == no": lambda below: below,
    "({}) in [true]": lambda below: below,
    "no == ({})": lambda below: None if below is None else not below,
    "!(({}) && yes || no)": lambda below: None if below is None else not below,
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("innermost", [True, False, None])
def test_conditions_in_conditions_take_no_longer_than_they_are_written(level: str, innermost: bool | None) -> None:
    """Twice as long with each level would be a thousand years for these."""
    condition, value = "a", innermost
    person = {"yes": True, "no": False} | ({} if innermost is None else {"a": innermost})
    for _ in range(24):
        condition, value = level.format(condition), LEVELS[level](value)
    for negated in (False, True):
        written = f"!({condition})" if negated else condition
        assert holds(written, person) is (value is (not negated)), written


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("nothing", [{}, {"x": None}])
@pytest.mark.parametrize("negation", ["", "!"])
def test_a_missing_attribute_never_matches(operator: str, nothing: dict[str, Any], negation: str) -> None:
    for other in ('"a"', "1", "y", "y.z"):
        assert not holds(f"{negation}(x {operator} {other})", nothing | {"y": 1})
    for other in ('["a"]', "[1]", "y", "[true]", 'cidr("::/0")'):
        assert not holds(f"{negation}(x in {other})", nothing)
    assert not holds(f"{negation}x", nothing)
    for method in ('startsWith("")', 'endsWith("")', 'contains("")', 'matches("")'):
        assert not holds(f"{negation}x.{method}", nothing)
    for function in ("semver", "timestamp"):
        right = '"1.0"' if function == "semver" else "0"
        assert not holds(f"{negation}({function}(x) {operator} {function}({right}))", nothing)


@pytest.mark.parametrize(
    ("condition", "person", "expected"),
    [
        ('semver(v) >= semver("2.10")', {"v": "2.9.9"}, False),
        ('semver(v) >= semver("2.10")', {"v": "2.10.0"}, True),
        ('semver(v) >= semver("2.10")', {"v": "2.10.0-rc.1"}, False),
        ('semver(v) != semver("2.10")', {"v": "2.10.0+build.7"}, False),
        ('semver(v) < semver("2.10")', {"v": "two"}, False),
        ('!(semver(v) < semver("2.10"))', {"v": "two"}, False),
        ('semver(v) < semver("2.10")', {"v": 2}, False),
        ('ip in cidr("10.0.0.0/8")', {"ip": "10.255.0.1"}, True),
        ('ip in cidr("10.0.0.0/8")', {"ip": "11.0.0.1"}, False),
        ('!(ip in cidr("10.0.0.0/8"))', {"ip": "11.0.0.1"}, True),
        ('!(ip in cidr("10.0.0.0/8"))', {"ip": "nonsense"}, False),
        ('ip in cidr("2001:db8::/32")', {"ip": "2001:db8::1"}, True),
        ('ip in cidr("2001:db8::/32")', {"ip": "10.0.0.1"}, False),
        ('segment("beta")', {}, True),
        ('!segment("beta")', {}, False),
        ('segment("beta") && plan == "pro"', {"plan": "pro"}, True),
        ('unit == "ann" && unit.startsWith("a")', {}, True),
        ('context["custom-plan"] == "gold"', {"custom-plan": "gold"}, True),
        ('device["os-name"].startsWith("i")', {"device": {"os-name": "iOS"}}, True),
        ("context.unit == 'x'", {"unit": "x"}, True),
        ("-5 < n && n < 0x10 // the middle", {"n": 3}, True),
        (r'x == "a\n\x41\u00e9\101\"" ', {"x": 'a\nA\u00e9A"'}, True),
        (r"x.matches(r'^\d+$')", {"x": "12"}, True),
        ("beta", {"beta": True}, True),
        ("!beta", {"beta": False}, True),
        ("!beta", {"beta": 0}, False),
        ("!!beta", {"beta": True}, True),
    ],
)
def test_what_holds(condition: str, person: dict[str, Any], expected: bool) -> None:
    assert holds(condition, person, "ann") is expected


def test_a_choice_that_is_compared_gives_what_it_chose_whatever_that_is() -> None:
    holds = compile_condition(parse("country == (has(country) ? country : device.os)"), {})
    assert holds({"country": "US"}, "ann")
    assert not holds({"device": {"os": "ios"}}, "ann")
