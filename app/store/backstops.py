"""Backstops (兜底) as the insurer sees them: one item a settlement, and one, negated, a reversal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, and_, cast, func, literal_column, or_, select, union_all
from sqlalchemy import insert as inserting

from app.settlement.money import Fen
from app.settlement.result import Payers
from app.store.settlements import IS_REVERSED
from app.store.tables import backstop_payments, names_settlement, reversals, settlements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection, Select, Subquery

# Who has paid before the backstop looks at a bill (settlement.md §5.2 to §5.6).
BEFORE_BACKSTOP: Final = tuple(f"paid_{name}" for name in Payers._fields[: Payers._fields.index("backstop")])
# Said as a number of the statement's own, as the index has it: a bound value would not let it be used.
HAS_BACKSTOP: Final = settlements.c.paid_backstop > literal_column("0")


class Place(NamedTuple):
    """Where an item stands: in the order of the time at which it was recorded, then of its id."""

    recorded_at: str
    record_id: str


class BackstopFilter(NamedTuple):
    """Which items; `since` and `until` are UTC days as text, `until` is left out; `areas` are bounds.

    Without `include_reversed` only what is in force: neither reversed settlements nor their reversals.
    """

    since: str | None = None
    until: str | None = None
    areas: frozenset[str] | None = None
    pooling_area: str | None = None
    facility_code: str | None = None
    min_amount: Fen | None = None
    include_reversed: bool = True


class Item(NamedTuple):
    """One item; amounts in fen, negative where `kind` is `reversal`. `payment` is the insurer's last word, or None."""

    recorded_at: str
    record_id: str
    settlement_id: str
    kind: str
    discharged_on: date
    facility_code: str
    pooling_area: str
    tier: str
    total: Fen
    covered_before: Fen
    backstop: Fen
    reversed: bool
    payment: str | None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.recorded_at, self.record_id)


def list_backstops(connection: Connection, wanted: BackstopFilter, after: Place | None, limit: int) -> list[Item]:
    """List items in the order in which they were recorded, which new ones don't disturb."""
    branches = [
        select(branch.limit(limit).subquery())
        for branch in (_settled(wanted, after), *([_reversed(wanted, after)] if wanted.include_reversed else []))
    ]
    both = union_all(*branches).subquery()
    rows = connection.execute(select(both).order_by(both.c.recorded_at, both.c.record_id).limit(limit))
    return [Item._make(row) for row in rows]


class Sums(NamedTuple):
    """What a group adds up to, in fen, reversals taken off; of the backstops, what the insurer has paid and refused."""

    group: str
    settlements: int
    reversals: int
    total: Fen
    covered_before: Fen
    backstop: Fen
    paid: Fen
    refused: Fen


_GROUPS: Final[dict[str, Callable[[Subquery], ColumnElement[str]]]] = {
    "facility": lambda items: items.c.facility_code,
    "pooling_area": lambda items: items.c.pooling_area,
    "tier": lambda items: items.c.tier,
    "month": lambda items: func.substr(items.c.recorded_at, 1, 7),
    "day": lambda items: func.substr(items.c.recorded_at, 1, 10),
}
GROUPS: Final = tuple(_GROUPS)


def sum_backstops(connection: Connection, wanted: BackstopFilter, group_by: str) -> list[Sums]:
    """Add items up by group, in the order of the groups."""
    branches = [_settled(wanted, None, ordered=False)]
    if wanted.include_reversed:
        branches.append(_reversed(wanted, None, ordered=False))
    items = union_all(*branches).subquery()
    group = _GROUPS[group_by](items)

    def sums(column: ColumnElement[Any], when: ColumnElement[bool] | None = None) -> ColumnElement[int]:
        counted = func.sum(column) if when is None else func.sum(column).filter(when)
        return cast(func.coalesce(counted, 0), BigInteger)

    one = literal_column("1", BigInteger)
    rows = connection.execute(
        select(
            group,
            sums(one, items.c.kind == "settlement"),
            sums(one, items.c.kind == "reversal"),
            sums(items.c.total),
            sums(items.c.covered_before),
            sums(items.c.backstop),
            sums(items.c.backstop, items.c.payment == "paid"),
            sums(items.c.backstop, items.c.payment == "refused"),
        )
        .group_by(group)
        .order_by(group)
    )
    return [Sums._make(row) for row in rows]


class Evidence(NamedTuple):
    """What the ledger has of one backstop: the recorded answer and its hash, and its reversal's time."""

    settlement_id: str
    facility_code: str
    bill_id: str
    pooling_area: str
    tier: str
    discharged_on: date
    settled_at: str
    record_hash: str
    answer: bytes
    reversed_at: str | None


def area_of(connection: Connection, settlement_id: str) -> str | None:
    """The pooling area of a settlement with a backstop, reversed or not; None where there is none."""
    return connection.execute(
        select(settlements.c.pooling_area).where(settlements.c.settlement_id == settlement_id, HAS_BACKSTOP)
    ).scalar_one_or_none()


def find_backstop(connection: Connection, settlement_id: str) -> Evidence | None:
    """Find the evidence of a settlement with a backstop, reversed or not."""
    table = settlements.c
    row = connection.execute(
        select(
            *[table[name] for name in Evidence._fields[:-1]],
            reversals.c.reversed_at,
        )
        .join_from(settlements, reversals, reversals.c.settlement_id == table.settlement_id, isouter=True)
        .where(table.settlement_id == settlement_id, HAS_BACKSTOP)
    ).one_or_none()
    return Evidence._make(row)._replace(answer=bytes(row.answer)) if row else None


class Payment(NamedTuple):
    """The insurer's word on a backstop (赔付): `paid` or `refused`, under its own reference. Later ones count."""

    settlement_id: str
    payment: str
    reference: str
    said_at: str
    key_id: str
    reconciliation_id: str | None


def add_payments(connection: Connection, payments: Sequence[Payment]) -> None:
    """Write what an insurer said of some backstops."""
    if not payments:
        return
    table = settlements.c
    ids = [payment.settlement_id for payment in payments]
    found = connection.execute(select(table.settlement_id, table.insurance_year).where(table.settlement_id.in_(ids)))
    years = {row[0]: row[1] for row in found}
    connection.execute(
        inserting(backstop_payments),
        [payment._asdict() | {"insurance_year": years[payment.settlement_id]} for payment in payments],
    )


def last_payments(connection: Connection, settlement_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What was said last of some backstops, and under which reference."""
    table = backstop_payments.c
    rows = connection.execute(
        select(table.settlement_id, table.payment, table.reference)
        .where(table.settlement_id.in_(settlement_ids))
        .order_by(table.ordinal)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def payments_of(connection: Connection, settlement_id: str) -> list[Payment]:
    """All that was said of a backstop, in the order in which it was."""
    rows = connection.execute(
        select(*[backstop_payments.c[name] for name in Payment._fields])
        .where(backstop_payments.c.settlement_id == settlement_id)
        .order_by(backstop_payments.c.ordinal)
    )
    return [Payment._make(row) for row in rows]


def _settled(wanted: BackstopFilter, after: Place | None, *, ordered: bool = True) -> Select[Any]:
    at, record_id = settlements.c.settled_at, settlements.c.settlement_id
    query = select(at.label("recorded_at"), record_id.label("record_id"), *_columns("settlement", 1)).where(
        HAS_BACKSTOP, *_conditions(wanted, after, at, record_id)
    )
    if not wanted.include_reversed:
        query = query.where(~IS_REVERSED)
    return query.order_by(at, record_id) if ordered else query


def _reversed(wanted: BackstopFilter, after: Place | None, *, ordered: bool = True) -> Select[Any]:
    at, record_id = reversals.c.reversed_at, reversals.c.reversal_id
    query = (
        select(at.label("recorded_at"), record_id.label("record_id"), *_columns("reversal", -1))
        .join_from(reversals, settlements, names_settlement(reversals))
        .where(HAS_BACKSTOP, *_conditions(wanted, after, at, record_id))
    )
    return query.order_by(at, record_id) if ordered else query


def _columns(kind: str, sign: int) -> list[ColumnElement[Any]]:
    table, times = settlements.c, literal_column(str(sign), BigInteger)
    covered = sum((table[name] for name in BEFORE_BACKSTOP[1:]), table[BEFORE_BACKSTOP[0]])
    is_reversed = IS_REVERSED if kind == "settlement" else literal_column("1 = 1")
    return [
        table.settlement_id.label("settlement_id"),
        literal_column(f"'{kind}'").label("kind"),
        table.discharged_on.label("discharged_on"),
        table.facility_code.label("facility_code"),
        table.pooling_area.label("pooling_area"),
        table.tier.label("tier"),
        (table.total * times).label("total"),
        (covered * times).label("covered_before"),
        (table.paid_backstop * times).label("backstop"),
        is_reversed.label("is_reversed"),
        _last_payment().label("payment"),
    ]


def _last_payment() -> ColumnElement[Any]:
    table = backstop_payments.c
    return (
        select(table.payment)
        .where(table.settlement_id == settlements.c.settlement_id)
        .order_by(table.ordinal.desc())
        .limit(1)
        .scalar_subquery()
    )


def _conditions(
    wanted: BackstopFilter, after: Place | None, at: ColumnElement[str], record_id: ColumnElement[str]
) -> list[ColumnElement[bool]]:
    table = settlements.c
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(at >= wanted.since)
    if wanted.until is not None:
        found.append(at < wanted.until)
    if wanted.areas is not None:
        found.append(table.pooling_area.in_(sorted(wanted.areas)))
    if wanted.pooling_area is not None:
        found.append(table.pooling_area == wanted.pooling_area)
    if wanted.facility_code is not None:
        found.append(table.facility_code == wanted.facility_code)
    if wanted.min_amount is not None:
        found.append(table.paid_backstop >= wanted.min_amount)
    if after is not None:
        found += [at >= after.recorded_at, or_(at > after.recorded_at, record_id > after.record_id)]
    return [and_(*found)] if found else []
