"""The members of a settlement request, in the order of api.md's example, and the request as the house knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from app.api.forms import (
    AreaForm,
    BooleanForm,
    ChoiceForm,
    CountForm,
    DateForm,
    NumberForm,
    TextForm,
)
from app.api.objects import ListForm, Member, ObjectForm
from app.settlement.bill import (
    CATEGORIES,
    STATUSES,
    TIERS,
    Bill,
    CatalogueClass,
    Cause,
    Encounter,
    EncounterType,
    Facility,
    Line,
    LineValues,
    Patient,
    Referral,
)
from app.settlement.money import MONEY_PLACES, PRICE_PLACES, QUANTITY_PLACES, RATE_PLACES, ZERO
from app.settlement.refusals import MAX_LINES
from app.settlement.year import YearToDate

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTIFIER: Final = TextForm(1, 64)
NAME: Final = TextForm(0, 200)
AREA: Final = AreaForm()
DAY: Final = DateForm()
COUNT: Final = CountForm()
BOOLEAN: Final = BooleanForm()
MONEY: Final = NumberForm(MONEY_PLACES, negative=True)
SUM: Final = NumberForm(MONEY_PLACES, negative=False)
QUANTITY: Final = NumberForm(QUANTITY_PLACES, negative=True)
PRICE: Final = NumberForm(PRICE_PLACES, negative=True)
RATIO: Final = NumberForm(RATE_PLACES, negative=True)

FACILITY: Final = ObjectForm(
    "Facility",
    (
        Member("code", IDENTIFIER, required=True),
        Member("name", NAME, nullable=True),
        Member("tier", ChoiceForm(TIERS), required=True),
        Member("pooling_area", AREA, required=True),
        Member("county", AREA, nullable=True),
        Member("designated", BOOLEAN, default=True),
    ),
)
PATIENT: Final = ObjectForm(
    "Patient",
    (
        Member("person_id", IDENTIFIER, required=True),
        Member("name", NAME, nullable=True),
        Member("status", ChoiceForm(STATUSES), required=True),
        Member("pooling_area", AREA, required=True),
        Member("county", AREA, nullable=True),
    ),
)
ENCOUNTER: Final = ObjectForm(
    "Encounter",
    (
        Member("type", ChoiceForm(get_args(EncounterType)), default="inpatient"),
        Member("admitted_on", DAY, required=True),
        Member("discharged_on", DAY, required=True),
        Member("admission_number", COUNT, default=1),
        Member("referral", ChoiceForm(get_args(Referral)), default="not_required"),
        Member("cause", ChoiceForm(get_args(Cause)), default="illness"),
    ),
)
LINE: Final = ObjectForm(
    "Line",
    (
        Member("line_no", COUNT, required=True),
        Member("code", IDENTIFIER, required=True),
        Member("name", NAME, nullable=True),
        Member("category", ChoiceForm(CATEGORIES), required=True),
        Member("catalogue_class", ChoiceForm(get_args(CatalogueClass)), required=True),
        Member("quantity", QUANTITY, required=True),
        Member("unit_price", PRICE, required=True),
        Member("amount", MONEY, required=True),
        Member("ceiling_price", PRICE, nullable=True),
        Member("self_pay_ratio", RATIO, nullable=True),
        Member("essential_medicine", BOOLEAN, default=False),
    ),
)
YEAR: Final = ObjectForm("YearToDate", tuple(Member(name, SUM, default=ZERO) for name in YearToDate._fields))
REQUEST: Final = ObjectForm(
    "SettlementRequest",
    (
        Member("bill_id", IDENTIFIER, required=True),
        Member("facility", FACILITY, required=True),
        Member("patient", PATIENT, required=True),
        Member("encounter", ENCOUNTER, required=True),
        Member("lines", ListForm(LINE, MAX_LINES), required=True),
        Member("year_to_date", YEAR),
        Member("emergency_aid_approved", SUM, default=ZERO),
        Member("prepaid", SUM, default=ZERO),
    ),
)


class Request(NamedTuple):
    """A request of the right form. `year_to_date` is None where the request leaves it to the ledger.

    `person_id` and `names` (the facility's, the patient's, the lines') stand beside the bill and not in it: the
    calculation knows no person.
    """

    bill: Bill
    year_to_date: YearToDate | None
    person_id: str
    names: list[str | None]


def request_of(values: Mapping[str, Any]) -> Request:
    """Put a request together from the values that `REQUEST` has read."""
    facility, patient = dict(values["facility"]), dict(values["patient"])
    person_id = patient.pop("person_id")
    names = [facility.pop("name"), patient.pop("name"), *[line["name"] for line in values["lines"]]]
    year = values["year_to_date"]
    bill = Bill(
        bill_id=values["bill_id"],
        facility=Facility(**facility),
        patient=Patient(**patient),
        encounter=Encounter(**values["encounter"]),
        lines=tuple(_line(line) for line in values["lines"]),
        emergency_aid_approved=values["emergency_aid_approved"],
        prepaid=values["prepaid"],
    )
    return Request(bill, None if year is None else YearToDate(**year), person_id, names)


def _line(values: dict[str, Any]) -> LineValues:
    del values["name"]
    return (*Line(**values),)
