"""The statements for the points of charts."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from fader.model.view import Point
from fader.storage import tables as t
from fader.storage.thinning import KEEP, thin


def put(c: Connection, rollout: str, points: tuple[Point, ...]) -> None:
    """Points that are new; of each metric so many stay, the older ones thinned."""
    rows = [{"rollout": rollout, "metric": p.metric, "at": p.at, "body": msgspec.json.encode(p)} for p in points]
    c.execute(insert(t.points), rows)
    for metric in {p.metric for p in points}:
        of = (t.points.c.rollout == rollout, t.points.c.metric == metric)
        if (c.execute(select(func.count()).select_from(t.points).where(*of)).scalar() or 0) > KEEP:
            times = list(c.execute(select(t.points.c.at).where(*of).order_by(t.points.c.at)).scalars())
            gone = [{"gone": at} for at in thin(times)]
            c.execute(delete(t.points).where(*of, t.points.c.at == bindparam("gone")), gone)


def since(c: Connection, rollout: str, at: float) -> tuple[Point, ...]:
    of = (t.points.c.rollout == rollout, t.points.c.at > at)
    rows = c.execute(select(t.points.c.body).where(*of).order_by(t.points.c.at, t.points.c.metric))
    return tuple(msgspec.json.decode(body, type=Point) for body in rows.scalars())
