"""What a gateway tests is true exactly where the condition is, for every request; what it cannot test is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.assign.bucket import cut
from fader.assign.evaluate import Flags
from fader.assign.pattern import Pattern
from fader.assign.predicate import Compared, Every, Inverse, Listed, Predicate, Present, lists, texts
from fader.assign.reduce import FEW, MOST_COMPARED, MOST_LISTED, NotAtGateway, Reducer
from fader.model.flag import Flag, Rule, Variant
from fader.model.request import RequestAttribute, RequestText
from fader.model.segment import Segment

ATTRIBUTES = (
    RequestAttribute("country", RequestText("header", "x-country")),
    RequestAttribute("plan", RequestText("claim", "plan", "https://id.example", "jwks.json")),
)
SEGMENTS = {
    s.name: s
    for s in (
        Segment("beta", units=("ann", "é" * 128)),
        Segment("us", 'country == "US"', ("bob",)),
        Segment("many", 'country == "a"', ("ann", "é" * 128, *(f"u{n}" for n in range(FEW)))),
        Segment("both", 'segment("us") && !segment("beta") && request.path != "/a"'),
    )
}
NAMES = {
    "unit": "unit",
    "country": "x-country",
    "plan": "plan",
    'request.headers["x-a"]': "x-a",
    'request.cookies["c"]': "c",
    "request.query.q": "q",
    "request.path": "path",
    "request.method": "method",
    "request.host": "host",
}
VALUES = ("", "a", "ab", "US", "ann", "é", "/a", "é" * 128, "x" * 300)
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "is": str.__eq__,
    "begins": str.startswith,
    "ends": str.endswith,
    "contains": str.__contains__,
    "matches": lambda text, pattern: Pattern(pattern).found_in(text),
}


def holds(predicate: Predicate, request: dict[str, str]) -> bool:
    """As a gateway tests it. `request`: by names as in NAMES; what is empty is not there."""
    match predicate:
        case Present(text):
            return bool(request[text.name or text.kind])
        case Compared(text, how, what):
            value = request[text.name or text.kind]
            return bool(value) and COMPARE[how](cut(value) if text.kind == "unit" else value, what)
        case Listed(segment):
            return cut(request["unit"]) in SEGMENTS[segment].units
        case Inverse(operand):
            return not holds(operand, request)
        case Every(operands):
            return all(holds(o, request) for o in operands)
    return any(holds(o, request) for o in predicate.operands)


def attributes(request: dict[str, str]) -> dict[str, Any]:
    """What an app would pass of the same request."""
    there = {name: value for name, value in request.items() if value}
    mine = {name: there[held] for name, held in (("country", "x-country"), ("plan", "plan")) if held in there}
    parts: dict[str, Any] = {kind: there[kind] for kind in ("path", "method", "host") if kind in there}
    for kind, names in (("headers", ("x-a", "x-country")), ("cookies", ("c",)), ("query", ("q",))):
        parts[kind] = {name: there[name] for name in names if name in there}
    return {**mine, "request": parts}


def written(value: str) -> str:
    return f'"{value}"'


NAME = st.sampled_from(tuple(NAMES))
TEXT = st.sampled_from(VALUES).map(written)
PATTERNS = st.sampled_from(("", "^a", "a$", "^$", "[^a]", "^(?:a|US)?$", "é{2,}", "x*")).map(written)
LEAVES = st.one_of(
    st.builds("{} {} {}".format, NAME, st.sampled_from(("==", "!=")), TEXT),
    st.builds("{1} == {0}".format, NAME, TEXT),
    st.builds("{} in [{}]".format, NAME, st.lists(TEXT, max_size=3).map(", ".join)),
    st.builds("{}.{}({})".format, NAME, st.sampled_from(("startsWith", "endsWith", "contains")), TEXT),
    st.builds("{}.matches({})".format, NAME, PATTERNS),
    st.builds("has({})".format, NAME.filter(lambda name: name != "unit")),
    st.sampled_from(("true", "false", *(f'segment("{name}")' for name in SEGMENTS))),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("!({})".format, inner),
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("(({}) ? ({}) : ({}))".format, inner, inner, inner),
    ),
    max_leaves=5,
)
REQUESTS = st.fixed_dictionaries({name: st.sampled_from(VALUES) for name in NAMES.values()})


@given(CONDITIONS, st.lists(REQUESTS, min_size=1, max_size=8))
def test_a_gateway_finds_what_the_sdk_finds(condition: str, requests: list[dict[str, str]]) -> None:
    flag = Flag(
        "f", "boolean", (Variant("on", True), Variant("off", False)), "off", "off", rules=(Rule("on", condition),)
    )
    flags = Flags((flag,), SEGMENTS.values())
    found = Reducer(SEGMENTS, ATTRIBUTES).condition(condition)
    for request in requests:
        expected = flags.evaluate("f", request["unit"], attributes(request)).variant == "on"
        assert holds(found, request) == expected, request


def test_what_is_looked_at_is_known() -> None:
    found = Reducer(SEGMENTS, ATTRIBUTES).condition('segment("both") || has(request.query.q)')
    assert {text.name or text.kind for text in texts(found)} == {"unit", "x-country", "path", "q"}


@pytest.mark.parametrize(
    ("condition", "reason", "fix"),
    [
        ('age == "5"', "at character 1: it asks for age, and nothing says", "attributes: {age: {header: x-age}}"),
        ('device.os == "ios"', "it asks for device.os, which no request holds", 'request.headers["x-plan"]'),
        ('has(request.headers) && country == "US"', "it asks for request.headers, which no request holds", "a gateway"),
        ('request.headers["X-Plan"] == "pro"', "X-Plan is no header's name: they are in lower case", "write x-plan"),
        ('has(request.headers["x-fader"])', "x-fader is stripped from requests", "name another header"),
        ('has(request.headers["a b"])', '"a b" cannot be the name of a header', "write e.g."),
        ('has(request.headers["cookie"])', "cookie is a header of its own kind", "request.cookies"),
        ('has(request.query["a(b)"])', '"a(b)" cannot be the name of a parameter of the query', "write e.g."),
        ("country == 5", "country is a text in a request, and never 5", 'write "5" in quotes'),
        ("country in [true]", "country is a text in a request, and never true", 'write "true" in quotes'),
        ("country", "at character 1: country alone is true or false", 'write country == "true"'),
        ('country < "US"', "at character 9: it compares by order, which a gateway cannot decide", "startsWith"),
        ('semver(country) > semver("1.0")', "it compares by order, which a gateway cannot decide", "startsWith"),
        ('semver(country) == semver("1.0")', "it is more than comparisons of an attribute with a text", "startsWith"),
        ('timestamp(country) < timestamp("2026-01-31T00:00:00Z")', "it compares by order", "startsWith"),
        ('country in cidr("10.0.0.0/8")', "it asks for a network, which a gateway cannot decide", "startsWith"),
        ('"US" in country', "it looks into what is no list in the condition", "startsWith"),
        ("country == plan", "it is more than comparisons of an attribute with a text", "startsWith"),
        ('(country == "US") == (plan == "pro")', "it is more than comparisons", "startsWith"),
        ('"abc".contains(country)', "it is more than comparisons", "startsWith"),
    ],
)
def test_what_is_not_certain_is_refused(condition: str, reason: str, fix: str) -> None:
    with pytest.raises(NotAtGateway) as refused:
        Reducer(SEGMENTS, ATTRIBUTES).condition(f'{condition} || unit == "ann"', ("rules", 1, "when"))
    assert reason in refused.value.reason
    assert fix in refused.value.fix
    assert refused.value.where == ("rules", 1, "when")


def test_what_a_segment_asks_is_told_by_its_name() -> None:
    with pytest.raises(NotAtGateway, match="at character 2: segment us: at character 1: it asks for country"):
        Reducer(SEGMENTS).condition('!segment("us")')


def test_a_long_list_is_one_look_up() -> None:
    found = Reducer(SEGMENTS, ATTRIBUTES).condition(" || ".join(['segment("many")'] * 40))
    assert set(lists(found)) == {"many"}
    short = Reducer(SEGMENTS, ATTRIBUTES).condition('!segment("beta")')
    assert (set(lists(short)), len(list(texts(short)))) == (set(), 2)


def test_the_lists_have_a_bound() -> None:
    def listing(count: int) -> dict[str, Segment]:
        return {"long": Segment("long", units=tuple(f"u{n}" for n in range(count)))}

    assert Reducer(listing(MOST_LISTED)).condition('segment("long")') == Listed("long")
    with pytest.raises(NotAtGateway, match="at character 2: segment long lists 5,001 units, and the gateway takes at"):
        Reducer(listing(MOST_LISTED + 1)).condition('!segment("long")')


def test_the_comparisons_have_a_bound_that_no_nesting_escapes() -> None:
    many = " || ".join(f'country == "{n}"' for n in range(MOST_COMPARED))
    Reducer({}, ATTRIBUTES).condition(many)
    with pytest.raises(NotAtGateway, match="it takes more than 100 comparisons"):
        Reducer({}, ATTRIBUTES).condition(f'{many} || plan == "x"')
    for part in ('country == "a"', "has(plan)", "true"):
        deep = part
        for _ in range(45):
            deep = f"({deep} ? {part} : {part})"
        with pytest.raises(NotAtGateway, match="it takes more than 100 comparisons"):
            Reducer({}, ATTRIBUTES).condition(deep)
