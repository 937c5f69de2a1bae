"""The statements for where source names the flags."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from fader.model.codebase import Codebase, Found, Sighting, sighted
from fader.storage import tables as t

#: More flags than these are not asked for by name: all are read.
NAMED = 500
_PLACES = msgspec.json.Decoder(tuple[str, ...])


def codebases(c: Connection) -> tuple[Codebase, ...]:
    asked = select(t.codebases.c.name, t.codebases.c.at, t.codebases.c.actor).order_by(t.codebases.c.name)
    return tuple(Codebase(*row) for row in c.execute(asked))


def put(c: Connection, codebase: Codebase, found: tuple[Found, ...]) -> tuple[Sighting, ...]:
    s = t.sightings.c
    known = c.execute(select(s.flag, s.seen, s.gone).where(s.codebase == codebase.name))
    before = {flag: Sighting(codebase.name, flag, seen=seen, gone=gone) for flag, seen, gone in known}
    forget(c, codebase.name)
    c.execute(insert(t.codebases).values(name=codebase.name, at=codebase.at, actor=codebase.actor))
    after = tuple(sighted(codebase, one, before.get(one.flag)) for one in found)
    if after:
        c.execute(insert(t.sightings), [_row(one) for one in after])
    return after


def _row(one: Sighting) -> dict[str, Any]:
    return {
        "flag": one.flag,
        "codebase": one.codebase,
        "references": one.references,
        "files": one.files,
        "places": msgspec.json.encode(one.places),
        "seen": one.seen,
        "gone": one.gone,
    }


def forget(c: Connection, name: str) -> None:
    c.execute(delete(t.sightings).where(t.sightings.c.codebase == name))
    c.execute(delete(t.codebases).where(t.codebases.c.name == name))


def sightings(c: Connection, flags: tuple[str, ...] | None, places: bool) -> tuple[Sighting, ...]:
    s = t.sightings.c
    asked = select(s.flag, s.codebase, t.codebases.c.at, s.references, s.files, s.places, s.seen, s.gone)
    asked = asked.join_from(t.sightings, t.codebases, t.codebases.c.name == s.codebase).order_by(s.flag, s.codebase)
    if flags is not None and len(flags) <= NAMED:
        asked = asked.where(s.flag.in_(flags))
    wanted = None if flags is None else frozenset(flags)
    return tuple(
        Sighting(codebase, flag, at, references, files, _PLACES.decode(body) if places else (), seen, gone)
        for flag, codebase, at, references, files, body, seen, gone in c.execute(asked)
        if wanted is None or flag in wanted
    )
