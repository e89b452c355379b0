"""The request as the ledger stores it: the contract's own form, without names, the person under a pseudonym."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from app.api.memo import Memo
from app.api.wire import boolean, money_members, string
from app.settlement.money import (
    PRICE_PLACES,
    QUANTITY_PLACES,
    RATE_PLACES,
    Price,
    Quantity,
    Rate,
    decimal_text,
    money_text,
)

if TYPE_CHECKING:
    from app.api.request_form import Request
    from app.settlement.bill import LineValues


def values_of(request: Request) -> bytes:
    """All that a request says, by value: the same for every way to write it. What a fingerprint is taken of."""
    return _encode(["1", request.bill, request.year_to_date, request.person_id, request.names])


_encode: Final = msgspec.json.Encoder().encode


def write_stored(request: Request, pseudonym: str) -> bytes:
    """Write a request to store: absent and null members are left out, defaults are written out."""
    bill = request.bill
    facility, patient, encounter = bill.facility, bill.patient, bill.encounter
    year = "" if request.year_to_date is None else f',"year_to_date":{money_members(request.year_to_date)}'
    return (
        f'{{"bill_id":{string(bill.bill_id)},'
        f'"facility":{{"code":{string(facility.code)},"tier":"{facility.tier}",'
        f'"pooling_area":"{facility.pooling_area}"{_county(facility.county)},"designated":{boolean(facility.designated)}}},'
        f'"patient":{{"person_id":"{pseudonym}","status":"{patient.status}",'
        f'"pooling_area":"{patient.pooling_area}"{_county(patient.county)}}},'
        f'"encounter":{{"type":"{encounter.type}","admitted_on":"{encounter.admitted_on}",'
        f'"discharged_on":"{encounter.discharged_on}","admission_number":{encounter.admission_number},'
        f'"referral":"{encounter.referral}","cause":"{encounter.cause}"}},'
        f'"lines":[{",".join([_line(line) for line in bill.lines])}]{year},'
        f'"emergency_aid_approved":"{money_text(bill.emergency_aid_approved)}","prepaid":"{money_text(bill.prepaid)}"}}'
    ).encode()


_QUANTITY: Final[Memo[Quantity, str]] = Memo(lambda value: decimal_text(value, QUANTITY_PLACES))
_PRICE: Final[Memo[Price, str]] = Memo(lambda value: decimal_text(value, PRICE_PLACES))
_RATIO: Final[Memo[Rate, str]] = Memo(lambda value: decimal_text(value, RATE_PLACES))


def _line(values: LineValues) -> str:
    line_no, code, category, catalogue_class, quantity, unit_price, amount, ceiling_price, own_ratio, essential = values
    ceiling = "" if ceiling_price is None else f',"ceiling_price":"{_PRICE[ceiling_price]}"'
    ratio = "" if own_ratio is None else f',"self_pay_ratio":"{_RATIO[own_ratio]}"'
    medicine = ',"essential_medicine":true' if essential else ""
    return (
        f'{{"line_no":{line_no},"code":{string(code)},"category":"{category}","catalogue_class":"{catalogue_class}",'
        f'"quantity":"{_QUANTITY[quantity]}","unit_price":"{_PRICE[unit_price]}","amount":"{money_text(amount)}"'
        f"{ceiling}{ratio}{medicine}}}"
    )


def _county(county: str | None) -> str:
    return "" if county is None else f',"county":"{county}"'
