"""The template of a request: its method and path, with what looks like an id replaced by `{}`. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

#: Where an id stood.
HOLE = "{}"
#: A path is cut after this many segments, so that a scanner's inventions stay few names.
SEGMENTS = 12
#: Longer segments are ids (tokens, encoded texts): no route has a word of this length.
WORD = 32

#: A number or a date; hexadecimal digits with at least one digit, from 6 on; a UUID.
_ID = re.compile(
    r"""\d[\d.,:_-]*
    |(?=[a-f]*\d)[0-9a-f]{6,}
    |[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}""",
    re.VERBOSE | re.IGNORECASE,
)
#: Letters and digits in turns, from 8 characters on: `a8Kd93Lx`, `item-00412`, but neither `oauth2` nor `v2`.
_MIXED = re.compile(r"(?=(?:\D*\d){2})(?=.*[^\W\d_])\S{8,}")
_PLAIN = re.compile(r"[\w.~@+-]+", re.ASCII)


@lru_cache(maxsize=65_536)
def template(method: str | None, path: str | None) -> str:
    """`GET /items/42` becomes `GET /items/{}`. Without a path: "". The same for a template: it is one already."""
    if not path:
        return ""
    segments = path.split("/")
    kept = [segment_of(segment) for segment in segments[: SEGMENTS + 1]]
    if len(segments) > SEGMENTS + 1:
        kept.append("...")
    return f"{method or '-'} {'/'.join(kept)}"


def segment_of(segment: str) -> str:
    """A segment of a path, or `{}` where it looks like an id."""
    if not segment or segment == HOLE:
        return segment
    if len(segment) > WORD or not _PLAIN.fullmatch(segment) or _ID.fullmatch(segment) or _MIXED.fullmatch(segment):
        return HOLE
    return segment
