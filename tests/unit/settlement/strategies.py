"""Packs and bills for Hypothesis: every valid number, and the ones beside each boundary more often than chance has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from hypothesis import strategies as st

from app.settlement.bill import (
    CATEGORIES,
    DRUGS,
    STATUSES,
    TIERS,
    Bill,
    CatalogueClass,
    Encounter,
    EncounterType,
    Facility,
    Line,
    LineValues,
    Patient,
    Referral,
    Status,
    Tier,
)
from app.settlement.money import COST_UNITS, Fen, Price, Quantity, Rate
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
from app.settlement.year import YearToDate
from tests.unit.settlement.small import with_numbers

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

MAX_FEN = 10_000_000_000
LAW = Source(document="Law", clause="1")
TYPES: tuple[EncounterType, ...] = ("inpatient", "inpatient", "maternity_inpatient", "chronic_outpatient")
REFERRALS: tuple[Referral, ...] = ("not_required", "approved", "emergency", "none")
# The same area and county, the same area alone, the same county code in another area, elsewhere.
PLACES = (("450200", "450221"), ("450200", "450222"), ("450300", "450221"), ("440100", None))
# The poor more often than the others: most rules are about them.
CLASSES: tuple[CatalogueClass, ...] = ("A", "B", "C")
SHARED_STATUSES: tuple[Status, ...] = ("registered_poor", "registered_poor", "registered_poor", *STATUSES)

# One choice each, and no `|`, which is two: choices are what the time of a long run goes to.
_rates = st.integers(-2_000, 12_000).map(lambda number: max(0, min(10_000, number)))
_small_money = st.integers(-20_000, 200_000).map(lambda number: max(0, number))
_money = st.integers(-100_000, 5_000_000).map(lambda number: max(0, number))
# A quarter is no cap, a few are 0, a third is small.
_caps = st.integers(-120, 240).map(lambda number: None if number < -30 else Fen(0) if number <= 0 else Fen(number**3))
_flags = st.booleans()
_mostly = st.sampled_from([True, True, True, False])


def _rate(draw: Draw[Any]) -> Rate:
    return Rate(draw(_rates))


def _cap(draw: Draw[Any]) -> Fen | None:
    cap: Fen | None = draw(_caps)
    return cap


def _stay(draw: Draw[Any]) -> StayDeductible:
    return StayDeductible(Fen(draw(_small_money)), LAW)


def _tier_rates(draw: Draw[Any]) -> dict[Tier, TierRate]:
    return {tier: TierRate(_rate(draw), LAW) for tier in TIERS}


def _bands(draw: Draw[Any]) -> tuple[Band, ...]:
    """One to five bands: bounds strictly ascending from above 0, rates that don't fall, the last one open."""
    count = draw(st.integers(1, 5))
    rates = sorted(draw(st.lists(_rates, min_size=count, max_size=count)))
    bounds = sorted(draw(st.sets(st.integers(1, 6_000_000), min_size=count - 1, max_size=count - 1)))
    return tuple(
        Band(None if bound is None else Fen(bound), Rate(rate))
        for bound, rate in zip([*bounds, None], rates, strict=True)
    )


def _critical_illness(draw: Draw[Any]) -> CriticalIllnessPolicy:
    return CriticalIllnessPolicy(
        source=LAW,
        preference_source=LAW,
        threshold=Fen(draw(_money)),
        include_first_self_pay=draw(_flags),
        include_deductible=draw(_flags),
        annual_cap=_cap(draw),
        bands=_bands(draw),
        threshold_factor=_rate(draw),
        rate_bonus=_rate(draw),
    )


def _assistance(draw: Draw[Any]) -> MedicalAssistancePolicy:
    covered = draw(st.sets(st.sampled_from(STATUSES)))
    rows = {
        status: AssistanceRow(LAW, _rate(draw), Fen(draw(_small_money)), _cap(draw))
        for status in STATUSES
        if status in covered
    }
    return MedicalAssistancePolicy(LAW, rows)


@st.composite
def packs(draw: Draw[Any]) -> Pack:
    """Any pack that would load: arbitrary numbers, any optional block absent, every switch."""
    present = draw(st.integers(0, 127))
    absent_once_in_eight = draw(st.lists(st.integers(0, 7), min_size=7, max_size=7))

    def maybe(number: int, make: Callable[[], T]) -> T | None:
        return None if absent_once_in_eight[number] == 0 and present & 1 << number else make()

    categories = draw(st.sets(st.sampled_from(CATEGORIES), max_size=3))
    return Pack(
        id="generated@2018-01-01",
        area="450000",
        hash="sha256:0",
        scheme="urban_rural_resident",
        title={"zh-CN": "", "en": ""},
        effective_from=date(2018, 1, 1),
        effective_to=None,
        scope=ScopePolicy(LAW, _rate(draw), {each: _rate(draw) for each in CATEGORIES if each in categories}, draw(_flags)),
        deductible=DeductiblePolicy(
            LAW, {tier: TierDeductible(_stay(draw), _stay(draw)) for tier in TIERS}, draw(_flags)
        ),
        basic_insurance=BasicInsurancePolicy(
            _cap(draw), _tier_rates(draw), _rate(draw), LAW, _tier_rates(draw), _tier_rates(draw), LAW, _rate(draw)
        ),
        chronic_outpatient=maybe(0, lambda: ChronicOutpatientPolicy(LAW, Fen(draw(_small_money)), _tier_rates(draw))),
        critical_illness=maybe(1, lambda: _critical_illness(draw)),
        medical_assistance=maybe(2, lambda: _assistance(draw)),
        second_reimbursement=maybe(
            3, lambda: SecondReimbursementPolicy(LAW, draw(_mostly), Rate(draw(st.integers(0, 4_000))), _cap(draw))
        ),
        backstop=maybe(
            4,
            lambda: BackstopPolicy(
                LAW, draw(_mostly), _rate(draw), draw(st.sampled_from(["total", "in_catalogue"])),
                draw(st.sampled_from(["annual", "per_bill"])), _cap(draw), "commercial_insurer",
            ),
        ),
        local_subsidy=maybe(5, lambda: LocalSubsidyPolicy(LAW, draw(_mostly), _rate(draw), _rate(draw), _cap(draw))),
        catalogue_drug_ratio=maybe(6, lambda: CatalogueDrugRatioPolicy(LAW, _rate(draw))),
    )  # fmt: skip


def boundaries(pack: Pack) -> list[int]:
    """Every amount of a pack, and one fen below and above it."""
    critical, chronic = pack.critical_illness, pack.chronic_outpatient
    amounts: set[Fen | None] = {amount for tier in pack.deductible.tiers.values() for amount, _ in tier}
    amounts.add(pack.basic_insurance.annual_cap)
    if chronic is not None:
        amounts.add(chronic.deductible)
    if critical is not None:
        halved = critical.threshold * critical.threshold_factor // 10_000
        amounts |= {critical.annual_cap, critical.threshold, Fen(halved)}
        bounds = [band.up_to for band in critical.bands if band.up_to is not None]
        amounts |= {Fen(threshold + bound) for threshold in (critical.threshold, halved) for bound in bounds}
    if pack.medical_assistance is not None:
        amounts |= {amount for row in pack.medical_assistance.statuses.values() for amount in row[2:]}
    for block in (pack.second_reimbursement, pack.backstop, pack.local_subsidy):
        if block is not None:
            amounts.add(block.annual_cap)
    near = {amount + step for amount in amounts if amount is not None for step in (-1, 0, 1)}
    return sorted(amount for amount in near if 0 <= amount <= MAX_FEN)


@dataclass(frozen=True)
class Chances:
    """What bills under one pack are drawn from: amounts at and near its numbers, and as many from anywhere."""

    near: list[int]
    amounts: st.SearchStrategy[int]
    chronic: bool

    @classmethod
    def under(cls, pack: Pack, draw: Draw[Any]) -> Chances:
        anywhere = draw(st.lists(st.integers(1, 300_000), min_size=20, max_size=20))
        anywhere += [amount * 67 for amount in anywhere]
        near = boundaries(pack) + anywhere
        return cls(
            [0, *near], st.sampled_from([max(1, amount) for amount in near]), pack.chronic_outpatient is not None
        )


QUANTITIES = (10_000, 20_000, 30_000, 5_000, 3_333, 1, 1_000_000)
NUDGES = (0, 0, 0, 1, -1)
_shapes = st.integers(0, 10 * 3 * 4 * 4 * 2 * 7 * 5 - 1)
_ceilings = st.integers(0, 12_000)


def _digits(number: int, *bases: int) -> list[int]:
    """Read several small choices out of one great one."""
    digits = []
    for base in bases:
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits


def _line(draw: Draw[Any], number: int, chances: Chances) -> Line:
    """A charge: a boundary's amount as often as any other; its amount may be a fen off, as the contract allows."""
    category, chosen, own_ratio, ceiling, essential, many, nudge = _digits(draw(_shapes), 10, 3, 4, 4, 2, 7, 5)
    catalogue_class: CatalogueClass = CLASSES[chosen]
    quantity = QUANTITIES[many]
    # In millionths of a yuan, a whole number of fen.
    unit_price = draw(chances.amounts) * 10_000
    if quantity * unit_price > MAX_FEN * COST_UNITS // 10:
        quantity = 10_000
    amount = max(0, (quantity * unit_price + COST_UNITS // 2) // COST_UNITS + NUDGES[nudge])
    # A share of the price, in six decimals: often not a whole number of fen.
    ceiling_price = Price(unit_price * draw(_ceilings) // 10_000) if ceiling == 1 else None
    return Line(
        number,
        f"X{category}",
        CATEGORIES[category],
        catalogue_class,
        Quantity(quantity),
        Price(unit_price),
        Fen(amount),
        ceiling_price,
        _rate(draw) if catalogue_class == "B" and own_ratio == 1 else None,
        essential_medicine=essential == 1 and catalogue_class != "C" and CATEGORIES[category] in DRUGS,
    )


def mirrored(line: LineValues, number: int) -> Line:
    """The refund of a whole line: all its fields the same but the number, and quantity and amount negated."""
    charge = Line(*line)
    return charge._replace(line_no=number, quantity=-charge.quantity, amount=Fen(-charge.amount))


def _part(line: Line, number: int, of: int) -> Line:
    """The refund of a half or a third of a line, rounded for itself."""
    quantity = Quantity(max(1, line.quantity // of))
    amount = min(line.amount, (quantity * line.unit_price + COST_UNITS // 2) // COST_UNITS)
    return line._replace(line_no=number, quantity=Quantity(-quantity), amount=Fen(-amount))


_refunds = st.integers(0, 8**4 - 1)
_stays = st.integers(0, 9 * 4 * 4 * 4 * 4 * 2 * 6 * 3 - 1)
_lines = st.integers(1, 4)


@st.composite
def bills(draw: Draw[Any], chances: Chances) -> Bill:
    """A bill that may settle: any status, tier, place, type and referral, with refunds of wholes and of parts."""
    status, tier, place, referral, kind, repeat, aid, prepaid = _digits(draw(_stays), 9, 4, 4, 4, 4, 2, 6, 3)
    charges = [_line(draw, number, chances) for number in range(1, 1 + draw(_lines))]
    lines = list(charges)
    for line, refund in zip(charges, _digits(draw(_refunds), 8, 8, 8, 8), strict=False):
        number = len(lines) + 1
        if refund == 1 and len(charges) > 1:
            lines.append(mirrored(line, number))
        elif refund in {2, 3}:
            lines.append(_part(line, number, of=refund))
    area, county = PLACES[place]
    type_ = TYPES[kind] if chances.chronic else "inpatient"
    total = max(0, sum(line.amount for line in lines))
    return Bill(
        "B1",
        Facility("H1", TIERS[tier], area, county),
        Patient(SHARED_STATUSES[status], "450200", "450221"),
        Encounter(date(2018, 6, 1), date(2018, 6, 15), type_, 1 + repeat, REFERRALS[referral]),
        tuple(lines),
        Fen((0, 0, 0, 1, total, total // 3)[aid]),
        Fen((0, 50_000, total)[prepaid]),
    )


_years = st.integers(0, 10**9)


@st.composite
def years(draw: Draw[Any], chances: Chances) -> YearToDate:
    """Nothing, or each sum at or near a number of the pack, or anywhere: one choice for all twelve."""
    chosen = draw(_years)
    half, chosen = chosen % 2, chosen // 2
    sums = chances.near
    return YearToDate(*[Fen(sums[chosen * (2 * place + 3) // 7 % len(sums)] * half) for place in range(12)])


@dataclass(frozen=True)
class Example:
    """A pack and some bills under it, each with a year to date before it."""

    pack: Pack
    bills: list[tuple[Bill, YearToDate]]


BILLS_AN_EXAMPLE = 10


@st.composite
def examples(draw: Draw[Any]) -> Example:
    pack = draw(packs())
    chances = Chances.under(pack, draw)
    return Example(pack, [(draw(bills(chances)), draw(years(chances))) for _ in range(BILLS_AN_EXAMPLE)])


def of_status(bill: Bill, status: Any) -> Bill:
    return bill._replace(patient=bill.patient._replace(status=status))


def with_block(pack: Pack, name: str, **numbers: Any) -> Pack:
    """The pack with some numbers of a block changed, where it has the block."""
    block = getattr(pack, name)
    changed: dict[str, Any] = {} if block is None else {name: with_numbers(block, **numbers)}
    return pack._replace(**changed)
