"""Backstops by the day they were recorded, and what the insurer said of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HAS_BACKSTOP = sa.text("paid_backstop > 0")


def upgrade() -> None:
    op.create_table(
        "backstop_payments",
        sa.Column("ordinal", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(always=True)),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.Column("payment", sa.String(7), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("said_at", sa.String(27), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("reconciliation_id", sa.String(36)),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_backstop_payments")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlements.settlement_id"], name=op.f("fk_backstop_payments_settlement_id")
        ),
        sa.CheckConstraint("payment IN ('paid', 'refused')", name=op.f("ck_backstop_payments_payment")),
    )
    op.create_index(
        op.f("ix_backstop_payments_settlement_id_ordinal"), "backstop_payments", ["settlement_id", "ordinal"]
    )
    op.create_index(
        op.f("ix_settlements_settled_at_settlement_id"), "settlements", ["settled_at", "settlement_id"],
        postgresql_where=HAS_BACKSTOP, sqlite_where=HAS_BACKSTOP,
    )  # fmt: skip # one index
    op.create_index(op.f("ix_reversals_reversed_at_reversal_id"), "reversals", ["reversed_at", "reversal_id"])
