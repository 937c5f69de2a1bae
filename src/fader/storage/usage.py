"""The statements for how often each variant of a flag was given, by day."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from fader.model.usage import DAYS, Given, Usage, days_before
from fader.storage import tables as t


def add(c: Connection, usage: tuple[Usage, ...]) -> None:
    rows = [{"flag": u.flag, "day": u.day, "variant": u.variant, "count": u.count} for u in usage]
    oldest = days_before(max(u.day for u in usage), DAYS)
    added = insert(t.usage)
    added = added.on_conflict_do_update(
        index_elements=["flag", "day", "variant"], set_={"count": t.usage.c["count"] + added.excluded.count}
    )
    c.execute(added, rows)
    c.execute(delete(t.usage).where(t.usage.c.day <= oldest))


def given(c: Connection, today: str) -> tuple[Given, ...]:
    day, count = t.usage.c.day, t.usage.c["count"]
    of_today = func.sum(case((day == today, count), else_=0))
    of_week = func.sum(case((day.between(days_before(today, 6), today), count), else_=0))
    by = (t.usage.c.flag, t.usage.c.variant)
    asked = select(*by, of_today, of_week, func.min(day), func.max(day)).group_by(*by).order_by(*by)
    return tuple(Given(*row) for row in c.execute(asked))
