from __future__ import annotations

import pytest

from fader.assign.moment import nanoseconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000_000_000),
        (1, 1_000_000_000),
        (True, None),
        (1.5, None),
        (None, None),
        (10**18, None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-02-28", None),
        ("2026-02-28T00:00:00", None),
        ("2026-02-28T00:00:00.1234567891Z", None),
        ("0001-01-01T00:00:00+23:59", None),
    ],
)
def test_moments(value: object, expected: int | None) -> None:
    assert nanoseconds(value) == expected
