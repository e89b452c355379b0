"""Backstops as answers: items, sums, evidence, and the columns of an export."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.api.memo import Memo
from app.exchange.tables import Column
from app.settlement.money import money_text, quotient, rate_text
from app.settlement.result import Payers

if TYPE_CHECKING:
    from app.store.backstops import Item, Sums
    from app.usecases.read_backstops import Shown

# The list's members, in its order; the last one is what the insurer said of it.
COLUMNS: Final = (
    Column("settlement_id"),
    Column("kind"),
    Column("day", "day"),
    Column("discharged_on", "day"),
    Column("facility_code"),
    Column("pooling_area"),
    Column("tier"),
    Column("total_cost", "money"),
    Column("covered_before", "money"),
    Column("ratio_before", "share"),
    Column("backstop", "money"),
    Column("ratio_after", "share"),
    Column("status"),
    Column("payment"),
)
_SUMMED: Final = ("total_cost", "covered_before", "backstop", "paid", "refused")
_BEFORE: Final = Payers._fields[: Payers._fields.index("backstop")]


def row_of(item: Item) -> tuple[Any, ...]:
    """An item as a row of `COLUMNS`."""
    total, covered, backstop = abs(item.total), abs(item.covered_before), abs(item.backstop)
    return (
        item.settlement_id,
        item.kind,
        _DAY[item.recorded_at[:10]],
        item.discharged_on,
        item.facility_code,
        item.pooling_area,
        item.tier,
        item.total,
        item.covered_before,
        quotient(covered, total),
        item.backstop,
        quotient(covered + backstop, total),
        "reversed" if item.reversed else "settled",
        item.payment,
    )


_DAY: Final[Memo[str, date]] = Memo(date.fromisoformat)


def item_of(item: Item) -> dict[str, object]:
    """An item as the list shows it."""
    return {
        column.name: _TEXT[column.kind](value) if value is not None else None
        for column, value in zip(COLUMNS, row_of(item), strict=True)
    }


_TEXT: Final[dict[str, Any]] = {"text": str, "day": str, "money": money_text, "share": rate_text}


def summary_of(sums: list[Sums]) -> dict[str, object]:
    """The sums by group, and of all groups."""
    items = [
        {"group": each.group, "settlements": each.settlements, "reversals": each.reversals} | _amounts(each[3:])
        for each in sums
    ]
    total = [sum(column) for column in zip(*[each[1:] for each in sums], strict=True)] or [0] * (2 + len(_SUMMED))
    return {"items": items, "total": {"settlements": total[0], "reversals": total[1]} | _amounts(total[2:])}


def _amounts(amounts: Any) -> dict[str, str]:  # noqa: ANN401 # a row's or a list's
    return {name: money_text(amount) for name, amount in zip(_SUMMED, amounts, strict=True)}


class _Recorded(msgspec.Struct):
    """What evidence needs of a recorded answer."""

    policy: dict[str, str]
    payers: dict[str, str]
    costs: dict[str, str]
    stages: list[dict[str, Any]]


def evidence_of(shown: Shown) -> dict[str, object]:
    """The evidence of one backstop, out of the very answer that was recorded; no names, no lines."""
    evidence = shown.evidence
    recorded = msgspec.json.decode(evidence.answer, type=_Recorded)
    (stage,) = [stage for stage in recorded.stages if stage["stage"] == "backstop"]
    return {
        "settlement_id": evidence.settlement_id,
        "status": "reversed" if evidence.reversed_at else "settled",
        "facility_code": evidence.facility_code,
        "bill_id": evidence.bill_id,
        "pooling_area": evidence.pooling_area,
        "tier": evidence.tier,
        "discharged_on": evidence.discharged_on.isoformat(),
        "day": evidence.settled_at[:10],
        "reversed_on": evidence.reversed_at[:10] if evidence.reversed_at else None,
        "policy": recorded.policy,
        "total_cost": recorded.costs["total"],
        "payers_before": {name: recorded.payers[name] for name in _BEFORE},
        "backstop": recorded.payers["backstop"],
        "stage": stage,
        "record_hash": f"sha256:{evidence.record_hash}",
        "payments": [
            {
                "payment": each.payment,
                "reference": each.reference,
                "said_at": each.said_at,
                "reconciliation_id": each.reconciliation_id,
            }
            for each in shown.payments
        ],
    }
