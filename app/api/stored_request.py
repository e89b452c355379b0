"""The request as the ledger stores it: the contract's own form, without names, the person under a pseudonym."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from app.api.memo import Memo
from app.api.wire import boolean, money_members, string
from app.settlement.money import (
    PRICE_PLACES,
    QUANTITY_PLACES,
    RATE_PLACES,
    decimal_text,
    money_text,
)

if TYPE_CHECKING:
    from app.api.request_form import Request
    from app.settlement.bill import LineValues
    from app.settlement.money import Price, Quantity, Rate


def values_of(request: Request, stored: bytes) -> bytes:
    """All that a request says, by value: the same for every way to write it. What a fingerprint is taken of.

    `stored` is what `write_stored` made of it; what that leaves out comes behind it.
    """
    return stored + _encode(["2", request.person_id, request.names])


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


def _line(values: LineValues) -> str:
    line_no, code, category, catalogue_class, quantity, unit_price, amount, ceiling_price, own_ratio, essential = values
    before, between, after = _ITEM[code, category, catalogue_class, unit_price, ceiling_price, own_ratio, essential]
    return f"{_NUMBER}{line_no}{before}{_QUANTITY[quantity]}{between}{money_text(amount)}{after}"


_NUMBER: Final = '{"line_no":'
# What a line says of the thing that was charged is the same in many bills.
_Item: TypeAlias = "tuple[str, str, str, Price, Price | None, Rate | None, bool]"


def _item(item: _Item) -> tuple[str, str, str]:
    """What stands between a line's number, its quantity and its amount, and what behind them."""
    code, category, catalogue_class, unit_price, ceiling_price, own_ratio, essential = item
    ceiling = "" if ceiling_price is None else f',"ceiling_price":"{decimal_text(ceiling_price, PRICE_PLACES)}"'
    ratio = "" if own_ratio is None else f',"self_pay_ratio":"{decimal_text(own_ratio, RATE_PLACES)}"'
    medicine = ',"essential_medicine":true' if essential else ""
    return (
        f',"code":{string(code)},"category":"{category}","catalogue_class":"{catalogue_class}","quantity":"',
        f'","unit_price":"{decimal_text(unit_price, PRICE_PLACES)}","amount":"',
        f'"{ceiling}{ratio}{medicine}}}',
    )


_ITEM: Final[Memo[_Item, tuple[str, str, str]]] = Memo(_item)


def _county(county: str | None) -> str:
    return "" if county is None else f',"county":"{county}"'
