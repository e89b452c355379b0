"""Keys and the audit: who may come in, and what they read and did. No line of the audit is changed or deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("facilities", sa.Text, nullable=False),
        sa.Column("areas", sa.Text, nullable=False),
        sa.Column("minted_at", sa.String(27), nullable=False),
        sa.Column("expires_on", sa.Date),
        sa.Column("revoked_at", sa.String(27)),
        sa.Column("last_used_on", sa.Date),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_access_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_access_keys_hash")),
        sa.CheckConstraint("role IN ('his', 'insurer', 'ops', 'admin')", name=op.f("ck_access_keys_role")),
    )
    op.create_table(
        "audit",
        sa.Column("ordinal", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(always=True)),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("client", sa.String(39), nullable=False),
        sa.Column("request_id", sa.String(32), nullable=False),
        sa.Column("record", sa.String(64)),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_audit")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION onestop_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'this table only grows'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION onestop_only_grows()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_only_grows_{verb.lower()} BEFORE {verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'this table only grows'); END"
        )
