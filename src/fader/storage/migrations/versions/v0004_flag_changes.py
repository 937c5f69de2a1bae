"""When a flag was last given another definition: one that has not changed for long may be stale."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("flags", sa.Column("changed", sa.Float, nullable=False, server_default="0"))
