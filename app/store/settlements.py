"""Settlements, reversals and corrections: written once, found again, listed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import and_, bindparam, exists, insert, select

from app.settlement.money import Fen
from app.settlement.result import Payers
from app.settlement.year import YearToDate, insurance_year
from app.store.tables import (
    BEFORE,
    PAID,
    corrections,
    insert_if_absent,
    names_settlement,
    open_bills,
    reversals,
    settlements,
)
from app.store.together import Statement, run_together

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlalchemy import Connection

# The chain of a person-year begins with this.
NO_RECORD: Final = "0" * 64


class PersonYear(NamedTuple):
    """Whose year: a person's pseudonym, the insurance year, the scheme ("" where the pack names none)."""

    person: str
    insurance_year: int
    scheme: str


class Link(NamedTuple):
    """A record's place in the chain of its person-year."""

    sequence: int
    previous_hash: str


class Record(NamedTuple):
    """A settlement as the ledger keeps it; `before` is the ledger's own year to date before it."""

    settlement_id: str
    facility_code: str
    bill_id: str
    person_year: PersonYear
    key_id: str
    link: Link
    discharged_on: date
    pooling_area: str
    tier: str
    settled_at: str
    pack_hash: str
    year_to_date_source: str
    before: YearToDate
    total: Fen
    payers: Payers
    fingerprint: str
    replaces: str | None
    request: bytes
    answer: bytes


class Reversal(NamedTuple):
    """A reversal (冲销) as the ledger keeps it: a record of its own."""

    reversal_id: str
    settlement_id: str
    person_year: PersonYear
    link: Link
    reversed_at: str
    reason: str
    answer: bytes


def record_hash(record: Record | Reversal) -> str:
    """The fingerprint of all that a record says, and of its place behind the record before it."""
    said = [hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value for value in record]
    return hashlib.sha256(msgspec.json.encode([type(record).__name__, *said])).hexdigest()


def under(request: bytes, person: str, other: str) -> bytes:
    """A stored request under another pseudonym of its person. What else it says may hold the same digits."""
    return request.replace(b'"person_id":"%b"' % person.encode(), b'"person_id":"%b"' % other.encode())


def taking_key(connection: Connection, facility_code: str, bill_id: str, settlement_id: str, year: int) -> Statement:
    """The statement that takes a bill's natural key for a settlement to come, of a year; no row where it is taken.

    Waits for whoever is taking it at this moment: the unique key has the last word.
    """
    values = {
        "facility_code": facility_code, "bill_id": bill_id, "settlement_id": settlement_id, "insurance_year": year,
    }  # fmt: skip # one row
    return Statement(_TAKE[connection.dialect.name], values)


def take_key(connection: Connection, facility_code: str, bill_id: str, settlement_id: str, year: int) -> bool:
    """Take a bill's natural key for a settlement to come, of a year; False where another settlement has it."""
    (row,) = run_together(connection, [taking_key(connection, facility_code, bill_id, settlement_id, year)])
    return row is not None


# Put together once: that takes longer than running them.
_TAKE: Final = {
    dialect: take.returning(open_bills.c.settlement_id) for dialect, take in insert_if_absent(open_bills).items()
}
_IN_FORCE: Final = (
    select(settlements.c.settlement_id, settlements.c.fingerprint, settlements.c.answer)
    .join(open_bills, names_settlement(open_bills))
    .where(open_bills.c.facility_code == bindparam("facility_code"), open_bills.c.bill_id == bindparam("bill_id"))
)
_ADD: Final = insert(settlements).values(
    {column.name: bindparam(column.name) for column in settlements.c if column.name != "ordinal"}
)


class InForce(NamedTuple):
    """The settlement in force under a natural key, as far as a retry needs it."""

    settlement_id: str
    fingerprint: str
    answer: bytes


def in_force(connection: Connection, facility_code: str, bill_id: str) -> InForce | None:
    """Find the settlement in force under a natural key."""
    row = connection.execute(_IN_FORCE, {"facility_code": facility_code, "bill_id": bill_id}).one_or_none()
    return InForce(row[0], row[1], bytes(row[2])) if row else None


def adding_settlement(record: Record, hashed: str) -> Statement:
    """The statement that writes a settlement with its record's hash."""
    values = record._asdict()
    values |= values.pop("person_year")._asdict() | values.pop("link")._asdict()
    values |= dict(zip(BEFORE, values.pop("before"), strict=True)) | dict(zip(PAID, values.pop("payers"), strict=True))
    return Statement(_ADD, values | {"record_hash": hashed})


def add_settlement(connection: Connection, record: Record, hashed: str) -> None:
    """Write a settlement with its record's hash."""
    connection.execute(*adding_settlement(record, hashed))


def add_reversal(connection: Connection, reversal: Reversal, hashed: str) -> None:
    """Write a reversal with its record's hash, and free the bill's key."""
    values = reversal._asdict()
    values |= values.pop("person_year")._asdict() | values.pop("link")._asdict()
    connection.execute(insert(reversals), values | {"record_hash": hashed})
    connection.execute(open_bills.delete().where(open_bills.c.settlement_id == reversal.settlement_id))


_RECORD_COLUMNS: Final = [column for column in settlements.c if column.name != "ordinal"]


def record_of(row: Mapping[Any, Any]) -> Record:
    """A settlement's row as a record."""
    return Record(
        settlement_id=row["settlement_id"],
        facility_code=row["facility_code"],
        bill_id=row["bill_id"],
        person_year=PersonYear(row["person"], row["insurance_year"], row["scheme"]),
        key_id=row["key_id"],
        link=Link(row["sequence"], row["previous_hash"]),
        discharged_on=row["discharged_on"],
        pooling_area=row["pooling_area"],
        tier=row["tier"],
        settled_at=row["settled_at"],
        pack_hash=row["pack_hash"],
        year_to_date_source=row["year_to_date_source"],
        before=YearToDate._make(row[name] for name in BEFORE),
        total=row["total"],
        payers=Payers._make(row[name] for name in PAID),
        fingerprint=row["fingerprint"],
        replaces=row["replaces"],
        request=bytes(row["request"]),
        answer=bytes(row["answer"]),
    )


def reversal_of(row: Mapping[Any, Any]) -> Reversal:
    """A reversal's row as a record."""
    return Reversal(
        reversal_id=row["reversal_id"],
        settlement_id=row["settlement_id"],
        person_year=PersonYear(row["person"], row["insurance_year"], row["scheme"]),
        link=Link(row["sequence"], row["previous_hash"]),
        reversed_at=row["reversed_at"],
        reason=row["reason"],
        answer=bytes(row["answer"]),
    )


def find_settlement(connection: Connection, settlement_id: str) -> Record | None:
    """Find a settlement, in force or reversed."""
    row = connection.execute(
        select(*_RECORD_COLUMNS).where(settlements.c.settlement_id == settlement_id)
    ).mappings().one_or_none()  # fmt: skip # one statement
    return record_of(row) if row else None


def find_reversal(connection: Connection, settlement_id: str) -> Reversal | None:
    """Find the reversal of a settlement."""
    row = connection.execute(
        select(reversals).where(reversals.c.settlement_id == settlement_id)
    ).mappings().one_or_none()  # fmt: skip # one statement
    return reversal_of(row) if row else None


def _of_person_year(person_year: PersonYear) -> Any:  # noqa: ANN401 # a condition of SQLAlchemy's
    return and_(
        settlements.c.person == person_year.person,
        settlements.c.insurance_year == person_year.insurance_year,
        settlements.c.scheme == person_year.scheme,
    )


# Whether a settlement is reversed.
IS_REVERSED: Final = exists().where(reversals.c.settlement_id == settlements.c.settlement_id)


def unreversed_from(connection: Connection, person_year: PersonYear, sequence: int) -> list[Record]:
    """The unreversed settlements of a person-year from one of them on, in their order."""
    rows = connection.execute(
        select(*_RECORD_COLUMNS)
        .where(_of_person_year(person_year), settlements.c.sequence >= sequence, ~IS_REVERSED)
        .order_by(settlements.c.sequence)
    ).mappings()
    return [record_of(row) for row in rows]


def is_latest(connection: Connection, record: Record) -> bool:
    """Whether no later settlement of the person-year is in force."""
    later = exists().where(
        _of_person_year(record.person_year), settlements.c.sequence > record.link.sequence, ~IS_REVERSED
    )
    return not connection.execute(select(later)).scalar_one()


class Correction(NamedTuple):
    """A correction (更正) as the ledger keeps it."""

    settlement_id: str
    insurance_year: int
    corrected_at: str
    reason: str
    fingerprint: str
    answer: bytes


def add_correction(connection: Connection, correction: Correction) -> None:
    """Write what a correction answered."""
    connection.execute(insert(corrections), correction._asdict())


def find_correction(connection: Connection, settlement_id: str) -> Correction | None:
    """Find the correction of a settlement."""
    row = connection.execute(
        select(*[corrections.c[name] for name in Correction._fields]).where(
            corrections.c.settlement_id == settlement_id
        )
    ).one_or_none()
    return Correction._make(row)._replace(answer=bytes(row.answer)) if row else None


class Filter(NamedTuple):
    """Which settlements a list shows: `facilities` are bounds, `after` is the ordinal of the last one seen.

    `persons` are one person's pseudonyms.
    """

    facility_code: str | None = None
    bill_id: str | None = None
    facilities: frozenset[str] | None = None
    discharged_from: date | None = None
    discharged_to: date | None = None
    reversed: bool | None = None
    after: int = 0
    persons: list[str] | None = None


class Listed(NamedTuple):
    """One settlement of a list."""

    ordinal: int
    answer: bytes
    discharged_on: date
    reversed: bool


def list_settlements(connection: Connection, wanted: Filter, limit: int) -> list[Listed]:
    """List settlements in the order in which they were recorded, which new ones don't disturb."""
    table = settlements.c
    conditions = [table.ordinal > wanted.after]
    for column, value in ((table.facility_code, wanted.facility_code), (table.bill_id, wanted.bill_id)):
        if value is not None:
            conditions.append(column == value)
    if wanted.persons is not None:
        conditions.append(table.person.in_(wanted.persons))
    if wanted.facilities is not None:
        conditions.append(table.facility_code.in_(sorted(wanted.facilities)))
    # The year says the same less exactly, and which partitions need not be looked at.
    if wanted.discharged_from is not None:
        conditions.append(table.discharged_on >= wanted.discharged_from)
        conditions.append(table.insurance_year >= insurance_year(wanted.discharged_from))
    if wanted.discharged_to is not None:
        conditions.append(table.discharged_on <= wanted.discharged_to)
        conditions.append(table.insurance_year <= insurance_year(wanted.discharged_to))
    if wanted.reversed is not None:
        conditions.append(IS_REVERSED if wanted.reversed else ~IS_REVERSED)
    rows = connection.execute(
        select(table.ordinal, table.answer, table.discharged_on, IS_REVERSED.label("reversed"))
        .where(*conditions)
        .order_by(table.ordinal)
        .limit(limit)
    )
    return [Listed(row[0], bytes(row[1]), row[2], bool(row[3])) for row in rows]


class Found(NamedTuple):
    """A recorded answer, whether its settlement is reversed by now, and whose it is."""

    answer: bytes
    reversed: bool
    facility_code: str


def read_answer(connection: Connection, settlement_id: str) -> Found | None:
    """Find the recorded answer of a settlement."""
    row = connection.execute(
        select(settlements.c.answer, IS_REVERSED, settlements.c.facility_code).where(
            settlements.c.settlement_id == settlement_id
        )
    ).one_or_none()
    return Found(bytes(row[0]), bool(row[1]), row[2]) if row else None
