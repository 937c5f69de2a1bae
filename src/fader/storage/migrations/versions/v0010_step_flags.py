"""The flag that a step's rollout moves, by which the audit is searched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("steps", sa.Column("flag", sa.String(200), nullable=False, server_default=""))
    op.create_index("steps_by_flag", "steps", ["flag", "at", "rollout", "seq"])
    op.execute("UPDATE steps SET flag = coalesce(json_extract(CAST(body AS TEXT), '$.spec.flag'), '')")
