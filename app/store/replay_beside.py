"""Reads what belongs to no chain, as it is stored: the kept packs, and what corrections answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from sqlalchemy import func, select

from app.settlement.result import Payers
from app.store.replay import ROWS_AT_ONCE, raw
from app.store.tables import PAID, corrections, packs, reversals, settlements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


class PackRow(NamedTuple):
    """A kept pack as it is stored."""

    hash: str
    pack_id: str
    area: str
    files: str


def pack_rows(connection: Connection, pack_hash: str | None = None) -> list[PackRow]:
    """All kept packs, or the one under a hash, as stored."""
    query = select(*[raw(packs.c[name]) for name in PackRow._fields])
    if pack_hash is not None:
        query = query.where(packs.c.hash == pack_hash)
    return [PackRow(*map(str, row)) for row in connection.execute(query)]


def files_of(row: PackRow) -> list[tuple[str, str]]:
    """The names and texts of a kept pack's files. Raises `ValueError` where somebody wrote something else."""
    return _FILES.decode(row.files)


_FILES: Final = msgspec.json.Decoder(list[tuple[str, str]])


class CorrectionRow(NamedTuple):
    """A correction as it is stored."""

    settlement_id: str
    corrected_at: str
    reason: str
    fingerprint: str
    answer: bytes


def correction_rows(connection: Connection) -> Iterator[CorrectionRow]:
    """All corrections, as stored."""
    query = select(*[raw(corrections.c[name]) for name in CorrectionRow._fields]).order_by(corrections.c.ordinal)
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query):
        yield CorrectionRow(*row)


class Corrected(NamedTuple):
    """What a correction's answer repeats of a settlement, as stored."""

    bill_id: str
    payers: Payers
    replaces: str | None
    fingerprint: str


def corrected_settlement(connection: Connection, settlement_id: str) -> Corrected | None:
    """Find a settlement that a correction names."""
    names = ("bill_id", *PAID, "replaces", "fingerprint")
    query = select(*[raw(settlements.c[name]) for name in names]).where(settlements.c.settlement_id == settlement_id)
    row = connection.execute(query).one_or_none()
    return Corrected(row[0], Payers._make(row[1:-2]), row[-2], row[-1]) if row else None


def reversed_why(connection: Connection, settlement_id: str) -> tuple[str, str] | None:
    """When and for which reason a settlement was reversed, as stored."""
    query = select(raw(reversals.c.reversed_at), raw(reversals.c.reason))
    row = connection.execute(query.where(reversals.c.settlement_id == settlement_id)).one_or_none()
    return (row[0], row[1]) if row else None


def count_replacing(connection: Connection) -> int:
    """How many settlements stand in the place of another one."""
    count: int = connection.execute(select(func.count(settlements.c.replaces))).scalar_one()
    return count
