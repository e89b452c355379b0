"""The ledger of benefits (管理台账) as answers: items, and the columns of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.exchange.tables import Column
from app.settlement.money import Fen, money_text, quotient, rate_text
from app.settlement.result import Payers

if TYPE_CHECKING:
    from app.store.roster import Benefits

COLUMNS: Final = (
    Column("person"),
    Column("status"),
    Column("county"),
    Column("stays", "count"),
    Column("total_cost", "money"),
    *[Column(name, "money") for name in Payers._fields],
    Column("share_paid", "share"),
)


def row_of(benefits: Benefits) -> tuple[Any, ...]:
    """A person as a row of `COLUMNS`; no share where there was no stay."""
    payers = benefits.payers
    covered = benefits.total - payers.patient - payers.local_subsidy
    share = quotient(covered, benefits.total) if benefits.total else None
    return (*benefits[:5], *payers, share)


def item_of(benefits: Benefits) -> dict[str, object]:
    """A person as the list shows it."""
    person, status, county, stays, total, *paid, share = row_of(benefits)
    amounts = {"total_cost": total} | dict(zip(Payers._fields, paid, strict=True))
    return {
        "person": person,
        "status": status,
        "county": county,
        "stays": stays,
        **{name: money_text(Fen(amount)) for name, amount in amounts.items()},
        "share_paid": None if share is None else rate_text(share),
    }
