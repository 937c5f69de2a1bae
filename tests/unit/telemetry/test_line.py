from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.assign.bucket import UNIT_BYTES, bucket
from fader.telemetry.line import LINE_BYTES, logged, name, read


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


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("parent", "kept"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-comes-later", TRACE),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7", None),
        ('"><script>', None),
        ("", None),
        (None, None),
    ],
)
def test_a_trace_is_what_the_standard_says(parent: str | None, kept: str | None) -> None:
    assert one(tp=parent).tp == kept


def test_fields_beside_the_contract_are_dropped() -> None:
    assert one(secret="x") == one()


def test_an_overlong_line_is_broken() -> None:
    assert one(path="x" * (LINE_BYTES - 100)) is not None
    assert one(path="x" * LINE_BYTES) is None


def test_blank_lines_are_nothing() -> None:
    assert read(b"\n \n\r\n\n") == ([], 0)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_named_unit_is_found_as_logged_and_keeps_its_bucket(text: str) -> None:
    found = name(text)
    raw = text.encode()[:UNIT_BYTES]
    if not text:
        assert found is None
        return
    assert found in (raw.decode(errors="replace"), raw.decode("latin-1"))
    assert logged(found) == found
    if found == raw.decode(errors="replace"):
        assert bucket(found, "shop/shop-v2") == bucket(text, "shop/shop-v2")


@given(st.binary(min_size=1, max_size=UNIT_BYTES))
def test_what_a_gateway_cut_is_not_cut_again(raw: bytes) -> None:
    try:
        written = raw.decode()
    except UnicodeDecodeError:
        written = raw.decode("latin-1")
    assert logged(written) == written
    assert name(raw.decode(errors="surrogateescape")) == written


def test_lines_end_at_newlines_alone() -> None:
    (kept,), broken = read('{"t": 1, "s": "shop", "u": "a\u2028b\u0085c"}\n'.encode())
    assert (kept.u, broken) == ("a\u2028b\u0085c", 0)


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_reading(data: bytes) -> None:
    kept, broken = read(b'{"t": 1, "s": "shop"}\n' + data + b'\n{"t": 2, "s": "shop"}\n')
    assert [kept[0].t, kept[-1].t] == [1.0, 2.0]
    assert len(kept) - 2 + broken == sum(bool(part.strip()) for part in data.split(b"\n"))
