from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.assign.bucket import UNIT_BYTES, bucket
from fader.telemetry.line import LINE_BYTES, read, unit


def one(**fields: object) -> object:
    kept, broken = read(json.dumps({"t": 1.5, "s": "shop"} | fields).encode())
    assert len(kept) + broken == 1
    return kept[0] if kept else None


@pytest.mark.parametrize("t", ["1732312320.123456", 1732312320.123456])
def test_a_time_is_a_number_or_a_text(t: object) -> None:
    (kept,), _ = read(json.dumps({"t": t, "s": "shop"}).encode())
    assert kept.at == 1732312320.123456


@pytest.mark.parametrize("t", [0, -1, "", "x", None, True, [], "nan", "inf", 1732312320123])
def test_a_line_without_a_sensible_time_is_broken(t: object) -> None:
    assert one(t=t) is None


@pytest.mark.parametrize(
    ("p", "kept"),
    [("1", 1.0), (0.1, 0.1), ("0.1", 0.1), (None, None), ("-", None), ("nan", None), (0, None), (2, None)],
)
def test_an_unreadable_probability_means_outside_the_sample(p: object, kept: float | None) -> None:
    (line,), broken = read(json.dumps({"t": 1, "s": "shop", "p": p}).encode())
    assert (line.p, broken) == (kept, 0)


def test_empty_names_are_none() -> None:
    (line,), _ = read(b'{"t": 1, "s": "shop", "u": "", "v": "", "w": ""}')
    assert (line.u, line.v, line.w) == (None, None, None)


def test_fields_beside_the_contract_are_dropped() -> None:
    assert one(secret="x") == one()


def test_an_overlong_line_is_broken() -> None:
    assert one(path="x" * (LINE_BYTES - 100)) is not None
    assert one(path="x" * LINE_BYTES) is None


def test_blank_lines_are_nothing() -> None:
    assert read(b"\n \n\r\n\n") == ([], 0)


@given(st.text(min_size=1, max_size=400))
def test_a_cut_unit_is_whole_characters_and_at_most_256_bytes(text: str) -> None:
    cut = unit(text) if text.isprintable() else None
    if cut is not None:
        assert text.startswith(cut)
        assert len(cut.encode()) <= UNIT_BYTES < len(cut.encode()) + (4 if cut != text else UNIT_BYTES)
        assert unit(cut) == cut


def test_a_unit_that_is_cut_between_characters_keeps_its_bucket() -> None:
    long = "é" * 200
    assert bucket(unit(long) or "", "shop/shop-v2") == bucket(long, "shop/shop-v2")


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_reading(data: bytes) -> None:
    kept, broken = read(b'{"t": 1, "s": "shop"}\n' + data + b'\n{"t": 2, "s": "shop"}\n')
    assert [kept[0].t, kept[-1].t] == [1.0, 2.0]
    assert len(kept) - 2 + broken == sum(bool(part.strip()) for part in data.split(b"\n"))
