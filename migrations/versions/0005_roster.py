"""The roster: who is registered as what, where, and on which days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "rosters",
        sa.Column("ordinal", number, sa.Identity(always=True)),
        sa.Column("imported_at", sa.String(27), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_rosters")),
    )
    op.create_table(
        "roster_entries",
        sa.Column("roster", number, nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("county", sa.String(6), nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.PrimaryKeyConstraint("roster", "person", "row", name=op.f("pk_roster_entries")),
        sa.ForeignKeyConstraint(["roster"], ["rosters.ordinal"], name=op.f("fk_roster_entries_roster")),
    )
