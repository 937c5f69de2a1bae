"""Where source names the flags, by codebase."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "codebases",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
    )
    op.create_table(
        "sightings",
        sa.Column("flag", sa.String(200), primary_key=True),
        sa.Column("codebase", sa.String(200), primary_key=True),
        sa.Column("references", sa.Integer, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("places", sa.LargeBinary, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("gone", sa.Float, nullable=False),
    )
