from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.errors import BadInput
from fader.model.audit import Filter, Place
from fader.schema.audit import filter_of, place_of, place_text, query_of


def test_what_is_absent_or_empty_does_not_filter() -> None:
    assert filter_of({}) == filter_of({"rollout": " ", "from": "", "other": "x"}) == Filter()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-25", 1_795_564_800.0),
        ("2026-11-25T14:30", 1_795_617_000.0),
        ("2026-11-25T14:30:05Z", 1_795_617_005.0),
        ("2026-11-25T14:30+02:00", 1_795_609_800.0),
    ],
)
def test_times_are_utc_unless_they_name_a_zone(text: str, at: float) -> None:
    assert filter_of({"from": text, "until": text}) == Filter(since=at, until=at)


@pytest.mark.parametrize("text", ["yesterday", "25.11.2026", "99999999999999999999", "2026-13-01"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="until is no time"):
        filter_of({"until": text})


names = st.text("abcXYZ09-_", min_size=0, max_size=8)
times = st.integers(0, 4_000_000_000).map(float)


@given(st.builds(Filter, names, names, names, times, times))
def test_a_filter_survives_its_address(wanted: Filter) -> None:
    assert filter_of(query_of(wanted)) == wanted


@given(st.builds(Place, st.floats(0, 4e9), st.text(max_size=20), st.integers(0, 10**6)))
def test_a_place_survives_its_address(place: Place) -> None:
    assert place_of(place_text(place)) == place


@pytest.mark.parametrize("text", ["x", "1", "1~x~shop", "nan~1~shop", "inf~1~shop", "~~"])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="no place in the history"):
        place_of(text)


def test_no_place_is_none() -> None:
    assert place_of("") is None
