"""Templates of requests: words stay, ids go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.telemetry.template import SEGMENTS, WORD, segment_of, template


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/items", "/items"),
        ("/items/42", "/items/{}"),
        ("/items/42/", "/items/{}/"),
        ("/v2/oauth2/login", "/v2/oauth2/login"),
        ("/u/3f2504e0-4f89-11d3-9a0c-0305e82c3301/x", "/u/{}/x"),
        ("/3F2504E04F8911D39A0C0305E82C3301", "/{}"),
        ("/feed/decade/deface", "/feed/decade/deface"),
        ("/a8Kd93Lx", "/{}"),
        ("/item-00412", "/{}"),
        ("/2024-01-02", "/{}"),
        ("/caf%C3%A9", "/{}"),
        ("/sign-in_now.html", "/sign-in_now.html"),
        ("/" + "a" * WORD, "/" + "a" * WORD),
        ("/" + "a" * (WORD + 1), "/{}"),
        ("/a" * 20, "/a" * SEGMENTS + "/..."),
    ],
)
def test_what_looks_like_an_id_is_replaced(path: str, expected: str) -> None:
    assert template("GET", path) == f"GET {expected}"


def test_without_a_path_there_is_none() -> None:
    assert template("GET", None) == template("GET", "") == ""
    assert template(None, "/x") == "- /x"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_a_template_is_its_own_template_and_short(path: str) -> None:
    found = template("GET", path).removeprefix("GET ")
    if not found.endswith("/..."):
        assert template("GET", found) == f"GET {found}"
    assert len(found) <= (WORD + 1) * (SEGMENTS + 2)


@given(st.integers(0), st.uuids(), st.binary(min_size=8, max_size=20))
def test_ids_of_any_kind_leave_one_template(number: int, uuid: object, data: bytes) -> None:
    assert segment_of(str(number)) == segment_of(str(uuid)) == "{}"
    if any(character.isdigit() for character in data.hex()):
        assert segment_of(data.hex()) == "{}"


@given(st.from_regex(r"[a-z]{1,12}([-_][a-z]{1,8})?", fullmatch=True))
def test_words_stay(word: str) -> None:
    assert segment_of(word) == word
