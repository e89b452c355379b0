"""A complete pack and a plain bill as the calculation takes them, for a test to change in one place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from app.settlement.bill import Bill, CatalogueClass, Category, Encounter, Facility, Line, Patient, Status, Tier
from app.settlement.money import Fen, Price, Quantity, Rate
from app.settlement.pack import (
    AssistanceRow,
    BackstopPolicy,
    Band,
    BasicInsurancePolicy,
    CatalogueDrugRatioPolicy,
    ChronicOutpatientPolicy,
    CriticalIllnessPolicy,
    DeductiblePolicy,
    LocalSubsidyPolicy,
    MedicalAssistancePolicy,
    Pack,
    ScopePolicy,
    SecondReimbursementPolicy,
    Source,
    StayDeductible,
    TierDeductible,
    TierRate,
)
from app.settlement.result import Settlement, StageResult
from app.settlement.settle import Refused, settle
from app.settlement.year import YearToDate

LAW = Source(document="Law", clause="1")
TIERS: tuple[Tier, ...] = ("primary", "secondary", "tertiary_municipal", "tertiary_regional")


def _scaled(text: str, units: int) -> int:
    value = Decimal(text) * units
    assert value == int(value), f"{text} has too many decimals"
    return int(value)


def yuan(text: str) -> Fen:
    return Fen(_scaled(text, 100))


def share(text: str) -> Rate:
    return Rate(_scaled(text, 10_000))


def price(text: str) -> Price:
    return Price(_scaled(text, 1_000_000))


def rates(*by_tier: str) -> dict[Tier, TierRate]:
    """Rates of the four tiers, or one rate for all of them."""
    texts = by_tier if len(by_tier) == 4 else by_tier * 4
    return {tier: TierRate(share(text), LAW) for tier, text in zip(TIERS, texts, strict=True)}


def deductibles(first: str, repeat: str) -> dict[Tier, TierDeductible]:
    """The same deductible in all four tiers."""
    return dict.fromkeys(TIERS, TierDeductible(StayDeductible(yuan(first), LAW), StayDeductible(yuan(repeat), LAW)))


def bands(*steps: tuple[str | None, str]) -> tuple[Band, ...]:
    return tuple(Band(None if up_to is None else yuan(up_to), share(rate)) for up_to, rate in steps)


def assisted(rate: str, annual_deductible: str = "0.00", annual_cap: str | None = None) -> AssistanceRow:
    cap = None if annual_cap is None else yuan(annual_cap)
    return AssistanceRow(LAW, share(rate), yuan(annual_deductible), cap)


PACK = Pack(
    id="small@2018-01-01",
    area="450000",
    hash="sha256:0",
    scheme="urban_rural_resident",
    title={"zh-CN": "小", "en": "Small"},
    effective_from=date(2018, 1, 1),
    effective_to=None,
    scope=ScopePolicy(LAW, share("0.10"), {"material": share("0.20")}, essential_medicine_as_class_a=True),
    deductible=DeductiblePolicy(LAW, deductibles("400.00", "200.00"), waived_for_registered_poor=True),
    basic_insurance=BasicInsurancePolicy(
        annual_cap=yuan("150000.00"),
        in_area=rates("0.90", "0.75", "0.60", "0.55"),
        unreferred_reduction=share("0.10"),
        reduction_source=LAW,
        out_of_area_approved=rates("0.80", "0.65", "0.50", "0.45"),
        out_of_area_unapproved=rates("0.60", "0.45", "0.35", "0.30"),
        preference_source=LAW,
        rate_bonus=share("0.05"),
    ),
    chronic_outpatient=ChronicOutpatientPolicy(LAW, yuan("0.00"), rates("0.80", "0.70", "0.55", "0.50")),
    critical_illness=CriticalIllnessPolicy(
        source=LAW,
        preference_source=LAW,
        threshold=yuan("10000.00"),
        include_first_self_pay=False,
        include_deductible=True,
        annual_cap=None,
        bands=bands(("20000.00", "0.50"), ("50000.00", "0.60"), (None, "0.70")),
        threshold_factor=share("0.5"),
        rate_bonus=share("0.10"),
    ),
    medical_assistance=MedicalAssistancePolicy(
        LAW,
        {"registered_poor": assisted("0.70", annual_cap="20000.00"), "low_income": assisted("0.50", "2000.00")},
    ),
    second_reimbursement=SecondReimbursementPolicy(LAW, True, share("0.40"), None),
    backstop=BackstopPolicy(LAW, True, share("0.90"), "total", "annual", None, "commercial_insurer"),
    local_subsidy=LocalSubsidyPolicy(LAW, True, share("0.10"), share("0.50"), None),
    catalogue_drug_ratio=CatalogueDrugRatioPolicy(LAW, share("0.95")),
)


def pack(**blocks: Any) -> Pack:
    """The pack with some numbers of its blocks changed; None takes a block out."""
    changed: dict[str, Any] = {
        name: None if new is None else with_numbers(getattr(PACK, name), **new) for name, new in blocks.items()
    }
    return PACK._replace(**changed)


def with_numbers(block: Any, **numbers: Any) -> Any:
    """A block with some numbers changed, and what it lays out of them."""
    return replace(block, **numbers) if isinstance(block, CriticalIllnessPolicy) else block._replace(**numbers)


def line(
    amount: str,
    catalogue_class: CatalogueClass = "A",
    category: Category = "treatment",
    *,
    number: int = 1,
    code: str = "X",
    quantity: str | None = None,
    unit_price: str | None = None,
    ceiling: str | None = None,
    ratio: str | None = None,
    essential: bool = False,
) -> Line:
    """One charge of this amount, one piece of it unless told otherwise; a negative amount is a refund of one."""
    sign, size = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    return Line(
        number,
        code,
        category,
        catalogue_class,
        Quantity(_scaled(quantity or f"{sign}1", 10_000)),
        price(unit_price or size),
        yuan(amount),
        None if ceiling is None else price(ceiling),
        None if ratio is None else share(ratio),
        essential,
    )


def bill(
    *lines: Line | str,
    status: Status = "ordinary",
    tier: Tier = "secondary",
    out_of_area: bool = False,
    county: str | None = "450221",
    aid: str = "0.00",
    prepaid: str = "0.00",
    **encounter: Any,
) -> Bill:
    """A first stay in 2018 of an ordinary patient in a secondary hospital of his county; a text is a class A line."""
    named = [line(each, number=n, code=f"X{n}") if isinstance(each, str) else each for n, each in enumerate(lines, 1)]
    return Bill(
        "B1",
        Facility("H1", tier, "440100" if out_of_area else "450200", "440121" if out_of_area else "450221"),
        Patient(status, "450200", county),
        Encounter(date(2018, 6, 1), date(2018, 6, 15), **encounter),
        tuple(named),
        yuan(aid),
        yuan(prepaid),
    )


def year(**amounts: str) -> YearToDate:
    return YearToDate(**{name: yuan(text) for name, text in amounts.items()})


def settled(asked: Bill, by: Pack = PACK, after: YearToDate | None = None) -> Settlement:
    settlement = settle(asked, by, after or YearToDate())
    assert not isinstance(settlement, Refused), settlement.findings
    return settlement


def stage_of(settlement: Settlement, name: str) -> StageResult:
    return next(stage for stage in settlement.stages if stage.stage == name)
