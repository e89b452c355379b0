"""How the replay and the backup last ended, so that somebody is woken when they did not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("job", sa.String(16), nullable=False),
        sa.Column("ended_at", sa.String(27), nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("faults", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_jobs")),
    )
