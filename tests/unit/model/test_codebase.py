"""Where source names the flags, search after search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.codebase import Codebase, Found, Searched, Sighting, left, sighted

THERE, GONE = Found("f", 3, 2, ("a.py:1", "b.py:7")), Found("f")


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_sighting_follows_the_searches(there: list[bool]) -> None:
    """At 1, 2, 3, ...: it was seen last where it was there last, and is gone since the first search after that."""
    known: Sighting | None = None
    for at, found in enumerate(there, 1):
        known = sighted(Codebase("shop", float(at)), THERE if found else GONE, known)
    assert known is not None
    last = max((at for at, found in enumerate(there, 1) if found), default=0)
    assert (known.at, known.seen) == (len(there), last)
    assert known.gone == (last + 1 if 0 < last < len(there) else 0)
    shown = (known.references, known.files, known.places)
    assert shown == ((3, 2, THERE.places) if there[-1] else (0, 0, ()))


def test_a_codebase_that_was_not_searched_for_a_flag_says_nothing_of_it() -> None:
    seen = Sighting("shop", "f", 5.0, 1, 1, seen=5.0)
    searched = Searched((Codebase("cart", 9.0), Codebase("shop", 5.0)), (seen,))
    assert searched.of("f") == (Sighting("cart", "f"), seen)
    assert [one.at for one in searched.of("g")] == [0.0, 0.0]
    assert Searched().of("f") == ()


THERE_NOW = Sighting("a", "f", 9.0, 1, 1, seen=9.0)
NEVER = Sighting("b", "f", 9.0)
NOT_ASKED = Sighting("c", "f")
LEFT_AT_5, LEFT_AT_7 = Sighting("d", "f", 9.0, seen=4.0, gone=5.0), Sighting("e", "f", 9.0, seen=6.0, gone=7.0)


@pytest.mark.parametrize(
    ("sightings", "at"),
    [
        ((), 0.0),
        ((NEVER,), 0.0),
        ((THERE_NOW,), 0.0),
        ((LEFT_AT_5,), 5.0),
        ((LEFT_AT_7, LEFT_AT_5, NEVER), 7.0),
        ((LEFT_AT_5, THERE_NOW), 0.0),
        ((LEFT_AT_5, NOT_ASKED), 0.0),
    ],
)
def test_when_a_flag_left_all_code(sightings: tuple[Sighting, ...], at: float) -> None:
    assert left(sightings) == at
