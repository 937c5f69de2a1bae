"""What was read of external metrics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("rollout", sa.String(200), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("stage", sa.Integer, primary_key=True),
        sa.Column("metric", sa.String(200), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
