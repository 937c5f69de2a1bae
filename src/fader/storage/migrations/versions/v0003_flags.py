"""Flags, segments, and who switched a flag on or off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("flags", "segments"):
        op.create_table(
            table,
            sa.Column("name", sa.String(200), primary_key=True),
            sa.Column("position", sa.Integer, nullable=False),
            sa.Column("body", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "switches",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("flag", sa.String(200), nullable=False, index=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
