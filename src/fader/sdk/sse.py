"""Server-sent events, as far as fader sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """`kind` "" is a comment: a sign of life. `id`: of the last event that had one."""

    kind: str
    id: str
    data: bytes


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """One for each block of lines; the last one without its empty line is cut off, and none. Raises ValueError for a
    kind or an id that is no text."""
    kind, last = "", ""
    data: list[bytes] = []
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if not line:
            yield Event(kind, last, b"\n".join(data))
            kind, data = "", []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode()
        elif name == b"id":
            last = value.decode()
