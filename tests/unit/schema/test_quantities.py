"""Durations, shares and tolerances as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from fader.model.metric import Margin
from fader.model.share import WHOLE, percent
from fader.schema.duration import LONGEST, format_duration, parse_duration
from fader.schema.share import parse_share
from fader.schema.tolerance import parse_tolerance


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("15s", 15),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("0", 0),
        ("1h 5s", 3605),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "10", "10x", "-1s", "1h30", "ten minutes", "400d", "1e3s", "٣s", None, ["1s"]]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(text)


@given(st.integers(0, round(LONGEST * 1000)))
def test_a_duration_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "ppm"), [("5%", 50_000), ("0.0001%", 1), ("100%", WHOLE), ("12.5 %", 125_000), ("0.3%", 3000)]
)
def test_shares(text: str, ppm: int) -> None:
    assert parse_share(text) == ppm


@pytest.mark.parametrize("text", ["", "5", "0.05", "%", "0%", "-5%", "101%", "0.00001%", "5pp", "five%", None, {}])
def test_what_is_no_share(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_share(text)


@given(st.integers(1, WHOLE))
def test_every_share_is_read_back(ppm: int) -> None:
    assert parse_share(percent(ppm)) == ppm


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("0.2pp", Margin("absolute", 0.002)),
        ("10%", Margin("relative", 0.1)),
        ("1 pp", Margin("absolute", 0.01)),
        ("150%", Margin("relative", 1.5)),
    ],
)
def test_tolerances(text: str, margin: Margin) -> None:
    assert parse_tolerance(text) == margin


@pytest.mark.parametrize("text", ["", "0.2", "0pp", "-1%", "100pp", "5000%", "10ms", "pp", None, []])
def test_what_is_no_tolerance(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_tolerance(text)
