"""Columns of `steps` for what is searched: who, what, and the buckets that the candidate held."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name, kind, default in (
        ("event", sa.String(100), ""),
        ("actor", sa.String(200), ""),
        ("attempt", sa.Integer, "1"),
        ("start", sa.Integer, "0"),
        ("share", sa.Integer, "0"),
    ):
        op.add_column("steps", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_index("steps_by_time", "steps", ["at", "rollout", "seq"])
    op.create_index("steps_by_actor", "steps", ["actor", "at", "rollout", "seq"])
    op.create_index("steps_by_event", "steps", ["event", "at", "rollout", "seq"])
    op.create_index("steps_by_holding", "steps", ["rollout", "seq", "attempt", "at", "start", "share"])
    _fill()


def _fill() -> None:
    steps = sa.table(
        "steps", *map(sa.column, ("rollout", "seq", "body", "event", "actor", "attempt", "start", "share"))
    )
    connection = op.get_bind()
    keys = connection.execute(sa.select(steps.c.rollout, steps.c.seq)).all()
    for rollout, seq in keys:
        this = (steps.c.rollout == rollout, steps.c.seq == seq)
        step = json.loads(connection.execute(sa.select(steps.c.body).where(*this)).scalar_one())
        after = step["after"]
        found = {"attempt": after["attempt"], "start": after["start"], "share": after["share"]}
        connection.execute(sa.update(steps).where(*this).values(event=step["event"], actor=step["actor"], **found))
