"""A segment: a set of units with a name, for use in the conditions of flags and of other segments."""

from __future__ import annotations

from dataclasses import dataclass

#: An explicit list is at most this long.
MOST_UNITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Segment:
    """The listed `units`, and whoever `condition` holds for ("" is nobody)."""

    name: str
    condition: str = ""
    units: tuple[str, ...] = ()
    description: str = ""
