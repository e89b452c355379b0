"""Under which key the persons are kept, so that another key is refused, and a later one can take them over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_keys",
        sa.Column("one", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("next_id", sa.String(8)),
        sa.Column("moved_to", sa.String(64), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_person_keys_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_person_keys")),
    )
    # What is there already is under the key that was used last.
    op.execute("INSERT INTO person_keys SELECT 1, key_id, NULL, '' FROM settlements ORDER BY ordinal DESC LIMIT 1")
    op.execute(
        "INSERT INTO person_keys SELECT 1, key_id, NULL, '' FROM roster_entries "
        "WHERE NOT EXISTS (SELECT 1 FROM person_keys) ORDER BY roster DESC LIMIT 1"
    )
