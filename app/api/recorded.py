"""Reads back what the ledger stores: requests, and out of answers what later records stand on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.api.request_form import Request
from app.api.strict_json import NotJson
from app.api.wire import ROSTER_SOURCE, read_request
from app.settlement.money import MONEY_PLACES, Fen, plain_number
from app.settlement.year import YearToDate
from app.usecases.check_roster import StatusCheck

if TYPE_CHECKING:
    from app.settlement.bill import Bill


class StoredRequest(NamedTuple):
    """A stored request: the bill, the year to date that it brings (None: the ledger's), the person's pseudonym."""

    bill: Bill
    year_to_date: YearToDate | None
    person: str


def read_recorded(request: bytes) -> StoredRequest:
    """Read a stored request. Raises `ValueError` where it is not one that was ever read."""
    try:
        read = read_request(request)
    except NotJson as error:
        raise ValueError(str(error)) from error
    if not isinstance(read, Request):
        raise ValueError("no request in a form that is settled")  # noqa: TRY004 # its form is wrong, not its type
    return StoredRequest(read.bill, read.year_to_date, read.person_id)


class _Answer(msgspec.Struct):
    year_to_date: dict[str, str]


def year_after(answer: bytes) -> YearToDate:
    """The year to date that a recorded answer leaves, in fen. Raises `ValueError` where it says none."""
    said = _ANSWER.decode(answer).year_to_date
    amounts = [plain_number(said.get(name, ""), MONEY_PLACES) for name in YearToDate._fields]
    return YearToDate._make([_known(amount) for amount in amounts])


_ANSWER = msgspec.json.Decoder(_Answer)


def _known(amount: int | None) -> Fen:
    if amount is None:
        raise ValueError("an amount of the year to date is missing, or is no amount")
    return Fen(amount)


class _StatusCheck(msgspec.Struct):
    roster_status: str | None
    agrees: bool
    as_of: date | None
    source: str | None


class _Checked(msgspec.Struct):
    status_check: _StatusCheck | None = None


_CHECKED = msgspec.json.Decoder(_Checked)


def status_check(answer: bytes) -> StatusCheck | None:
    """What a recorded answer says of the roster; None where it says nothing. Raises `ValueError` for another text."""
    said = _CHECKED.decode(answer).status_check
    if said is None:
        return None
    hashed = None if said.source is None else said.source.removeprefix(ROSTER_SOURCE)
    return StatusCheck(said.roster_status, said.agrees, said.as_of, hashed)


class _Named(msgspec.Struct):
    settlement_id: str


class _Item(msgspec.Struct):
    old: _Named
    new: _Named


class _Correction(msgspec.Struct):
    items: list[_Item]


_CORRECTION = msgspec.json.Decoder(_Correction)


def corrected(answer: bytes) -> list[tuple[str, str]]:
    """The ids of the old and the new settlement of each bill of a correction. Raises `ValueError` for another text."""
    return [(item.old.settlement_id, item.new.settlement_id) for item in _CORRECTION.decode(answer).items]
