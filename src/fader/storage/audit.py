"""Questions about the steps of all rollouts, the switches of all flags, and the applies.

Bodies of steps hold the evidence and are large: only those shown are read. Switches and applies are few and small: all
are.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from fader.model.applied import Applied
from fader.model.audit import Choices, Filter, Place, Record
from fader.model.decision import Step
from fader.model.flag import Switch
from fader.model.holding import Holding
from fader.model.share import Interval
from fader.storage.memory import CHOICES, follow, put_in_force, switched
from fader.storage.tables import applies, steps
from fader.storage.tables import switches as turned


class _Share(msgspec.Struct):
    share: int = 0


class _Said(msgspec.Struct):
    reason: str = ""


class _Body(msgspec.Struct):
    """What a record needs of a step; everything else is skipped while it is parsed."""

    reason: str
    before: _Share
    command: _Said | None = None


#: A step but for its evidence, which is passed over while it is parsed.
_TYPES = get_type_hints(Step)
_OUTLINED = tuple(f for f in fields(Step) if f.name != "evidence")
_Outline = msgspec.defstruct(
    "_Outline",
    [(f.name, _TYPES[f.name]) if f.default is MISSING else (f.name, _TYPES[f.name], f.default) for f in _OUTLINED],
)

_KEY = tuple_(steps.c.at, steps.c.rollout, steps.c.seq)
_decode = msgspec.json.Decoder(_Body).decode
_decode_applied = msgspec.json.Decoder(Applied).decode
_decode_switch = msgspec.json.Decoder(Switch).decode
_decode_outline = msgspec.json.Decoder(_Outline).decode


def row(step: Step) -> dict[str, Any]:
    """A step as it is stored."""
    return {
        "rollout": step.rollout,
        "seq": step.seq,
        "at": step.at,
        "body": msgspec.json.encode(step),
        "event": step.event,
        "actor": step.actor,
        "attempt": step.after.attempt,
        "start": step.after.start,
        "share": step.after.share,
        "flag": step.spec.flag,
    }


def outline(c: Connection, rollout: str, attempt: int) -> tuple[Step, ...]:
    return _outlined(c, steps.c.rollout == rollout, steps.c.attempt == attempt)


def since(c: Connection, rollout: str, seq: int) -> tuple[Step, ...]:
    return _outlined(c, steps.c.rollout == rollout, steps.c.seq > seq)


def _outlined(c: Connection, *of: ColumnElement[bool]) -> tuple[Step, ...]:
    found = map(_decode_outline, c.execute(select(steps.c.body).where(*of).order_by(steps.c.seq)).scalars())
    return tuple(Step(**{f.name: getattr(s, f.name) for f in _OUTLINED}) for s in found)


def records(c: Connection, wanted: Filter, limit: int, before: Place | None, after: Place | None) -> tuple[Record, ...]:
    asked = select(steps).where(*_conditions(wanted)).limit(limit)
    if after is not None:
        rows = c.execute(asked.where(_place(after) < _KEY).order_by(steps.c.at, steps.c.rollout, steps.c.seq))
        return tuple(map(_record, rows))[::-1]
    if before is not None:
        asked = asked.where(_place(before) > _KEY)
    newest = asked.order_by(steps.c.at.desc(), steps.c.rollout.desc(), steps.c.seq.desc())
    return tuple(map(_record, c.execute(newest)))


def recorded(c: Connection, wanted: Filter) -> int:
    return c.execute(select(func.count()).select_from(steps).where(*_conditions(wanted))).scalar_one()


def choices(c: Connection) -> Choices:
    found = [set(c.execute(select(steps.c[field]).distinct()).scalars()) for field in CHOICES]
    for record in others(c, Filter()):
        for values, field in zip(found, CHOICES, strict=True):
            values.add(getattr(record, field))
    return Choices(*(tuple(sorted(values - {""})) for values in found))


def others(c: Connection, wanted: Filter) -> list[Record]:
    """Switches and applies, in no order."""
    if wanted.rollout:
        return []
    found = [switched(seq, _decode_switch(body)) for seq, body in c.execute(select(turned.c.seq, turned.c.body))]
    rows = () if wanted.flag else c.execute(select(applies.c.seq, applies.c.body))
    found += [put_in_force(seq, _decode_applied(body)) for seq, body in rows]
    return list(filter(wanted.takes, found))


def holdings(c: Connection, rollouts: tuple[str, ...]) -> tuple[Holding, ...]:
    columns = (steps.c.rollout, steps.c.attempt, steps.c.at, steps.c.start, steps.c.share)
    asked = select(*columns).where(steps.c.rollout.in_(rollouts)).order_by(steps.c.rollout, steps.c.seq)
    found: list[Holding] = []
    for rollout, attempt, at, start, share in c.execute(asked):
        follow(found, Holding(rollout, attempt, at, Interval(start, share)))
    return tuple(found)


def _place(at: Place) -> ColumnElement[Any]:
    return tuple_(at.at, at.rollout, at.seq)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found = [
        column == value
        for column, value in (
            (steps.c.rollout, wanted.rollout),
            (steps.c.actor, wanted.actor),
            (steps.c.event, wanted.event),
            (steps.c.flag, wanted.flag),
        )
        if value
    ]
    if wanted.since:
        found.append(steps.c.at >= wanted.since)
    if wanted.until:
        found.append(steps.c.at < wanted.until)
    return found


def _record(row: Any) -> Record:
    body = _decode(row.body)
    return Record(
        rollout=row.rollout,
        seq=row.seq,
        at=row.at,
        event=row.event,
        actor=row.actor,
        reason=body.reason,
        said=body.command.reason if body.command else "",
        attempt=row.attempt,
        before=body.before.share,
        share=row.share,
        flag=row.flag,
    )
