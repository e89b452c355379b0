"""Records as bytes: what the ledger stores and answers with, and what it reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from app.api.recorded import read_recorded, status_check
from app.api.wire import Envelope, YearSource, money_members, write_settlement
from app.settlement.result import Payers

if TYPE_CHECKING:
    from datetime import date

    from app.settlement.result import Settlement
    from app.store.settlements import Record
    from app.usecases.recording import Change, ReversalStamp, Stamp

__all__ = [
    "read_recorded",
    "status_check",
    "summary",
    "with_status",
    "write_correction",
    "write_reversal",
    "write_settled",
]

_SETTLED = b'"status":"settled"'
_REVERSED = b'"status":"reversed"'


def write_settled(settlement: Settlement, stamp: Stamp) -> bytes:
    """Write a settlement that is recorded."""
    source = cast("YearSource", stamp.year_to_date_source)
    return write_settlement(
        settlement,
        Envelope(source, stamp.settlement_id, stamp.settled_at, "settled", stamp.replaces, stamp.status_check),
    )


def write_reversal(stamp: ReversalStamp, record: Record) -> bytes:
    """Write a reversal: what is taken back, and the year to date as it is again."""
    members = {
        "reversal_id": stamp.reversal_id,
        "settlement_id": record.settlement_id,
        "status": "reversed",
        "bill_id": record.bill_id,
        "facility_code": record.facility_code,
        "reversed_at": stamp.reversed_at,
        "reason": stamp.reason,
        "insurance_year": record.person_year.insurance_year,
        "payers": msgspec.Raw(money_members(record.payers).encode()),
        "year_to_date": msgspec.Raw(money_members(record.before).encode()),
    }
    return msgspec.json.encode(members)


def write_correction(changes: list[Change]) -> bytes:
    """Write a correction: each bill's old and new settlement, and what each payer pays more (or, negative, less)."""
    return msgspec.json.encode({"items": [_item(change) for change in changes]})


def _item(change: Change) -> dict[str, object]:
    difference = Payers._make([new - old for old, new in zip(change.old_payers, change.new_payers, strict=True)])
    return {
        "bill_id": change.bill_id,
        "old": {"settlement_id": change.old_id, "payers": _payers(change.old_payers)},
        "new": {"settlement_id": change.new_id, "replaces": change.old_id, "payers": _payers(change.new_payers)},
        "difference": _payers(difference),
    }


def _payers(payers: Payers) -> msgspec.Raw:
    return msgspec.Raw(money_members(payers).encode())


def with_status(answer: bytes, *, is_reversed: bool) -> bytes:
    """A recorded answer as it stands today: the very bytes, or with the status of a reversed one."""
    return answer.replace(_SETTLED, _REVERSED, 1) if is_reversed else answer


def summary(answer: bytes, discharged_on: date, *, is_reversed: bool) -> dict[str, object]:
    """One item of a list: a settlement without its stages and lines."""
    members: dict[str, object] = msgspec.json.decode(with_status(answer, is_reversed=is_reversed))
    for name in ("stages", "lines", "explanation_version"):
        del members[name]
    return members | {"discharged_on": discharged_on.isoformat()}
