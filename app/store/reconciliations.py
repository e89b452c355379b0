"""Reconciliations (对账): the ledger's side of one, and the runs as they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, case, insert, literal_column, null, select, text, union_all

from app.store.scratch import Entry
from app.store.settlements import IS_REVERSED
from app.store.tables import names_settlement, reconciliations, reversals, settlements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Select

_ROWS_AT_ONCE: Final = 5_000


class Side(NamedTuple):
    """What of the ledger is compared: a payer's payments recorded on some UTC days (text; `until` is left out).

    `facilities` and `areas` are bounds; None has none.
    """

    payer: str
    since: str
    until: str
    facilities: frozenset[str] | None = None
    areas: frozenset[str] | None = None


def entries_of(connection: Connection, side: Side) -> Iterator[Entry]:
    """What a payer pays of each settlement of a period, and what each reversal of the period takes back."""
    settled = _select(side, 1, settlements.c.settled_at)
    taken_back = _select(side, -1, reversals.c.reversed_at).join_from(
        reversals, settlements, names_settlement(reversals)
    )
    rows = connection.execute(union_all(settled, taken_back).execution_options(yield_per=_ROWS_AT_ONCE))
    return (Entry(*row) for row in rows)


def let_it_take_time(connection: Connection) -> None:
    """Read one state of the ledger for as long as a large comparison takes, instead of some seconds."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = '5min'"))


def _select(side: Side, sign: int, at: ColumnElement[str]) -> Select[Any]:
    table = settlements.c
    paid = table[f"paid_{side.payer}"]
    in_force = case((~IS_REVERSED, table.settlement_id)) if sign > 0 else null()
    query = select(
        table.facility_code,
        table.bill_id,
        (paid * literal_column(str(sign), BigInteger)).label("amount"),
        in_force.label("settlement_id"),
    ).where(paid > literal_column("0"), at >= side.since, at < side.until)
    if side.facilities is not None:
        query = query.where(table.facility_code.in_(sorted(side.facilities)))
    if side.areas is not None:
        query = query.where(table.pooling_area.in_(sorted(side.areas)))
    return query


class Reconciliation(NamedTuple):
    """A run as it is recorded: who made it within which bounds, what it answered, its hash, and its report (gzip)."""

    reconciliation_id: str
    made_at: str
    key_id: str
    bounds: str
    hash: str
    answer: bytes
    report: bytes


def add_reconciliation(connection: Connection, run: Reconciliation) -> None:
    """Record a run."""
    connection.execute(insert(reconciliations), run._asdict())


def find_reconciliation(connection: Connection, reconciliation_id: str, bounds: str | None) -> Reconciliation | None:
    """Find a run that was made within the same bounds; None as bounds finds any."""
    query = select(*[reconciliations.c[name] for name in Reconciliation._fields]).where(
        reconciliations.c.reconciliation_id == reconciliation_id
    )
    if bounds is not None:
        query = query.where(reconciliations.c.bounds == bounds)
    row = connection.execute(query).one_or_none()
    return Reconciliation._make(row)._replace(answer=bytes(row.answer), report=bytes(row.report)) if row else None


def list_reconciliations(
    connection: Connection, bounds: str | None, before: int | None, limit: int
) -> list[tuple[int, bytes]]:
    """The ordinals and answers of runs, the newest first."""
    query = select(reconciliations.c.ordinal, reconciliations.c.answer)
    if bounds is not None:
        query = query.where(reconciliations.c.bounds == bounds)
    if before is not None:
        query = query.where(reconciliations.c.ordinal < before)
    rows = connection.execute(query.order_by(reconciliations.c.ordinal.desc()).limit(limit))
    return [(row[0], bytes(row[1])) for row in rows]
