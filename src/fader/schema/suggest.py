"""What somebody probably meant, and how a mistake is handed to pydantic."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from pydantic_core import PydanticCustomError

#: The type of every pydantic error that carries its own message and fix.
WRONG = "fader"
#: So many names are listed of those that are known.
MOST_NAMED = 50


def wrong(message: str, fix: str, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The error a validator raises: what is wrong, what to write instead, and where below the validated thing."""
    return PydanticCustomError(WRONG, "{message}", {"message": message, "fix": fix, "at": at})


def quoted(value: object) -> str:
    """A value as it is repeated to its writer; long ones are cut."""
    text = str(value)
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}..."'


def listed(names: Iterable[str]) -> str:
    """`a, b, c`, or `(none)`."""
    return ", ".join(names) or "(none)"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix for a word that is none of `known`: the nearest one, or all of them."""
    return _nearest(word, tuple(known))


@lru_cache(maxsize=256)
def _nearest(word: str, names: tuple[str, ...]) -> str:
    """One slip may stand in ten thousand flags, and to look through a thousand names takes long."""
    near = get_close_matches(word.lower(), [n.lower() for n in names], n=1, cutoff=0.6 if len(names) > 1 else 0.5)
    if near:
        return f"did you mean {next(n for n in names if n.lower() == near[0])}?"
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"known are: {listed(names[:MOST_NAMED])}{more}"
