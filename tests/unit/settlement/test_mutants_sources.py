"""Which source, rates and bounds a stage shows, where each block of the pack has a source of its own."""

from __future__ import annotations

from typing import Any

import pytest

from app.settlement.bill import Bill
from app.settlement.pack import Pack, Source, TierRate
from tests.unit.settlement.small import TIERS, assisted, bill, pack, settled, share, stage_of, yuan


def said_by(name: str) -> Source:
    return Source(assumed=name)


BLOCKS: dict[str, dict[str, Any]] = {
    "basic_insurance": {
        "in_area": dict.fromkeys(TIERS, TierRate(share("0.75"), said_by("rate"))),
        "reduction_source": said_by("reduction"),
        "preference_source": said_by("preference"),
    },
    "critical_illness": {"source": said_by("critical illness"), "preference_source": said_by("preference")},
    "medical_assistance": {
        "source": said_by("assistance"),
        "statuses": {"registered_poor": assisted("0.70")._replace(source=said_by("row"))},
    },
    "second_reimbursement": {"source": said_by("second")},
    "backstop": {"source": said_by("backstop")},
    "local_subsidy": {"source": said_by("subsidy")},
}


def with_sources(changed: str = "", **numbers: Any) -> Pack:
    """The small pack with these sources, and some numbers of one block changed."""
    return pack(**{name: block | (numbers if name == changed else {}) for name, block in BLOCKS.items()})


ORDINARY = bill("1000.00")
UNREFERRED = bill("1000.00", referral="none")
POOR = bill("1000.00", status="registered_poor")
POOR_UNREFERRED = bill("1000.00", status="registered_poor", referral="none")
ALL_ON = with_sources()


@pytest.mark.parametrize(
    ("stage", "asked", "under", "source"),
    [
        ("basic_insurance", ORDINARY, ALL_ON, "rate"),
        ("basic_insurance", UNREFERRED, ALL_ON, "reduction"),
        ("basic_insurance", UNREFERRED, with_sources("basic_insurance", unreferred_reduction=share("0")), "rate"),
        ("basic_insurance", POOR, ALL_ON, "preference"),
        ("basic_insurance", POOR, with_sources("basic_insurance", rate_bonus=share("0")), "rate"),
        ("critical_illness", ORDINARY, ALL_ON, "critical illness"),
        ("critical_illness", POOR, ALL_ON, "preference"),
        ("medical_assistance", ORDINARY, ALL_ON, "assistance"),
        ("medical_assistance", POOR, ALL_ON, "row"),
        ("second_reimbursement", POOR, ALL_ON, "second"),
        ("second_reimbursement", ORDINARY, ALL_ON, "second"),
        ("second_reimbursement", POOR, with_sources("second_reimbursement", enabled=False), "second"),
        ("backstop", POOR, ALL_ON, "backstop"),
        ("backstop", ORDINARY, ALL_ON, "backstop"),
        ("backstop", POOR_UNREFERRED, ALL_ON, "backstop"),
        ("backstop", POOR, with_sources("backstop", enabled=False), "backstop"),
        ("local_subsidy", POOR, ALL_ON, "subsidy"),
        ("local_subsidy", ORDINARY, ALL_ON, "subsidy"),
        ("local_subsidy", POOR, with_sources("local_subsidy", enabled=False), "subsidy"),
    ],
)
def test_a_stage_names_the_source_of_what_it_did(stage: str, asked: Bill, under: Pack, source: str) -> None:
    assert stage_of(settled(asked, under), stage).source == said_by(source)


@pytest.mark.parametrize(
    "stage", ["critical_illness", "medical_assistance", "second_reimbursement", "backstop", "local_subsidy"]
)
def test_a_block_that_the_pack_does_not_have_has_no_source(stage: str) -> None:
    assert stage_of(settled(POOR, pack(**{stage: None})), stage).source is None


def test_emergency_aid_names_the_agency_and_not_the_pack() -> None:
    source = stage_of(settled(bill("1000.00", aid="5.00"), ALL_ON), "emergency_aid").source
    assert source == said_by("approved by the aid agency for this stay, as the bill says")


@pytest.mark.parametrize(
    ("asked", "base_rate", "unreferred_reduction", "rate_bonus"),
    [
        (ORDINARY, "0.75", "0", "0"),
        (UNREFERRED, "0.75", "0.10", "0"),
        (POOR, "0.75", "0", "0.05"),
        (bill("1000.00", out_of_area=True, referral="approved"), "0.65", "0", "0"),
        (bill("1000.00", type="chronic_outpatient", referral="none"), "0.70", "0", "0"),
    ],
)
def test_basic_insurance_shows_what_its_rate_is_made_of(
    asked: Bill, base_rate: str, unreferred_reduction: str, rate_bonus: str
) -> None:
    assert stage_of(settled(asked), "basic_insurance").rates == {
        "base_rate": share(base_rate),
        "unreferred_reduction": share(unreferred_reduction),
        "rate_bonus": share(rate_bonus),
    }


@pytest.mark.parametrize(
    ("asked", "factor", "first", "second", "third"),
    [(ORDINARY, "1", "0.50", "0.60", "0.70"), (POOR, "0.5", "0.60", "0.70", "0.80")],
)
def test_critical_illness_shows_its_bands_counted_from_one(
    asked: Bill, factor: str, first: str, second: str, third: str
) -> None:
    made_anew = pack(critical_illness={"threshold": yuan("10000.00")})
    shown = stage_of(settled(asked, made_anew), "critical_illness")
    assert shown.rates == {
        "threshold_factor": share(factor),
        "band_1_rate": share(first),
        "band_2_rate": share(second),
        "band_3_rate": share(third),
    }
    bounds = {name: bound for name, bound in shown.inputs.items() if name.startswith("band_")}
    assert bounds == {"band_1_up_to": yuan("20000.00"), "band_2_up_to": yuan("50000.00"), "band_3_up_to": None}
