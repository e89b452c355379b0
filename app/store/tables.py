"""The ledger's tables: records that only grow, and two small tables of state that can be built anew from them.

Money is whole fen in BIGINT; the constraints say what must always hold, whatever our code does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    event,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import NullType

from app.settlement.result import Payers
from app.settlement.year import YearToDate

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Select

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

UUID_LENGTH: Final = 36
HASH_LENGTH: Final = 64
PACK_HASH_LENGTH: Final = len("sha256:") + HASH_LENGTH
IDENTIFIER_LENGTH: Final = 64
# 2026-11-24T08:30:00.123456Z
TIME_LENGTH: Final = 27
KEY_ID_LENGTH: Final = 8
ROLE_LENGTH: Final = 8
# A key's id, a token's bearer as a pseudonym, or `command line`.
BEARER_LENGTH: Final = 32
ACTION_LENGTH: Final = 32
# An IPv6 address.
CLIENT_LENGTH: Final = 39
REQUEST_ID_LENGTH: Final = 32
RECORD_LENGTH: Final = 64
JOB_LENGTH: Final = 16

BEFORE: Final = tuple(f"before_{name}" for name in YearToDate._fields)
PAID: Final = tuple(f"paid_{name}" for name in Payers._fields)


def _ordinal() -> Column[int]:
    # SQLite counts only an INTEGER key up by itself.
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("ordinal", kind, Identity(always=True), primary_key=True)


def _fen(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _person_year() -> tuple[Column[str], Column[int], Column[str]]:
    """Whose year a record belongs to: the person's pseudonym, the year, the scheme ("" where a pack has none)."""
    return (
        Column("person", String(HASH_LENGTH), nullable=False),
        Column("insurance_year", Integer, nullable=False),
        Column("scheme", String(IDENTIFIER_LENGTH), nullable=False),
    )


def _chained() -> tuple[Column[int], Column[str], Column[str]]:
    """A record's place in the chain of its person-year, the hash of the record before it, and its own."""
    return (
        Column("sequence", Integer, nullable=False),
        Column("previous_hash", String(HASH_LENGTH), nullable=False),
        Column("record_hash", String(HASH_LENGTH), nullable=False),
    )


def _settlement_id(*, unique: bool) -> Column[str]:
    """The settlement that a row is about; with `unique` each has at most one such row."""
    return Column("settlement_id", String(UUID_LENGTH), nullable=False, unique=unique)


def _insurance_year() -> Column[int]:
    """The year of the settlement that a row is about: the settlements are partitioned by it."""
    return Column("insurance_year", Integer, nullable=False)


def _settlement_is_there(*, at_commit: bool = False) -> tuple[ForeignKeyConstraint, ForeignKeyConstraint]:
    """That a row's settlement is there; of a partitioned table only a key with the year in it can be named."""
    when: Any = {"deferrable": True, "initially": "DEFERRED"} if at_commit else {}
    own, theirs = ["settlement_id", "insurance_year"], ["settlements.settlement_id", "settlements.insurance_year"]
    return (
        ForeignKeyConstraint(own, theirs, **when).ddl_if(dialect="postgresql"),
        ForeignKeyConstraint(own[:1], theirs[:1], **when).ddl_if(dialect="sqlite"),
    )


def _not_negative(name: str, columns: tuple[str, ...]) -> CheckConstraint:
    # Negative where one of them is: the sign is a bit. PostgreSQL reads a CHECK anew for each insert, so it is short.
    return CheckConstraint(f"({' | '.join(columns)}) >= 0", name=name)


# The packs that records were made with, as their files were: a record replays when these are gone.
packs = Table(
    "packs",
    METADATA,
    Column("hash", String(PACK_HASH_LENGTH), primary_key=True),
    Column("pack_id", Text, nullable=False),
    Column("area", String(6), nullable=False),
    Column("files", Text, nullable=False),
)

# On PostgreSQL a table for each insurance year (app/store/partitions.py), whose keys all have the year in them; what
# the constraints promise is the same but for one thing: two settlements of different years could replace the same one.
# Whoever replaces one reverses it first, and nobody can do that twice; `onestop replay` counts them.
settlements = Table(
    "settlements",
    METADATA,
    _ordinal(),
    Column("settlement_id", String(UUID_LENGTH), nullable=False),
    Column("facility_code", String(IDENTIFIER_LENGTH), nullable=False),
    Column("bill_id", String(IDENTIFIER_LENGTH), nullable=False),
    *_person_year(),
    Column("key_id", String(8), nullable=False),
    *_chained(),
    Column("discharged_on", Date, nullable=False),
    Column("pooling_area", String(6), nullable=False),
    Column("tier", String(32), nullable=False),
    Column("settled_at", String(TIME_LENGTH), nullable=False),
    Column("pack_hash", String(PACK_HASH_LENGTH), ForeignKey(packs.c.hash), nullable=False),
    Column("year_to_date_source", String(7), nullable=False),
    *[_fen(name) for name in BEFORE],
    _fen("total"),
    *[_fen(name) for name in PAID],
    Column("fingerprint", String(HASH_LENGTH), nullable=False),
    Column("replaces", String(UUID_LENGTH)),
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    UniqueConstraint("person", "insurance_year", "scheme", "sequence"),
    UniqueConstraint("settlement_id", "insurance_year").ddl_if(dialect="postgresql"),
    Index(None, "replaces", "insurance_year", unique=True, postgresql_where=text("replaces IS NOT NULL")).ddl_if(
        dialect="postgresql"
    ),
    ForeignKeyConstraint(
        ["replaces"], ["reversals.settlement_id"], deferrable=True, initially="DEFERRED", use_alter=True
    ).ddl_if(dialect="postgresql"),
    UniqueConstraint("settlement_id").ddl_if(dialect="sqlite"),
    UniqueConstraint("replaces").ddl_if(dialect="sqlite"),
    ForeignKeyConstraint(["replaces"], ["settlements.settlement_id"]).ddl_if(dialect="sqlite"),
    CheckConstraint(f"total = {' + '.join(PAID)}", name="payers_add_up"),
    CheckConstraint("total > 0", name="total_positive"),
    CheckConstraint("sequence > 0", name="sequence_positive"),
    CheckConstraint("year_to_date_source IN ('ledger', 'request')", name="year_to_date_source"),
    _not_negative("paid_not_negative", PAID),
    _not_negative("before_not_negative", BEFORE),
    Index(None, "facility_code", "bill_id"),
    Index(None, "discharged_on"),
    Index(
        None,
        "settled_at",
        "settlement_id",
        postgresql_where=text("paid_backstop > 0"),
        sqlite_where=text("paid_backstop > 0"),
    ),
    postgresql_partition_by="RANGE (insurance_year)",
)
# SQLite counts up only a key of one column.
settlements.primary_key.ddl_if(dialect="sqlite")
event.listen(
    settlements,
    "after_create",
    DDL("ALTER TABLE settlements ADD CONSTRAINT pk_settlements PRIMARY KEY (ordinal, insurance_year)").execute_if(  # type: ignore[no-untyped-call]  # it has no types
        dialect="postgresql"
    ),
)

reversals = Table(
    "reversals",
    METADATA,
    _ordinal(),
    Column("reversal_id", String(UUID_LENGTH), nullable=False, unique=True),
    _settlement_id(unique=True),
    *_person_year(),
    *_chained(),
    Column("reversed_at", String(TIME_LENGTH), nullable=False),
    Column("reason", Text, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    UniqueConstraint("person", "insurance_year", "scheme", "sequence"),
    *_settlement_is_there(),
    CheckConstraint("sequence > 0", name="sequence_positive"),
    Index(None, "reversed_at", "reversal_id"),
)

# What a correction answered, for whoever asks again; its records are settlements and reversals.
corrections = Table(
    "corrections",
    METADATA,
    _ordinal(),
    _settlement_id(unique=True),
    _insurance_year(),
    Column("corrected_at", String(TIME_LENGTH), nullable=False),
    Column("reason", Text, nullable=False),
    Column("fingerprint", String(HASH_LENGTH), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    *_settlement_is_there(),
)

# State: the row that serialises a person's year, its sums, and the end of its chain.
person_years = Table(
    "person_years",
    METADATA,
    Column("person", String(HASH_LENGTH), primary_key=True),
    Column("insurance_year", Integer, primary_key=True, autoincrement=False),
    Column("scheme", String(IDENTIFIER_LENGTH), primary_key=True),
    *[_fen(name) for name in YearToDate._fields],
    Column("sequence", Integer, nullable=False),
    Column("record_hash", String(HASH_LENGTH), nullable=False),
    _not_negative("not_negative", YearToDate._fields),
    CheckConstraint("sequence >= 0", name="sequence_not_negative"),
)

# State: the bill's natural key and the settlement in force under it. A reversal frees the key.
open_bills = Table(
    "open_bills",
    METADATA,
    Column("facility_code", String(IDENTIFIER_LENGTH), primary_key=True),
    Column("bill_id", String(IDENTIFIER_LENGTH), primary_key=True),
    _settlement_id(unique=True),
    _insurance_year(),
    # The key is taken first, so that of two equal bills one waits; its settlement follows in the same transaction.
    *_settlement_is_there(at_commit=True),
)

# What the insurer said of a backstop; what was said last counts.
backstop_payments = Table(
    "backstop_payments",
    METADATA,
    _ordinal(),
    _settlement_id(unique=False),
    _insurance_year(),
    Column("payment", String(7), nullable=False),
    Column("reference", String(IDENTIFIER_LENGTH), nullable=False),
    Column("said_at", String(TIME_LENGTH), nullable=False),
    Column("key_id", String(BEARER_LENGTH), nullable=False),
    Column("reconciliation_id", String(UUID_LENGTH)),
    *_settlement_is_there(),
    CheckConstraint("payment IN ('paid', 'refused')", name="payment"),
    Index(None, "settlement_id", "ordinal"),
)

# Comparisons with the other side's books: what was answered, and the report of what differs.
reconciliations = Table(
    "reconciliations",
    METADATA,
    _ordinal(),
    Column("reconciliation_id", String(UUID_LENGTH), nullable=False, unique=True),
    Column("made_at", String(TIME_LENGTH), nullable=False),
    Column("key_id", String(BEARER_LENGTH), nullable=False),
    Column("bounds", Text, nullable=False),
    Column("hash", String(HASH_LENGTH), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("report", LargeBinary, nullable=False),
)

# Imports of the roster, and their rows; the newest import counts, older ones stay.
rosters = Table(
    "rosters",
    METADATA,
    _ordinal(),
    Column("imported_at", String(TIME_LENGTH), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("hash", String(HASH_LENGTH), nullable=False),
)
roster_entries = Table(
    "roster_entries",
    METADATA,
    Column("roster", BigInteger().with_variant(Integer, "sqlite"), ForeignKey(rosters.c.ordinal), primary_key=True),
    Column("person", String(HASH_LENGTH), primary_key=True),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("key_id", String(8), nullable=False),
    Column("status", String(32), nullable=False),
    Column("county", String(6), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
)

# State: one row that says under which key the persons are; while they are moved to the next one, how far they are.
person_keys = Table(
    "person_keys",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("key_id", String(KEY_ID_LENGTH), nullable=False),
    Column("next_id", String(KEY_ID_LENGTH)),
    Column("moved_to", String(HASH_LENGTH), nullable=False),
    CheckConstraint("one = 1", name="one"),
)

# State: how each job last ended, so that /metrics can say how long ago.
jobs = Table(
    "jobs",
    METADATA,
    Column("job", String(JOB_LENGTH), primary_key=True),
    Column("ended_at", String(TIME_LENGTH), nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("faults", BigInteger, nullable=False),
)

# Who may come in: a key's hash, never the key.
access_keys = Table(
    "access_keys",
    METADATA,
    Column("key_id", String(KEY_ID_LENGTH), primary_key=True),
    Column("hash", String(HASH_LENGTH), nullable=False, unique=True),
    Column("role", String(ROLE_LENGTH), nullable=False),
    Column("facilities", Text, nullable=False),
    Column("areas", Text, nullable=False),
    Column("minted_at", String(TIME_LENGTH), nullable=False),
    Column("expires_on", Date),
    Column("revoked_at", String(TIME_LENGTH)),
    Column("last_used_on", Date),
    CheckConstraint("role IN ('his', 'insurer', 'ops', 'admin')", name="role"),
)

# Who read or did what. The migration forbids the database to change or delete a line.
audit = Table(
    "audit",
    METADATA,
    _ordinal(),
    Column("at", String(TIME_LENGTH), nullable=False),
    Column("action", String(ACTION_LENGTH), nullable=False),
    Column("key_id", String(BEARER_LENGTH), nullable=False),
    Column("role", String(ROLE_LENGTH), nullable=False),
    Column("client", String(CLIENT_LENGTH), nullable=False),
    Column("request_id", String(REQUEST_ID_LENGTH), nullable=False),
    Column("record", String(RECORD_LENGTH)),
)


def insert_if_absent(table: Table, rows: Select[Any] | None = None) -> dict[str, postgresql.Insert | sqlite.Insert]:
    """The statement, by dialect, that inserts a row and does nothing where its key is there; the key decides races."""
    on_postgresql, on_sqlite = postgresql.insert(table), sqlite.insert(table)
    if rows is not None:
        names = [column.name for column in table.c]
        on_postgresql, on_sqlite = on_postgresql.from_select(names, rows), on_sqlite.from_select(names, rows)
    return {"postgresql": on_postgresql.on_conflict_do_nothing(), "sqlite": on_sqlite.on_conflict_do_nothing()}


def names_settlement(table: Table, of: FromClause = settlements) -> ColumnElement[bool]:
    """That a row is about a settlement. Its year says in which partition that is."""
    return and_(of.c.settlement_id == table.c.settlement_id, of.c.insurance_year == table.c.insurance_year)


def raw(column: Column[Any]) -> ColumnElement[Any]:
    """A column as the driver gives it: what is no date is no mistake here, it is a finding."""
    return type_coerce(column, NullType())
