"""Every mistake in a condition is told with its position and a fix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.assign.cel import All, Any, Attribute, CelError, Compare, Constant, In, Items, Not, segments_of
from fader.assign.cel_parser import DEEPEST, LONGEST, parse

COUNTRY = Attribute(("country",))


def test_and_binds_closer_than_or_and_not_closest() -> None:
    us = Compare(COUNTRY, "==", Constant("US"))
    pro = In(Attribute(("plan",)), Items(("pro", "team")))
    beta = Not(Attribute(("beta",)))
    assert parse('beta || country == "US" && plan in ["pro", "team"]') == Any((Attribute(("beta",)), All((us, pro))))
    assert parse('!beta && country == "US"') == All((beta, us))
    assert parse("(a || b) && c") == All(
        (Any((Attribute(("a",)), Attribute(("b",)))), Attribute(("c",))),
    )


@pytest.mark.parametrize(
    ("text", "position", "message", "fix"),
    [
        ("", 1, "the condition ends", "country =="),
        ('country = "US"', 9, "= is not expected", "write =="),
        ('country == "US" & beta', 17, "& is not expected", "write &&"),
        ('country == "US" and beta', 17, "and is no operator", "write &&"),
        ("not beta", 1, "not is no operator", "write !"),
        ('country == "US', 12, "the text is not closed", 'end it with "'),
        ("country == 'US\"", 12, "the text is not closed", "end it with '"),
        ("country == null", 12, "null is not supported", "has"),
        ("a + 1 == 2", 3, "a condition does not calculate", "compare"),
        ("1 < a < 3", 7, "a condition is never a number", "same kinds"),
        ("a ==", 5, "the condition ends", "country"),
        ("(a", 3, "the condition ends where ) is expected", "close ( with )"),
        ("a ? b", 6, "the condition ends where : is expected", "close ? with :"),
        ("a b", 3, "found b where the condition should end", "join"),
        ('"US"', 1, "a text alone is neither true nor false", "compare"),
        ('country && ["a"]', 12, "a list alone is neither", "in ..."),
        ('"1" == 1', 5, "a number is never a text", "same kinds"),
        ('semver(v) >= "2.1"', 11, "a version is compared with a version alone", "semver(...) on both sides"),
        ("timestamp(v) >= 5", 14, "a moment is compared with a moment alone", "timestamp(...)"),
        ('semver("2.x") >= semver(v)', 8, "'2.x' is no version", 'semver("2.10.0")'),
        ('timestamp("today") < timestamp(v)', 11, "'today' is no moment", "2026"),
        ("semver(2) < semver(v)", 8, "takes a text", "semver"),
        ('ip in cidr("10.0.0.0/99")', 12, "is no network", "10.0.0.0/8"),
        ('ip in cidr("10.0.0.1/8")', 12, "is no network", "10.0.0.0/8"),
        ('ip == cidr("10.0.0.0/8")', 4, "a network is not compared", "ip in"),
        ("ip in cidr(net)", 12, "cidr() takes a text in quotes", "cidr"),
        ('country in "US"', 12, "nothing is in a text", "contains"),
        ("[1] < a", 5, "a list has no order", "in"),
        ('email.endswith("x")', 7, "there is no method endswith", "did you mean endsWith?"),
        ('endsWith("x")', 1, "there is no function endsWith", "NAME.endsWith"),
        ('semvr("1")', 1, "there is no function semvr", "did you mean semver?"),
        ("email.endsWith(5)", 16, "endsWith is for texts", 'email.endsWith("...")'),
        ("email.matches(x)", 15, "the pattern must be written out", "matches"),
        ('email.matches("a(b")', 15, "at its character 2: ( is not closed", "\\("),
        ('has("x")', 5, "has() takes the name of an attribute", "has(country)"),
        ("context", 1, "name one of them", 'context["name"]'),
        ("context[5] == 1", 1, "name one of them", 'context["name"]'),
        ("a[1] == 2", 3, "only a text in quotes", "context"),
        ("if == 1", 1, "if is a word of the language", 'context["if"]'),
        ("a == 1.2.3", 6, "this is no number", "semver"),
        ("a == 9223372036854775808", 6, "too large", "2^63"),
        (r'a == "\q"', 6, r"\q is no escape", "pattern"),
        (r'a == "\ud800"', 6, "is no character", "code point"),
        ("a in [b]", 7, "a list holds texts and numbers alone", "||"),
        ("a in [1 2]", 9, "found 2 where , is expected", "close [ with ,"),
        ("a.5", 2, "found .5 where the condition should end", "join"),
        ("a. == 1", 4, "a name is expected behind the point", "device.os"),
        ('5 in cidr("10.0.0.0/8")', 1, "only an address is in a network", "ip in cidr"),
        ('semver("1") in ["a"]', 1, "a version is not looked up in a list", "||"),
        ("unit.foo == 1", 6, "nothing has a part called foo here", "known are"),
        ('"a" == "b', 8, "the text is not closed", '"'),
        ("a == 1e999", 6, "too large", "smaller"),
        ("#a", 1, "# is not expected", "remove it"),
        ("!" * (DEEPEST + 1) + "a", 1, "nested too deeply", "!"),
        ("(" * (DEEPEST + 1) + "a", DEEPEST + 1, "nested too deeply", "segment"),
        ("a" + "==a" * (DEEPEST + 1), 3 * DEEPEST + 5, "nested too deeply", "&&"),
        ("a" * (LONGEST + 1), 1, "longer than", "segment"),
    ],
)
def test_mistakes(text: str, position: int, message: str, fix: str) -> None:
    with pytest.raises(CelError) as error:
        parse(text)
    assert (error.value.position, str(error.value).partition(":")[0]) == (position, f"at character {position}")
    assert message in error.value.message
    assert fix in error.value.fix


def mistake_in(text: str) -> CelError | None:
    try:
        parse(text)
    except CelError as error:
        return error
    return None


@given(st.text(alphabet="ab \"'\\()[]!<>=&|?:.,-5in", max_size=40))
def test_any_text_is_a_condition_or_a_mistake_in_it(text: str) -> None:
    mistake = mistake_in(text)
    assert mistake is None or (1 <= mistake.position <= len(text) + 1 and mistake.fix)


def test_the_segments_that_a_condition_names() -> None:
    found = segments_of(parse('segment("a") && !(beta ? segment("b") : x in ["c"] || y.startsWith("d"))'))
    assert found == (("a", 9), ("b", 34))
