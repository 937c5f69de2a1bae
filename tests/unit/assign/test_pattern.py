"""Patterns mean what RE2 says, and take linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fader.assign.pattern import MOST_TRANSITIONS, Pattern, PatternError

from . import oracle

#: Without NUL, where the binding of the oracle ends a text.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=3)
pieces = st.recursive(
    st.sampled_from(("a", "b", ".", "[ab]", "[^a]", r"\d", r"\W", r"\s", r"\.", "^", "$", "[a-b1]", r"[\d-]", "")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("*", "+", "?", "{2}", "{1,}", "{0,2}"))).map(lambda p: f"(?:{p[0]}){p[1]}"),
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}|{p[1]})"),
    ),
    max_leaves=6,
)


@given(st.sampled_from(list("dwsDWS")).map("^[\\{}]+$".format), st.lists(texts, min_size=1))
@settings(max_examples=100, deadline=None)
@example(r"^[\w]+$", ["_", "aZ09_", "é", "-", "`", "{", "@", "["])
@example(r"^[\s]+$", [" ", "\t\n\f\r", "\v", "\xa0", "\x1f"])
@example(r"^[\D]+$", ["٣", "/", ":", "0", "9"])
def test_the_classes_are_those_of_re2(pattern: str, texts: list[str]) -> None:
    test_a_pattern_means_what_re2_says.hypothesis.inner_test(pattern, texts)


@given(pieces, st.lists(st.text("ab1.\n é", max_size=6), min_size=1, max_size=5))
@settings(max_examples=400, deadline=None)
def test_a_pattern_means_what_re2_says(pattern: str, texts: list[str]) -> None:
    found_in = Pattern(pattern).found_in
    for text in texts:
        assert found_in(text) is oracle.matches(f"@x.matches({_quoted(pattern)})", {"x": text}), text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\") + '"'


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+$", ".*.*.*.*=", "(a+){10}b", "(.*a){20}"])
def test_a_character_costs_at_most_one_step_of_the_automaton(pattern: str) -> None:
    """On patterns that take a backtracking engine for ever. Counted in work done, not in seconds: each distinct set
    of threads is found once, and there are far fewer of them than characters."""
    compiled = Pattern(pattern)
    compiled.found_in("a" * 50_000 + "c")
    assert compiled.transitions < 100


def test_an_automaton_without_end_is_forgotten_and_begun_anew() -> None:
    """(a|b)*a(a|b){12} has over 4,096 states; each text of this length meets new ones."""
    compiled = Pattern("(?:a|b)*a(?:a|b){12}c")
    text = "".join("ab"[bin(i * 2_654_435_761).count("1") % 2] for i in range(3 * MOST_TRANSITIONS))
    assert not compiled.found_in(text)
    assert 0 < compiled.transitions <= MOST_TRANSITIONS
    assert compiled.found_in(text + "a" * 13 + "c")


@pytest.mark.parametrize(
    ("pattern", "position", "message"),
    [
        ("a(b", 2, "( is not closed"),
        ("a)b", 2, "a ) without ("),
        ("[a", 1, "[ is not closed"),
        ("*a", 1, "* repeats nothing"),
        ("a**", 3, "* behind a repetition"),
        ("a+?", 3, "? behind a repetition"),
        ("a{2", 2, "{ begins no repetition"),
        ("a{x}", 2, "{ begins no repetition"),
        ("a{3,2}", 2, "out of range"),
        ("a{1001}", 2, "out of range"),
        ("(?i)a", 2, "(? begins a group"),
        ("(?=a)", 2, "(? begins a group"),
        (r"\ba", 2, r"\b is not supported"),
        (r"(a)\1", 5, r"\1 is not supported"),
        ("a\\", 3, "\\ is not supported"),
        ("[z-a]", 5, "upside down"),
        (r"[\d-z]", 6, "upside down"),
        ("[[:alpha:]]", 3, "[: is not supported"),
        ("(a{1000}){1000}", 1, "too large"),
        ("(((){1000}){1000}){1000}", 1, "too large"),
        ("(" * 60 + "a" + ")" * 60, 51, "nested too deeply"),
    ],
)
def test_what_is_not_supported_is_said_with_its_position(pattern: str, position: int, message: str) -> None:
    with pytest.raises(PatternError) as error:
        Pattern(pattern)
    assert (error.value.position, error.value.fix != "") == (position, True)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["Ann@Example.com", "ann@example.com.evil", "", "x@example.com\n"])
def test_an_everyday_pattern(text: str) -> None:
    expected = re.search(r"^[\w.+-]+@example\.com\Z", text, re.ASCII) is not None
    assert Pattern(r"^[\w.+-]+@example\.com$").found_in(text) is expected
