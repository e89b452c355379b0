"""A table for each insurance year's settlements on PostgreSQL; the rows that name a settlement say its year too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FIRST, LAST = 2024, 2028
BESIDE = ("corrections", "open_bills", "backstop_payments")
INDEXES = {
    "facility_code_bill_id": "(facility_code, bill_id)",
    "discharged_on": "(discharged_on)",
    "settled_at_settlement_id": "(settled_at, settlement_id) WHERE paid_backstop > 0",
}
Item = sa.Column[int] | sa.Column[str] | sa.Column[bytes] | sa.Constraint


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # It takes as long as it takes.
        op.execute("SET LOCAL statement_timeout = 0")
        # Whoever still records is waited for, or this ends here: what he commits behind a copy would be lost with the
        # table that it is a copy of.
        op.execute("LOCK TABLE open_bills, settlements, reversals, corrections, backstop_payments")
    for table in BESIDE:
        put_aside(table)
    if op.get_bind().dialect.name == "postgresql":
        partition_settlements()
    make_corrections()
    make_open_bills()
    make_backstop_payments()
    if op.get_bind().dialect.name == "postgresql":
        name_each_other()


def put_aside(table: str) -> None:
    """Copy a table's rows with the years of their settlements, and drop it with all that has names of its own."""
    op.execute(
        f"CREATE TABLE {table}_before AS SELECT {table}.*, settlements.insurance_year FROM {table} "  # noqa: S608 # nosec B608 # ours
        f"LEFT JOIN settlements ON settlements.settlement_id = {table}.settlement_id"
    )
    op.drop_table(table)


def partition_settlements() -> None:
    op.execute("ALTER TABLE reversals DROP CONSTRAINT fk_reversals_settlement_id")
    op.execute("ALTER TABLE settlements RENAME TO settlements_before")
    op.execute("ALTER SEQUENCE settlements_ordinal_seq RENAME TO settlements_before_ordinal_seq")
    op.execute(
        "CREATE TABLE settlements (LIKE settlements_before INCLUDING ALL EXCLUDING INDEXES) "
        "PARTITION BY RANGE (insurance_year)"
    )
    op.execute(f"CREATE TABLE settlements_earlier PARTITION OF settlements FOR VALUES FROM (MINVALUE) TO ({FIRST})")
    for year in range(FIRST, LAST + 1):
        op.execute(f"CREATE TABLE settlements_{year} PARTITION OF settlements FOR VALUES FROM ({year}) TO ({year + 1})")
    op.execute("CREATE TABLE settlements_other PARTITION OF settlements DEFAULT")
    op.execute("INSERT INTO settlements OVERRIDING SYSTEM VALUE SELECT * FROM settlements_before ORDER BY ordinal")
    count_on("settlements")
    op.execute("DROP TABLE settlements_before")
    for name, key in {
        "pk_settlements": "PRIMARY KEY (ordinal, insurance_year)",
        "uq_settlements_settlement_id_insurance_year": "UNIQUE (settlement_id, insurance_year)",
        "uq_settlements_person_insurance_year_scheme_sequence": "UNIQUE (person, insurance_year, scheme, sequence)",
        "fk_settlements_pack_hash": "FOREIGN KEY (pack_hash) REFERENCES packs (hash)",
    }.items():
        op.execute(f"ALTER TABLE settlements ADD CONSTRAINT {name} {key}")
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX ix_settlements_{name} ON settlements {columns}")
    op.execute(
        "CREATE UNIQUE INDEX ix_settlements_replaces_insurance_year ON settlements (replaces, insurance_year) "
        "WHERE replaces IS NOT NULL"
    )
    # Of a partitioned table autovacuum does not do it.
    op.execute("ANALYZE settlements")


def name_each_other() -> None:
    # When the rows are there: one pass over all of them instead of a look for each.
    for table in (*BESIDE, "reversals"):
        when = " DEFERRABLE INITIALLY DEFERRED" if table == "open_bills" else ""
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_settlement_id_insurance_year "
            f"FOREIGN KEY (settlement_id, insurance_year) REFERENCES settlements (settlement_id, insurance_year){when}"
        )
    op.execute(
        "ALTER TABLE settlements ADD CONSTRAINT fk_settlements_replaces "
        "FOREIGN KEY (replaces) REFERENCES reversals (settlement_id) DEFERRABLE INITIALLY DEFERRED"
    )


def make_corrections() -> None:
    make(
        "corrections",
        ordinal(),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.Column("insurance_year", sa.Integer, nullable=False),
        sa.Column("corrected_at", sa.String(27), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_corrections")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_corrections_settlement_id")),
        *settlement_is_there("corrections"),
    )


def make_open_bills() -> None:
    make(
        "open_bills",
        sa.Column("facility_code", sa.String(64), nullable=False),
        sa.Column("bill_id", sa.String(64), nullable=False),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.Column("insurance_year", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("facility_code", "bill_id", name=op.f("pk_open_bills")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_open_bills_settlement_id")),
        *settlement_is_there("open_bills", at_commit=True),
    )


def make_backstop_payments() -> None:
    make(
        "backstop_payments",
        ordinal(),
        sa.Column("settlement_id", sa.String(36), nullable=False),
        sa.Column("insurance_year", sa.Integer, nullable=False),
        sa.Column("payment", sa.String(7), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("said_at", sa.String(27), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("reconciliation_id", sa.String(36)),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_backstop_payments")),
        *settlement_is_there("backstop_payments"),
        sa.CheckConstraint("payment IN ('paid', 'refused')", name=op.f("ck_backstop_payments_payment")),
    )
    op.create_index(
        op.f("ix_backstop_payments_settlement_id_ordinal"), "backstop_payments", ["settlement_id", "ordinal"]
    )


def ordinal() -> sa.Column[int]:
    return sa.Column("ordinal", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(always=True))


def settlement_is_there(table: str, *, at_commit: bool = False) -> list[sa.ForeignKeyConstraint]:
    """On SQLite, where it can come with the table alone; `name_each_other` does it on PostgreSQL."""
    if op.get_bind().dialect.name == "postgresql":
        return []
    when = "DEFERRED" if at_commit else None
    name = op.f(f"fk_{table}_settlement_id")
    return [
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlements.settlement_id"], name=name, deferrable=at_commit or None, initially=when
        )
    ]


def make(table: str, *items: Item) -> None:
    """Make a table anew and give it the rows that were put aside."""
    made = op.create_table(table, *items)
    names = ", ".join(column.name for column in made.columns)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    as_they_are = "OVERRIDING SYSTEM VALUE " if is_postgresql and "ordinal" in made.columns else ""
    op.execute(f"INSERT INTO {table} ({names}) {as_they_are}SELECT {names} FROM {table}_before")  # noqa: S608 # nosec B608
    op.drop_table(f"{table}_before")
    if as_they_are:
        count_on(table)


def count_on(table: str) -> None:
    """Let the ordinals go on behind those that were copied."""
    op.execute(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'ordinal'), coalesce(max(ordinal), 1), "  # noqa: S608 # nosec B608 # ours
        f"max(ordinal) IS NOT NULL) FROM {table}"
    )
