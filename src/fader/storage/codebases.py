"""The statements for where source names the flags."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select

from fader.model.codebase import Codebase, Found, Sighting, sighted
from fader.storage import tables as t

#: More flags than these are not asked for by name: all are read.
NAMED = 500


def codebases(c: Connection) -> tuple[Codebase, ...]:
    asked = select(t.codebases.c.name, t.codebases.c.at, t.codebases.c.actor).order_by(t.codebases.c.name)
    return tuple(Codebase(*row) for row in c.execute(asked))


def put(c: Connection, codebase: Codebase, found: tuple[Found, ...]) -> None:
    of = t.sightings.c.codebase == codebase.name
    known = {
        row.flag: row for row in c.execute(select(t.sightings.c.flag, t.sightings.c.seen, t.sightings.c.gone).where(of))
    }
    before = {flag: Sighting(codebase.name, flag, seen=row.seen, gone=row.gone) for flag, row in known.items()}
    forget(c, codebase.name)
    c.execute(insert(t.codebases).values(name=codebase.name, at=codebase.at, actor=codebase.actor))
    after = [sighted(codebase, one, before.get(one.flag)) for one in found]
    if after:
        c.execute(
            insert(t.sightings),
            [
                {
                    "flag": one.flag,
                    "codebase": one.codebase,
                    "references": one.references,
                    "files": one.files,
                    "places": msgspec.json.encode(one.places),
                    "seen": one.seen,
                    "gone": one.gone,
                }
                for one in after
            ],
        )


def forget(c: Connection, name: str) -> None:
    c.execute(delete(t.sightings).where(t.sightings.c.codebase == name))
    c.execute(delete(t.codebases).where(t.codebases.c.name == name))


def sightings(c: Connection, flags: tuple[str, ...] | None) -> tuple[Sighting, ...]:
    s = t.sightings.c
    asked = (
        select(s.codebase, s.flag, t.codebases.c.at, s.references, s.files, s.places, s.seen, s.gone)
        .join_from(t.sightings, t.codebases, t.codebases.c.name == s.codebase)
        .order_by(s.flag, s.codebase)
    )
    if flags is not None and len(flags) <= NAMED:
        asked = asked.where(s.flag.in_(flags))
    wanted = None if flags is None else set(flags)
    return tuple(
        Sighting(*row[:5], msgspec.json.decode(row.places, type=tuple[str, ...]), *row[6:])
        for row in c.execute(asked)
        if wanted is None or row.flag in wanted
    )
