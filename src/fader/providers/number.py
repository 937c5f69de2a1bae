"""What counts as a number: finite, and a number."""

from __future__ import annotations

from math import isfinite

from fader.providers.request import NoNumber

#: Larger ones cannot be added up without losing the small.
LARGEST = 1e15


def number(value: object) -> float:
    """Of a JSON number, or a text of one. Raises NoNumber."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise NoNumber(f"answered with {_kind(value)} where a number is needed")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise NoNumber(f'answered with "{str(value)[:40]}" where a number is needed') from None
    if not isfinite(found):
        raise NoNumber(f"answered with {value}, which is no number")
    if abs(found) > LARGEST:
        raise NoNumber(f"answered with {found:g}, which is too large to be counted with")
    return found


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", dict: "a mapping", list: "a list"}.get(type(value), "something else")
