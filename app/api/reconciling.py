"""A reconciliation on the wire: the other side's rows in, and what a run says of them."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from app.api.forms import WrongForm
from app.api.json_rows import json_rows
from app.api.objects import MAX_FINDINGS, Member, ObjectForm
from app.api.request_form import DAY, IDENTIFIER, MONEY
from app.exchange.uploads import csv_rows, parquet_rows
from app.settlement.money import Fen, money_text
from app.settlement.refusals import FIELD_INVALID, Finding
from app.store.scratch import Entry
from app.usecases.compare_books import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.usecases.compare_books import Pair, Sum
    from app.usecases.reconcile import Made

ROW: Final = ObjectForm(
    "ReconciliationRow",
    (
        Member("facility", IDENTIFIER, required=True),
        Member("bill_id", IDENTIFIER, required=True),
        Member("amount", MONEY, required=True),
        Member("date", DAY, required=True),
    ),
)
NAMES: Final = tuple(member.name for member in ROW.members)
MAX_ROWS: Final = 1_000_000
_READERS: Final[dict[str, Callable[[Path], Iterator[object]]]] = {
    "json": json_rows,
    "csv": lambda path: csv_rows(path, NAMES),
    "parquet": lambda path: parquet_rows(path, NAMES),
}
FORMATS: Final = tuple(_READERS)


class RowsRefused(Exception):
    """Rows are wrong: the first hundred findings."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__()
        self.findings = findings


class Period(NamedTuple):
    """Both days included."""

    first: date
    last: date


def read_rows(path: Path, form: str, period: Period) -> Iterator[Entry]:
    """Read a file's rows. Raises `RowsRefused` where rows are wrong, `NotJson` or `WrongTable` for another file.

    Each row's date is a day of the period: a row of another one would be missed in that period's run.
    """
    findings: list[Finding] = []
    for number, row in enumerate(_READERS[form](path)):
        if number == MAX_ROWS:
            raise RowsRefused([Finding("/rows", FIELD_INVALID.code, f"Expected at most {MAX_ROWS:,} rows.")])
        entry = _entry(row, period)
        if entry is None:
            findings += islice(_findings(row, number, period), MAX_FINDINGS - len(findings))
            if len(findings) == MAX_FINDINGS:
                break
        elif not findings:
            yield entry
    if findings:
        raise RowsRefused(findings)


def _entry(row: object, period: Period) -> Entry | None:
    """A right row, in few steps: there may be a million; None for any other."""
    if type(row) is not dict or len(row) != len(NAMES):
        return None
    try:
        day: date = DAY.read(row["date"])
        entry = Entry(IDENTIFIER.read(row["facility"]), IDENTIFIER.read(row["bill_id"]), Fen(MONEY.read(row["amount"])))
    except (KeyError, WrongForm):
        return None
    return entry if period.first <= day <= period.last else None


def _findings(row: object, number: int, period: Period) -> Iterator[Finding]:
    found = list(ROW.findings(row, f"/rows/{number}"))
    expected = f"Expected a day from {period.first} to {period.last}."
    yield from found or [Finding(f"/rows/{number}/date", FIELD_INVALID.code, expected)]


def write_run(made: Made) -> tuple[bytes, str]:
    """Write a run, and hash what both sides sign: all that it says but the hash itself and what was marked."""
    comparison, side = made.comparison, made.side
    total = comparison.total()
    members: dict[str, Any] = {
        "reconciliation_id": made.reconciliation_id,
        "made_at": made.made_at,
        "payer": side.payer,
        "from": side.since,
        "to": (date.fromisoformat(side.until) - timedelta(days=1)).isoformat(),
        "rows_here": made.rows_here,
        "rows_there": made.rows_there,
        **{kind: _sum(comparison.sums[kind]) for kind in KINDS},
        "total": _sum(total),
        "books": {"here": f"sha256:{comparison.here_hash}", "there": f"sha256:{comparison.there_hash}"},
    }
    hashed = hashlib.sha256(msgspec.json.encode(members)).hexdigest()
    members |= {
        "hash": f"sha256:{hashed}",
        "differences": [_pair(pair) for pair in made.differences],
        "report": f"/v1/reconciliations/{made.reconciliation_id}/report",
        "marked": None
        if made.mark is None
        else {"payment": made.mark.payment, "reference": made.mark.reference, "backstops": made.marked},
    }
    return msgspec.json.encode(members), hashed


def _sum(each: Sum) -> dict[str, object]:
    return {
        "bills": each.bills,
        "here": money_text(each.here),
        "there": money_text(each.there),
        "difference": money_text(each.there - each.here),
    }


def _pair(pair: Pair) -> dict[str, object]:
    return {
        "kind": pair.kind,
        "facility": pair.facility_code,
        "bill_id": pair.bill_id,
        "here": None if pair.here is None else money_text(pair.here),
        "there": None if pair.there is None else money_text(pair.there),
        "difference": money_text(pair.difference),
    }
