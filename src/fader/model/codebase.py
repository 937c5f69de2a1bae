"""Where source names the flags, as it was last searched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Places that are kept of one flag in one codebase, and the characters of each.
PLACES, LONGEST_PLACE = 5, 200


@dataclass(frozen=True, slots=True)
class Codebase:
    """The source of one or several apps under a name. `at`: when its last search was reported, `actor`: by whom."""

    name: str
    at: float
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found of a flag that it looked for: so many `references` in so many `files`, and the first places
    as `path:line`."""

    flag: str
    references: int = 0
    files: int = 0
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a flag stands in a codebase. `at`: when that was last searched for it, 0 if never, and then nothing else is
    known. `seen`: the last search that found it, 0 for none; `gone`: the first one after it that did not, 0 while it is
    there or never was."""

    codebase: str
    flag: str
    at: float = 0.0
    references: int = 0
    files: int = 0
    places: tuple[str, ...] = ()
    seen: float = 0.0
    gone: float = 0.0


def sighted(codebase: Codebase, found: Found, before: Sighting | None) -> Sighting:
    """What is known after a search. `before`: what was known until then."""
    seen, gone = (before.seen, before.gone) if before else (0.0, 0.0)
    if found.references:
        seen, gone = codebase.at, 0.0
    elif seen and not gone:
        gone = codebase.at
    return Sighting(
        codebase.name, found.flag, codebase.at, found.references, found.files, found.places, seen=seen, gone=gone
    )


class Searched:
    """What is known of flags in all codebases."""

    def __init__(self, codebases: tuple[Codebase, ...] = (), sightings: Iterable[Sighting] = ()) -> None:
        self._codebases = codebases
        self._known = {(one.flag, one.codebase): one for one in sightings}

    def of(self, flag: str) -> tuple[Sighting, ...]:
        """One of each codebase, by its name."""
        return tuple(self._known.get((flag, c.name), Sighting(c.name, flag)) for c in self._codebases)


def left(sightings: Iterable[Sighting]) -> float:
    """When the last codebase that named a flag did so no more: 0 while one names it, none ever did, or one was not
    searched for it."""
    known = tuple(sightings)
    if any(one.references or not one.at for one in known):
        return 0.0
    return max((one.gone for one in known), default=0.0)
