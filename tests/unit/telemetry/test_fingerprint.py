"""Fingerprints of errors: the same error gives the same text, whoever met it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.telemetry.fingerprint import MESSAGE, message_of, of_error, of_request


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no item 17 for 'ann'", "no item <n> for <text>"),
        ("took 1,203.5 of 10 s", "took <n> of <n> s"),
        ("no route to 10.1.2.3:8080", "no route to <address>"),
        ("no route to [fe80:0:0:0:1:2:3:4]:80", "no route to <address>"),
        ("user 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is gone", "user <id> is gone"),
        ("at 0x7f3a9c line 12", "at <id> line <n>"),
        ("token a8Kd93Lx expired", "token <id> expired"),
        ("mail to a.b@example.org failed", "mail to <email> failed"),
        ("GET https://example.org/a?b=1 failed", "GET <url> failed"),
        ('unexpected "}"\n  in   `x`', "unexpected <text> in <text>"),
        ("list index out of range", "list index out of range"),
        ("", ""),
    ],
)
def test_what_differs_between_two_of_the_same_is_replaced(message: str, expected: str) -> None:
    assert message_of(message) == expected


@given(st.integers(0, 10**9), st.uuids(), st.from_regex(r"[a-z0-9 ]{0,20}", fullmatch=True))
def test_the_same_error_of_another_user_has_the_same_fingerprint(number: int, uuid: object, text: str) -> None:
    assert message_of(f"order {number} of {uuid}: no '{text}'") == "order <n> of <id>: no <text>"


@given(st.text(max_size=5000))
def test_any_text_becomes_one_short_line(text: str) -> None:
    found = message_of(text)
    assert len(found) <= MESSAGE
    assert "\n" not in found
    assert not any(character.isascii() and character.isdigit() for character in found)


def test_parts_that_are_unknown_are_left_out() -> None:
    assert of_request(502, "GET /items/{}") == "502 GET /items/{}"
    assert of_error("KeyError", "GET /cart", "500", "7") == "KeyError GET /cart 500: <n>"
    assert of_error("", "", "", "boom") == "boom"
    assert of_error("KeyError", "", "", "") == "KeyError"
    assert of_error("", "", "", "") == ""
