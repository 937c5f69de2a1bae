"""How often each variant of a flag was given, by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("flag", sa.String(200), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("variant", sa.String(200), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
