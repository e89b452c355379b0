"""What comes in: an itemized bill (住院费用明细), its hospital, patient and stay, all frozen and exact."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from app.settlement.money import ZERO, Fen, Price, Quantity, Rate

Status = Literal[
    "registered_poor", "extremely_poor", "low_income", "severely_disabled", "low_income_family", "ordinary"
]
Tier = Literal["primary", "secondary", "tertiary_municipal", "tertiary_regional"]
EncounterType = Literal["inpatient", "maternity_inpatient", "chronic_outpatient"]
Referral = Literal["not_required", "approved", "emergency", "none"]
Cause = Literal["illness", "maternity", "work_injury", "third_party"]
Category = Literal[
    "drug",
    "herbal_drug",
    "treatment",
    "surgery",
    "examination",
    "laboratory",
    "material",
    "bed",
    "nursing",
    "other",
]
CatalogueClass = Literal["A", "B", "C"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
DRUGS: Final = frozenset[Category](("drug", "herbal_drug"))


# The values of a line in the order of `Line`. A bill holds plain tuples: loops over five thousand named ones take
# three times as long to unpack. `Line(*values)` names them again.
LineValues: TypeAlias = tuple[int, str, Category, CatalogueClass, Quantity, Price, Fen, Price | None, Rate | None, bool]


class Line(NamedTuple):
    """One charge, or with a negative quantity and amount one refund.

    `quantity` in ten-thousandths, `unit_price` and `ceiling_price` (限价) in millionths of a yuan, `amount` in fen,
    `self_pay_ratio` (先行自付比例) a share of 1 in ten-thousandths. `essential_medicine` is 国家基本药物.
    """

    line_no: int
    code: str
    category: Category
    catalogue_class: CatalogueClass
    quantity: Quantity
    unit_price: Price
    amount: Fen
    ceiling_price: Price | None = None
    self_pay_ratio: Rate | None = None
    essential_medicine: bool = False


class Facility(NamedTuple):
    """The hospital (医疗机构); `designated` is 定点."""

    code: str
    tier: Tier
    pooling_area: str
    county: str | None = None
    designated: bool = True


class Patient(NamedTuple):
    """Whom the calculation knows: a status and a place of insurance (统筹地区), no name and no id."""

    status: Status
    pooling_area: str
    county: str | None = None


class Encounter(NamedTuple):
    """The stay; `admission_number` 1 is the first of the insurance year."""

    admitted_on: date
    discharged_on: date
    type: EncounterType = "inpatient"
    admission_number: int = 1
    referral: Referral = "not_required"
    cause: Cause = "illness"


class Bill(NamedTuple):
    """A bill as settled: `emergency_aid_approved` (疾病应急救助) and `prepaid` (押金) in fen."""

    bill_id: str
    facility: Facility
    patient: Patient
    encounter: Encounter
    lines: tuple[LineValues, ...]
    emergency_aid_approved: Fen = ZERO
    prepaid: Fen = ZERO
