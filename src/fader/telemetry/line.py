"""One line of the access log: the request as a gateway wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import msgspec
import xxhash
from msgspec import Meta, Struct

from fader.assign.bucket import UNIT_BYTES, seed
from fader.model.share import WHOLE, Draw
from fader.telemetry.template import template
from fader.telemetry.trace import trace_id

#: A longer line is broken: it would cost memory in proportion, and no request needs it.
LINE_BYTES = 262_144

#: Past this many seconds since 1970 (the year 5138) a time is nonsense, e.g. milliseconds taken for seconds.
LATEST = 1e11

#: The seed of `key`.
KEY_SEED = 0x66616465726B6579

Count = Annotated[int, Meta(ge=0, le=2**53)]


class Line(Struct):
    """What is kept of a request. Names are those of the log; fields that the log has beside these are not kept.

    `t` start, seconds since 1970; `u` unit; `s` service; `r` rollout; `v` assigned and `w` serving version;
    `why` rollout, preview, excluded, forced, outside, withdrawn or none; `p` the unit's inclusion probability, None
    when the unit is outside the sample and the line was kept for what it shows; `c` status, 0 when nothing was
    answered; `f` response flags; `us` duration in microseconds; `m` method; `rx`, `tx` bytes received and sent;
    `tp` the header `traceparent`, of which the trace is kept; `x` what rollouts of flags gave, which becomes exposures
    and is not kept here. Made here: `k` the unit's key, `route` the request's
    template.
    """

    t: float | str
    s: str
    u: str | None = None
    r: str | None = None
    v: str | None = None
    why: str | None = None
    w: str | None = None
    p: float | str | None = None
    c: Annotated[int, Meta(ge=0, le=999)] | None = None
    f: str | None = None
    us: Count | None = None
    m: str | None = None
    path: str | None = None
    rx: Count | None = None
    tx: Count | None = None
    tp: str | None = None
    x: str | None = None
    k: int | None = msgspec.field(default=None, name="#k")
    route: str | None = msgspec.field(default=None, name="#route")

    @property
    def at(self) -> float:
        return float(self.t)

    @property
    def status(self) -> int:
        return self.c or 0


_decoder = msgspec.json.Decoder(Line)


def read(data: bytes) -> tuple[list[Line], int]:
    """The requests in newline-separated JSON, and how many lines could not be read. Never raises.

    Broken is a line that is torn, no JSON object, of a wrong type, overlong, or without a time or a service. Blank
    lines are neither. An empty unit or version is none.
    """
    kept: list[Line] = []
    broken = 0
    for text in data.split(b"\n"):  # never splitlines: U+0085 and U+2028 may stand in a line
        if not text or text.isspace():
            continue
        line = _line(text)
        if line is None:
            broken += 1
        else:
            kept.append(line)
    return kept, broken


def _line(text: bytes) -> Line | None:
    if len(text) > LINE_BYTES:
        return None
    try:
        line = _decoder.decode(text)
        line.t = float(line.t)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors; nesting may be too deep
        return None
    if not (0 < line.t < LATEST and line.s):
        return None
    line.p = _probability(line.p)
    line.u = logged(line.u)
    line.v = line.v or None
    line.w = line.w or None
    line.k = key(line.u) if line.u else None
    line.route = template(line.m, line.path)
    line.tp = trace_id(line.tp)
    return line


def key(text: str) -> int:
    """62 bits of a hash, by which units are grouped and joined: whole numbers are cheaper than texts.

    Among ten million units two share one with a probability of 1 in 90,000. Kept in tables: never change it.
    """
    return xxhash.xxh64_intdigest(text.encode(), KEY_SEED) >> 2


def _probability(p: float | str | None) -> float | None:
    if p is None:
        return None
    try:
        value = float(p)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 < value <= 1 else None


def logged(text: str | None) -> str | None:
    """The unit of a line. A gateway has cut it at 256 bytes already; bytes that are no UTF-8 it wrote as Latin-1."""
    if not text:
        return None
    if len(text) <= UNIT_BYTES // 4 or (len(text) <= UNIT_BYTES and max(text) <= "\xff"):
        return text
    return name(text)


def drawn_logged(draw: Draw) -> Callable[[str], bool]:
    """Whether a unit, as it is logged, is one of them. Only a unit that is no UTF-8 has more bytes here than a gateway
    hashed."""
    salt, interval = seed(draw.salt), draw.interval

    def holds(unit: str) -> bool:
        raw = unit.encode()
        if len(raw) > UNIT_BYTES:
            raw = unit.encode("latin-1", errors="replace")
        return xxhash.xxh64_intdigest(raw, salt) % WHOLE in interval

    return holds


def name(unit: str) -> str | None:
    """The unit that a person or an app names, as a gateway logs it. None where there is no such unit."""
    try:
        cut = unit.encode(errors="surrogateescape")[:UNIT_BYTES]
    except UnicodeEncodeError:
        return None
    try:
        return cut.decode() or None
    except UnicodeDecodeError:
        return cut.decode("latin-1")
