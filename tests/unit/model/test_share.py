from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.share import WHOLE, Interval, percent

starts, widths, buckets = st.integers(0, WHOLE - 1), st.integers(0, WHOLE), st.integers(0, WHOLE - 1)


@given(starts, widths, buckets)
def test_the_pieces_are_the_interval(start: int, width: int, bucket: int) -> None:
    interval = Interval(start, width)
    assert (bucket in interval) == any(lo <= bucket < hi for lo, hi in interval.pieces())
    assert sum(hi - lo for lo, hi in interval.pieces()) == width


@given(starts, widths, widths, buckets)
def test_a_wider_one_takes_nobody_back(start: int, a: int, b: int, bucket: int) -> None:
    narrow, wide = sorted((a, b))
    if bucket in Interval(start, narrow):
        assert bucket in Interval(start, wide)


@pytest.mark.parametrize(
    ("ppm", "text"), [(50_000, "5%"), (1, "0.0001%"), (WHOLE, "100%"), (0, "0%"), (125_000, "12.5%")]
)
def test_as_people_write_it(ppm: int, text: str) -> None:
    assert percent(ppm) == text
