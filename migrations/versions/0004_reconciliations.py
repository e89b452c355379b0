"""Reconciliations with the other side's books."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("ordinal", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(always=True)),
        sa.Column("reconciliation_id", sa.String(36), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("bounds", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_reconciliations")),
        sa.UniqueConstraint("reconciliation_id", name=op.f("uq_reconciliations_reconciliation_id")),
    )
