"""A named event as it is spooled and stored: one line of JSON, its properties by type."""

from __future__ import annotations

import math
import re

import msgspec
from msgspec import Struct

from fader.assign.bucket import UNIT_BYTES
from fader.errors import BadInput, Problem
from fader.ports.events import Tracked
from fader.telemetry.fingerprint import of_error
from fader.telemetry.line import LATEST, key, name
from fader.telemetry.template import template

#: What an event or a property may be called: it stands in a query, so nothing else passes.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
#: Characters of a text that are kept of a property.
TEXT = 1_000
#: Names with a meaning of their own.
EXPOSURE, ERROR = "exposure", "error"


class TrackedRow(Struct):
    """`i` a hash of the id, `k` of the unit; `mark`: the fingerprint of an error; `seen`: when the server got it."""

    i: int
    k: int
    u: str
    t: float
    name: str
    r: str
    v: str
    numbers: dict[str, float]
    texts: dict[str, str]
    mark: str
    seen: float


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(TrackedRow)


def encode(events: tuple[Tracked, ...]) -> bytes:
    """Lines for the spool. Raises BadInput for what cannot be an event: nothing of all of them is taken then."""
    problems: list[Problem] = []
    rows = []
    for index, event in enumerate(events):
        row = row_of(event)
        if isinstance(row, Problem):
            problems.append(Problem(row.message, row.fix, f"events[{index}]"))
        else:
            rows.append(row)
    if problems:
        raise BadInput(*problems)
    return _encoder.encode_lines(rows)


def decode(data: bytes) -> list[TrackedRow]:
    """What was spooled. Raises ValueError: the spool holds whole lines that this module wrote."""
    return [_decoder.decode(line) for line in data.split(b"\n") if line]


def row_of(event: Tracked) -> TrackedRow | Problem:
    """The row of an event, or what is wrong with it. A boolean is both: the number 1 or 0, and a text."""
    unit = name(event.unit)
    if unit is None:
        return Problem("it has no unit", f"give the unit that the gateway assigns by, 1 to {UNIT_BYTES} bytes")
    if not event.id or len(event.id) > 200:
        return Problem("its id is empty or longer than 200 characters", "make one with uuid4")
    if not NAME.fullmatch(event.name) or event.name == "request":
        return Problem(
            f"it cannot be called {event.name[:100]!r}",
            "use letters, digits and _ . : - (at most 100, a letter first); `request` is the gateway's",
        )
    if not (math.isfinite(event.at) and 0 < event.at < LATEST):
        return Problem(f"its time {event.at!r} is none", "give seconds since 1970")
    if event.name == EXPOSURE and not (event.rollout and event.version):
        return Problem("an exposure needs rollout and version", "say to what the unit was exposed")
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for key_, value in event.properties:
        if not NAME.fullmatch(key_):
            return Problem(f"a property cannot be called {key_[:100]!r}", "use letters, digits and _ . : -")
        if isinstance(value, str):
            texts[key_] = value[:TEXT]
            continue
        if not math.isfinite(value):
            return Problem(f"its property {key_} is no finite number", "leave it out")
        numbers[key_] = float(value)
        if isinstance(value, bool):
            texts[key_] = str(value).lower()
    try:
        identity = key(event.id)
        msgspec.json.encode((texts, event.rollout, event.version))
    except UnicodeEncodeError:
        return Problem("it holds a text that is no Unicode", "send UTF-8")
    mark = _mark(numbers, texts) if event.name == ERROR else ""
    return TrackedRow(
        identity,
        key(unit),
        unit,
        float(event.at),
        event.name,
        event.rollout,
        event.version,
        numbers,
        texts,
        mark,
        event.received,
    )


def _mark(numbers: dict[str, float], texts: dict[str, str]) -> str:
    status = f"{numbers['status']:g}" if "status" in numbers else texts.get("status", "")
    method, _, path = texts.get("route", "").rpartition(" ")
    route = template(method, path) if path.startswith("/") else path
    return of_error(texts.get("type", ""), route, status, texts.get("message", ""))
