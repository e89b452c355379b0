"""Builds the frozen `Pack` of the calculation out of a merged tree that was found complete and right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from app.policies.merge import content_hash
from app.policies.tree import Items
from app.settlement.bill import CATEGORIES, STATUSES, TIERS
from app.settlement.money import ZERO
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
    StayDeductible,
    TierDeductible,
    TierRate,
)

if TYPE_CHECKING:
    from app.policies.tree import Branch
    from app.settlement.bill import Tier
    from app.settlement.pack import BackstopBase, BackstopBasis, Source

# Who pays the backstop where a pack does not say: 商业健康保险 (桂人社发〔2017〕74号 二(二)5).
_BACKSTOP_PAYER: Final = "commercial_insurer"


def build_pack(tree: Branch) -> Pack:
    """Make the pack of a region, or of a region with an overlay laid over it."""
    effective_from = tree.day("effective_from")
    assert effective_from is not None
    title = tree.optional("title")
    return Pack(
        id=pack_id(tree),
        area=tree.text("area"),
        hash=content_hash(tree),
        scheme=tree.text("scheme") if tree.value("scheme") else None,
        title={language: title.text(language) for language in title.entries} if title else {},
        effective_from=effective_from,
        effective_to=tree.day("effective_to"),
        scope=_scope(tree.branch("scope")),
        deductible=_deductible(tree.branch("deductible")),
        basic_insurance=_basic_insurance(tree.branch("basic_insurance")),
        chronic_outpatient=_chronic_outpatient(tree.optional("chronic_outpatient")),
        critical_illness=_critical_illness(tree.optional("critical_illness")),
        medical_assistance=_medical_assistance(tree.optional("medical_assistance")),
        second_reimbursement=_second_reimbursement(tree.optional("second_reimbursement")),
        backstop=_backstop(tree.optional("backstop")),
        local_subsidy=_local_subsidy(tree.optional("local_subsidy")),
        catalogue_drug_ratio=_catalogue_drug_ratio(tree.optional("catalogue_drug_ratio")),
    )


def pack_id(tree: Branch) -> str:
    """Give the id of a region: `name@effective_from`, also under an overlay that begins later."""
    extends = tree.value("extends")
    return extends if isinstance(extends, str) else f"{tree.text('name')}@{tree.day('effective_from')}"


def _scope(block: Branch) -> ScopePolicy:
    ratios = block.branch("class_b_self_pay_ratio")
    return ScopePolicy(
        source=ratios.source_of("default"),
        class_b_default=ratios.rate("default"),
        class_b_by_category={each: ratios.rate(each) for each in CATEGORIES if ratios.value(each) is not None},
        essential_medicine_as_class_a=block.flag("essential_medicine_as_class_a"),
    )


def _deductible(block: Branch) -> DeductiblePolicy:
    tiers = block.branch("tiers")
    rows = {tier: tiers.branch(tier) for tier in TIERS}
    return DeductiblePolicy(
        waiver_source=block.source_of("waived_for_registered_poor"),
        tiers={tier: TierDeductible(_stay(row, "first"), _stay(row, "repeat")) for tier, row in rows.items()},
        waived_for_registered_poor=block.flag("waived_for_registered_poor"),
    )


def _stay(row: Branch, stay: str) -> StayDeductible:
    return StayDeductible(row.money(stay), row.source_of(stay))


def _tier_rates(rates: Branch) -> dict[Tier, TierRate]:
    return {tier: TierRate(rates.rate(tier), rates.source_of(tier)) for tier in TIERS}


def _basic_insurance(block: Branch) -> BasicInsurancePolicy:
    out_of_area, preference = block.branch("out_of_area"), block.branch("preference")
    return BasicInsurancePolicy(
        annual_cap=block.cap(),
        in_area=_tier_rates(block.branch("rate")),
        unreferred_reduction=block.rate("unreferred_reduction"),
        reduction_source=block.source_of("unreferred_reduction"),
        out_of_area_approved=_tier_rates(out_of_area.branch("approved")),
        out_of_area_unapproved=_tier_rates(out_of_area.branch("unapproved")),
        preference_source=preference.source_of("rate_bonus"),
        rate_bonus=preference.rate("rate_bonus"),
    )


def _chronic_outpatient(block: Branch | None) -> ChronicOutpatientPolicy | None:
    if block is None:
        return None
    rates = _tier_rates(block.branch("rate"))
    return ChronicOutpatientPolicy(block.source_of("deductible"), block.money("deductible"), rates)


def _critical_illness(block: Branch | None) -> CriticalIllnessPolicy | None:
    if block is None:
        return None
    preference, bands = block.branch("preference"), block.entries["bands"]
    assert isinstance(bands, Items)
    return CriticalIllnessPolicy(
        source=block.source_of("threshold"),
        preference_source=preference.source_of("threshold_factor"),
        threshold=block.money("threshold"),
        include_first_self_pay=block.flag("include_first_self_pay"),
        include_deductible=block.flag("include_deductible", absent=True),
        annual_cap=block.cap(),
        bands=tuple(Band(band.cap("up_to"), band.rate("rate")) for band in bands.branches),
        threshold_factor=preference.rate("threshold_factor"),
        rate_bonus=preference.rate("rate_bonus"),
    )


def _medical_assistance(block: Branch | None) -> MedicalAssistancePolicy | None:
    if block is None:
        return None
    statuses = block.branch("statuses")
    source = block.leaf("source").value
    rows = {status: row for status in STATUSES if (row := statuses.optional(status)) is not None}
    return MedicalAssistancePolicy(
        cast("Source", source),
        {
            status: AssistanceRow(
                row.source_of("rate"), row.rate("rate"), row.cap("annual_deductible") or ZERO, row.cap()
            )
            for status, row in rows.items()
        },
    )


def _second_reimbursement(block: Branch | None) -> SecondReimbursementPolicy | None:
    if block is None:
        return None
    return SecondReimbursementPolicy(block.source_of("rate"), block.flag("enabled"), block.rate("rate"), block.cap())


def _backstop(block: Branch | None) -> BackstopPolicy | None:
    if block is None:
        return None
    return BackstopPolicy(
        source=block.source_of("target"),
        enabled=block.flag("enabled"),
        target=block.rate("target"),
        base=cast("BackstopBase", block.text("base")),
        basis=cast("BackstopBasis", block.text("basis")),
        annual_cap=block.cap(),
        payer=_BACKSTOP_PAYER if block.value("payer") is None else block.text("payer"),
    )


def _local_subsidy(block: Branch | None) -> LocalSubsidyPolicy | None:
    if block is None:
        return None
    return LocalSubsidyPolicy(
        source=block.source_of("share"),
        enabled=block.flag("enabled"),
        own_share=block.rate("own_share"),
        share=block.rate("share"),
        annual_cap=block.cap(),
    )


def _catalogue_drug_ratio(block: Branch | None) -> CatalogueDrugRatioPolicy | None:
    if block is None:
        return None
    return CatalogueDrugRatioPolicy(block.source_of("threshold"), block.rate("threshold"))
