"""The conditions of metrics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from fader.model.metric import REQUEST_FIELDS, Comparison
from fader.schema.where import parse_where


def test_one_comparison() -> None:
    assert parse_where("status >= 500") == (Comparison("status", ">=", 500.0),)


def test_several_joined() -> None:
    assert parse_where("""status>=500 && path != "/healthz" && method=='GET' """) == (
        Comparison("status", ">=", 500.0),
        Comparison("path", "!=", "/healthz"),
        Comparison("method", "==", "GET"),
    )


def test_quotes_are_escaped() -> None:
    assert parse_where(r'path == "a\"b\\c && d"') == (Comparison("path", "==", 'a"b\\c && d'),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at character 1: the condition ends where a field of the request is expected"),
        ("status", "at character 7: the condition ends where ==, !=, <, <=, > or >= is expected"),
        ("status >=", "at character 10: the condition ends where a number is expected"),
        ("status >= x", "at character 11: found x where a number is expected"),
        ("status >= '500'", "at character 11: status is a number, not a text"),
        ("status = 500", "at character 8: = is no comparison"),
        ("!(status == 500)", "at character 1: ! is not supported"),
        ("status >= 500 status", "at character 15: found status where && is expected"),
        ("status >= 500 && user == 'x'", "at character 18: unknown field user"),
        ("path < '/a'", "at character 6: path is a text and has no order"),
        ('path == "/a', "at character 9: the text is not closed"),
        ("status >= 5oo", 'at character 11: found "5" where a number is expected'),
        ("500 <= status", "at character 1: found 500 where a field of the request is expected"),
    ],
)
def test_a_mistake_has_its_position(text: str, message: str) -> None:
    with pytest.raises(PydanticCustomError) as error:
        parse_where(text)
    assert str(error.value) == message


@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from([f for f, k in REQUEST_FIELDS.items() if k == "number"]),
                st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
                st.integers(-(10**9), 10**9).map(float),
            ),
            st.tuples(st.sampled_from(["method", "path"]), st.sampled_from(["==", "!="]), st.text(max_size=20)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_written_is_read_back(parts: list[tuple[str, str, float | str]]) -> None:
    def literal(value: float | str) -> str:
        if isinstance(value, float):
            return f"{value:.0f}"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = " && ".join(f"{field} {operator} {literal(value)}" for field, operator, value in parts)
    assert [(c.field, c.operator, c.value) for c in parse_where(text)] == parts


@given(st.text(alphabet="status path<>=!&|()'\"\\/. 0159-x", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        said = f"at character: {parse_where(text)}"
    except PydanticCustomError as error:
        said = str(error)
    assert said.startswith("at character")
