"""A policy pack (政策包): the numbers of the policy of one area and time, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from app.settlement.bill import Category, Status, Tier
from app.settlement.money import RATE_PLACES, WHOLE, Fen, Rate, rounded

BackstopBase = Literal["total", "in_catalogue"]
BackstopBasis = Literal["annual", "per_bill"]


class Source(NamedTuple):
    """Where a number comes from: the law's document and clause, or in words who sets it (`assumed`)."""

    document: str | None = None
    clause: str | None = None
    assumed: str | None = None


class ScopePolicy(NamedTuple):
    """Shares of class B lines that the patient first pays (乙类先行自付), by line category."""

    source: Source
    class_b_default: Rate
    class_b_by_category: Mapping[Category, Rate]
    essential_medicine_as_class_a: bool


class StayDeductible(NamedTuple):
    """The deductible (起付线) of one kind of stay, in fen, and where it comes from."""

    amount: Fen
    source: Source


class TierDeductible(NamedTuple):
    """The deductibles of a tier: of the first stay of a year, and of each later one."""

    first: StayDeductible
    repeat: StayDeductible


class DeductiblePolicy(NamedTuple):
    """The inpatient deductible by tier and its waiver (取消住院基金起付标准)."""

    waiver_source: Source
    tiers: Mapping[Tier, TierDeductible]
    waived_for_registered_poor: bool


class TierRate(NamedTuple):
    """A reimbursement rate, and where it comes from: an overlay may change that of a single tier."""

    rate: Rate
    source: Source


class BasicInsurancePolicy(NamedTuple):
    """The pooled fund's rates (统筹基金支付比例) in and out of area, and its annual cap in fen."""

    annual_cap: Fen | None
    in_area: Mapping[Tier, TierRate]
    unreferred_reduction: Rate
    reduction_source: Source
    out_of_area_approved: Mapping[Tier, TierRate]
    out_of_area_unapproved: Mapping[Tier, TierRate]
    preference_source: Source
    rate_bonus: Rate


class ChronicOutpatientPolicy(NamedTuple):
    """Deductible in fen and rates for special chronic outpatient care (门诊特殊慢性病)."""

    source: Source
    deductible: Fen
    rates: Mapping[Tier, TierRate]


class Band(NamedTuple):
    """One band of critical-illness insurance: up to this excess over the threshold in fen (None: open), this rate."""

    up_to: Fen | None
    rate: Rate


class Ladder(NamedTuple):
    """The critical-illness bands as they count for one kind of patient.

    `threshold` and the bounds are in ten-thousandths of a fen: a halved threshold is exact, never rounded.
    """

    threshold: int
    factor: Rate
    bands: tuple[tuple[int | None, Rate], ...]
    shown_bounds: Mapping[str, Fen | None]
    shown_rates: Mapping[str, Rate]

    def reached(self, base: Fen) -> bool:
        """Whether a year with this base is above the threshold."""
        return base * _EXACT > self.threshold

    def paid_up_to(self, base: Fen) -> Fen:
        """f(x) of settlement.md §5.3: what is paid in a year whose base is x, rounded once, in fen."""
        excess = base * _EXACT - self.threshold
        if excess <= 0:
            return Fen(0)
        paid = lower = 0
        for upper, rate in self.bands:
            if upper is None or excess <= upper:
                paid += rate * (excess - lower)
                break
            paid += rate * (upper - lower)
            lower = upper
        return Fen(rounded(paid, _EXACT * _EXACT))


_EXACT = 10**RATE_PLACES


@dataclass(frozen=True, slots=True)
class CriticalIllnessPolicy:
    """Critical-illness insurance (大病保险): threshold (起付线) in fen, bands, and the preference for the poor."""

    source: Source
    preference_source: Source
    threshold: Fen
    include_first_self_pay: bool
    include_deductible: bool
    annual_cap: Fen | None
    bands: tuple[Band, ...]
    threshold_factor: Rate
    rate_bonus: Rate
    ordinary: Ladder = field(init=False)
    poor: Ladder = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the two ladders once, so that a bill only climbs them."""
        object.__setattr__(self, "ordinary", self._ladder(WHOLE, Rate(0)))
        object.__setattr__(self, "poor", self._ladder(self.threshold_factor, self.rate_bonus))

    def _ladder(self, factor: Rate, bonus: Rate) -> Ladder:
        rates = [min(WHOLE, band.rate + bonus) for band in self.bands]
        return Ladder(
            threshold=self.threshold * factor,
            factor=factor,
            bands=tuple(
                (None if band.up_to is None else band.up_to * _EXACT, rate)
                for band, rate in zip(self.bands, rates, strict=True)
            ),
            shown_bounds={f"band_{n}_up_to": band.up_to for n, band in enumerate(self.bands, 1)},
            shown_rates={f"band_{n}_rate": rate for n, rate in enumerate(rates, 1)},
        )


class AssistanceRow(NamedTuple):
    """Medical assistance of one status: rate, annual deductible and cap in fen."""

    source: Source
    rate: Rate
    annual_deductible: Fen
    annual_cap: Fen | None


class MedicalAssistancePolicy(NamedTuple):
    """Medical assistance (医疗救助) by status; a status without a row gets nothing."""

    source: Source
    statuses: Mapping[Status, AssistanceRow]


class SecondReimbursementPolicy(NamedTuple):
    """Second reimbursement (二次报销) out of the fund's surplus."""

    source: Source
    enabled: bool
    rate: Rate
    annual_cap: Fen | None


class BackstopPolicy(NamedTuple):
    """The backstop (兜底) to a target share of the cost, and who pays it."""

    source: Source
    enabled: bool
    target: Rate
    base: BackstopBase
    basis: BackstopBasis
    annual_cap: Fen | None
    payer: str


class LocalSubsidyPolicy(NamedTuple):
    """The local subsidy (适当补助): a share of what the patient bears above his own share."""

    source: Source
    enabled: bool
    own_share: Rate
    share: Rate
    annual_cap: Fen | None


class CatalogueDrugRatioPolicy(NamedTuple):
    """The share of drug costs that must be within the catalogue (用药保障)."""

    source: Source
    threshold: Rate


class Pack(NamedTuple):
    """One merged pack: a region's, or a region's with the overlay of a pooling area.

    `id` is the region's, `area` that of the file selected; both dates are inclusive, `effective_to` None is open.
    `hash` is over the merged content, so that a settlement can be recalculated years later.
    """

    id: str
    area: str
    hash: str
    scheme: str | None
    title: Mapping[str, str]
    effective_from: date
    effective_to: date | None
    scope: ScopePolicy
    deductible: DeductiblePolicy
    basic_insurance: BasicInsurancePolicy
    chronic_outpatient: ChronicOutpatientPolicy | None
    critical_illness: CriticalIllnessPolicy | None
    medical_assistance: MedicalAssistancePolicy | None
    second_reimbursement: SecondReimbursementPolicy | None
    backstop: BackstopPolicy | None
    local_subsidy: LocalSubsidyPolicy | None
    catalogue_drug_ratio: CatalogueDrugRatioPolicy | None
