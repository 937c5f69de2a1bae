"""Moments as RFC 3339 writes them, e.g. `2026-03-01T12:00:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: CEL's range: the years 1 to 9999.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799


def nanoseconds(value: object) -> int | None:
    """Since 1970-01-01 UTC, of an RFC 3339 text or of whole seconds; None when it is no moment.

    >>> nanoseconds("1970-01-01T01:00:00.5+01:00")
    500000000
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1_000_000_000 if _FIRST <= value <= _LAST else None
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1].upper() + ("+00:00" if found[3] in "Zz" else found[3]))
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * 1_000_000_000 + int((found[2] or "0").ljust(9, "0")) if _FIRST <= seconds <= _LAST else None
