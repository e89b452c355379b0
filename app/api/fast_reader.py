"""A fast reader for requests that are wholly valid; whatever it does not take, the exact reader decides.

It never accepts what the exact reader would refuse, and never reads another value: tests/unit holds it to that.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from app.api.forms import (
    MAX_COUNT,
    AreaForm,
    BooleanForm,
    ChoiceForm,
    CountForm,
    DateForm,
    NumberForm,
    TextForm,
    WrongForm,
)
from app.api.objects import ListForm, Member, ObjectForm
from app.api.request_form import AREA, COUNT, DAY, LINE, MONEY, PRICE, QUANTITY, RATIO, REQUEST, SUM, Request
from app.settlement.bill import Bill, CatalogueClass, Category, Encounter, Facility, LineValues, Patient
from app.settlement.money import Fen, Price, Quantity, Rate
from app.settlement.year import YearToDate

# Unset members must not be confused with null ones, which are not allowed everywhere.
_UNSET: Final = msgspec.UNSET
# Escapes that could hide a control character, or a colon from the count below.
_HIDING_ESCAPE: Final = re.compile(rb"\\(?:[bfnrt]|u00)")


def read_valid(body: bytes) -> Request | None:
    """Read a request that is certainly valid, or None: then the exact reader has to look."""
    if b"\x7f" in body or (b"\\" in body and _HIDING_ESCAPE.search(body)):
        return None
    try:
        values = _DECODER.decode(body)
        lines, names, absent = _lines(values.lines)
        return _request(values, lines, names) if _each_member_once(values, absent, body) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, WrongForm):
        return None


def _struct(form: ObjectForm) -> type[msgspec.Struct]:
    # Required members first, as a struct wants them; JSON knows no order.
    fields = sorted(form.members, key=lambda member: not member.required)
    return msgspec.defstruct(
        f"Fast{form.title}", [_field(member) for member in fields], forbid_unknown_fields=True, gc=False
    )


def _field(member: Member) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _wire_type(member)
    if member.required:
        return (member.name, kind)
    kind = kind | None if member.nullable else kind
    return (member.name, kind | msgspec.UnsetType, _UNSET)


def _wire_type(member: Member) -> Any:
    form = member.form
    if isinstance(form, ObjectForm):
        return _struct(form)
    if isinstance(form, ListForm):
        return Annotated[list[_struct(form.item)], msgspec.Meta(max_length=form.longest)]  # type: ignore[misc]  # made here
    if isinstance(form, TextForm):
        return Annotated[str, msgspec.Meta(min_length=form.shortest, max_length=form.longest)]
    if isinstance(form, ChoiceForm):
        return Literal[form.choices]
    return _PLAIN_TYPES[type(form)]


# What has a finer form is read on from these.
_PLAIN_TYPES: Final[dict[type, Any]] = {
    AreaForm: str, DateForm: str, BooleanForm: bool, CountForm: int, NumberForm: str | int,
}  # fmt: skip # one table
_LINE_STRUCT: Final = _struct(LINE)
_DECODER: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_struct(REQUEST))


def _each_member_once(request: Any, absent: int, body: bytes) -> bool:
    """Whether no member is repeated, of which the decoder would keep the last without a word.

    Every member has its colon: as many colons as members (and as texts hold) leave none for a repeated one. `absent`
    members are missing in the lines.
    """
    objects = [request, request.facility, request.patient, request.encounter]
    if request.year_to_date is not _UNSET:
        objects.append(request.year_to_date)
    members = sum([_count(item) for item in objects]) + len(request.lines) * len(LINE.members) - absent
    colons = body.count(b":")
    if colons == members:
        return True
    texts = [request.bill_id, request.facility.code, request.facility.name]
    texts += [request.patient.person_id, request.patient.name]
    for line in request.lines:
        texts += (line.code, line.name)
    return colons == members + "".join([text for text in texts if type(text) is str]).count(":")


def _count(item: Any) -> int:
    return sum([value is not _UNSET for value in msgspec.structs.astuple(item)])


def _request(values: Any, lines: tuple[LineValues, ...], names: list[str | None]) -> Request:
    bill = Bill(
        values.bill_id,
        _facility(values.facility),
        _patient(values.patient),
        _encounter(values.encounter),
        lines,
        _or(values.emergency_aid_approved, 0, SUM.plain.__getitem__),
        _or(values.prepaid, 0, SUM.plain.__getitem__),
    )
    names = [_or(values.facility.name, None), _or(values.patient.name, None), *names]
    return Request(bill, _year(values.year_to_date), values.patient.person_id, names)


def _or(value: Any, default: Any, read: Any = None) -> Any:
    if value is _UNSET or value is None:
        return default
    return value if read is None else read(value)


def _facility(values: Any) -> Facility:
    return Facility(
        values.code,
        values.tier,
        AREA.read(values.pooling_area),
        _or(values.county, None, AREA.read),
        _or(values.designated, default=True),
    )


def _patient(values: Any) -> Patient:
    return Patient(values.status, AREA.read(values.pooling_area), _or(values.county, None, AREA.read))


def _encounter(values: Any) -> Encounter:
    return Encounter(
        DAY.read(values.admitted_on),
        DAY.read(values.discharged_on),
        _or(values.type, "inpatient"),
        _or(values.admission_number, 1, COUNT.check),
        _or(values.referral, "not_required"),
        _or(values.cause, "illness"),
    )


def _year(values: Any) -> YearToDate | None:
    if values is _UNSET:
        return None
    return YearToDate(*[_or(getattr(values, name), 0, SUM.plain.__getitem__) for name in YearToDate._fields])


assert _LINE_STRUCT.__struct_fields__ == (
    "line_no", "code", "category", "catalogue_class", "quantity", "unit_price", "amount",
    "name", "ceiling_price", "self_pay_ratio", "essential_medicine",
), "the order in which the lines are taken apart below"  # fmt: skip # one row


_Number: TypeAlias = "str | int"
_Row: TypeAlias = (
    "tuple[int, str, Category, CatalogueClass, _Number, _Number, _Number, Any, Any, Any, bool | msgspec.UnsetType]"
)


def _lines(rows: list[Any]) -> tuple[tuple[LineValues, ...], list[str | None], int]:
    """The lines, their names, and how many members are absent: one loop, where the time of a large bill goes."""
    quantities, prices, amounts, ratios = QUANTITY.plain, PRICE.plain, MONEY.plain, RATIO.plain
    values_of = msgspec.structs.astuple
    absent = 0
    lines: list[LineValues] = []
    names: list[str | None] = []
    for row in rows:
        values: _Row = values_of(row)
        line_no, code, category, catalogue_class, quantity, unit_price, amount, name, ceiling, ratio, essential = values
        if not 1 <= line_no <= MAX_COUNT:
            raise WrongForm
        ceiling_price: Price | None = None
        self_pay_ratio: Rate | None = None
        essential_medicine = False
        if name is _UNSET:
            absent += 1
            names.append(None)
        else:
            names.append(name)
        if ceiling is _UNSET:
            absent += 1
        elif ceiling is not None:
            ceiling_price = Price(prices[ceiling])
        if ratio is _UNSET:
            absent += 1
        elif ratio is not None:
            self_pay_ratio = Rate(ratios[ratio])
        if essential is _UNSET:
            absent += 1
        else:
            essential_medicine = essential
        lines.append(
            (
                line_no,
                code,
                category,
                catalogue_class,
                Quantity(quantities[quantity]),
                Price(prices[unit_price]),
                Fen(amounts[amount]),
                ceiling_price,
                self_pay_ratio,
                essential_medicine,
            )
        )
    return tuple(lines), names, absent
