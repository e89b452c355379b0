"""Reads what belongs to no chain, as it is stored: what corrections answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from app.settlement.result import Payers
from app.store.replay import in_pieces
from app.store.settlements import Correction
from app.store.tables import PAID, corrections, raw, reversals, settlements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


def correction_rows(connection: Connection) -> Iterator[Correction]:
    """All corrections, as stored."""
    query = select(*[raw(corrections.c[name]) for name in Correction._fields]).order_by(corrections.c.ordinal)
    for row in in_pieces(connection, query):
        yield Correction(*row)


class Corrected(NamedTuple):
    """What a correction's answer repeats of a settlement, as stored."""

    bill_id: str
    insurance_year: int
    payers: Payers
    replaces: str | None
    fingerprint: str


def corrected_settlement(connection: Connection, settlement_id: str) -> Corrected | None:
    """Find a settlement that a correction names."""
    names = ("bill_id", "insurance_year", *PAID, "replaces", "fingerprint")
    query = select(*[raw(settlements.c[name]) for name in names]).where(settlements.c.settlement_id == settlement_id)
    row = connection.execute(query).one_or_none()
    return Corrected(row[0], row[1], Payers._make(row[2:-2]), row[-2], row[-1]) if row else None


def reversed_why(connection: Connection, settlement_id: str) -> tuple[str, str] | None:
    """When and for which reason a settlement was reversed, as stored."""
    query = select(raw(reversals.c.reversed_at), raw(reversals.c.reason))
    row = connection.execute(query.where(reversals.c.settlement_id == settlement_id)).one_or_none()
    return (row[0], row[1]) if row else None


def count_replacing(connection: Connection) -> tuple[int, int]:
    """How many settlements stand in the place of another one, and of how many others."""
    replaces = settlements.c.replaces
    replacing, replaced = connection.execute(
        select(func.count(replaces), func.count(replaces.distinct())).where(replaces.is_not(None))
    ).one()
    return replacing, replaced
