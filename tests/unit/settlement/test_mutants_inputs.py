"""What each stage says that it calculated with: every name and number, also where it did not come to calculating."""

from __future__ import annotations

from typing import Any

import pytest

from app.settlement.bill import Bill
from app.settlement.pack import Pack
from app.settlement.year import NO_YEAR
from tests.unit.settlement.small import PACK, bill, line, pack, settled, share, stage_of, year, yuan

POOR = bill("1000.00", status="registered_poor")
POOR_UNREFERRED = bill("1000.00", status="registered_poor", referral="none")
ORDINARY = bill("1000.00")
CLASS_B = bill(line("1000.00", "B"))
EARLIER = year(
    total_cost="5000.00",
    basic_paid="10.00",
    critical_illness_base="20.00",
    critical_illness_paid="30.00",
    medical_assistance_base="40.00",
    medical_assistance_paid="50.00",
    second_reimbursement_paid="60.00",
    covered="4000.00",
    backstop_base="500.00",
    backstop_covered="400.00",
    backstop_paid="70.00",
    local_subsidy_paid="80.00",
)
ALL_CAPPED = pack(
    critical_illness={"annual_cap": yuan("400000.00")},
    second_reimbursement={"annual_cap": yuan("3000.00")},
    backstop={"annual_cap": yuan("5000.00")},
    local_subsidy={"annual_cap": yuan("6000.00")},
)
BANDS = {"band_1_up_to": "20000.00", "band_2_up_to": "50000.00", "band_3_up_to": None}

# A registered-poor patient, 1,000.00 in class A, after an earlier stay: the fund pays 800.00 (0.75 + 0.05, no
# deductible), assistance 0.70 of 200.00, the second reimbursement 0.40 of 60.00, and 36.00 are left.
CALCULATED: dict[str, dict[str, str | None]] = {
    "deductible": {"deductible": "400.00", "eligible": "1000.00", "waived": "400.00"},
    "basic_insurance": {
        "eligible": "1000.00",
        "deductible": "0.00",
        "calculated": "800.00",
        "annual_cap": "150000.00",
        "paid_before": "10.00",
    },
    "critical_illness": {
        "eligible": "1000.00",
        "basic_insurance": "800.00",
        "first_self_pay": "0.00",
        "deductible_left_out": "0.00",
        "base": "200.00",
        "before": "20.00",
        "after": "220.00",
        "threshold": "10000.00",
        "paid_at_before": "0.00",
        "paid_at_after": "0.00",
        "annual_cap": "400000.00",
        "paid_before": "30.00",
        **BANDS,
    },
    "medical_assistance": {
        "base": "200.00",
        "before": "40.00",
        "annual_deductible": "0.00",
        "usable": "200.00",
        "calculated": "140.00",
        "annual_cap": "20000.00",
        "paid_before": "50.00",
    },
    "emergency_aid": {"approved": "0.00", "burden": "60.00"},
    "second_reimbursement": {
        "base": "60.00",
        "calculated": "24.00",
        "annual_cap": "3000.00",
        "paid_before": "60.00",
    },
    # 0.90 × (500.00 + 1,000.00) = 1,350.00; less 400.00 and 964.00.
    "backstop": {
        "base": "1000.00",
        "base_before": "500.00",
        "covered": "964.00",
        "covered_before": "400.00",
        "owed": "1350.00",
        "needed": "-14.00",
        "burden": "36.00",
        "annual_cap": "5000.00",
        "paid_before": "70.00",
    },
    # 5,000.00 − 4,000.00 − 80.00 = 920.00; 0.10 × 6,000.00 = 600.00; 356.00 above, of which 36.00 are of this stay.
    "local_subsidy": {
        "burden": "36.00",
        "own_before": "920.00",
        "own_limit": "600.00",
        "excess": "36.00",
        "calculated": "18.00",
        "annual_cap": "6000.00",
        "paid_before": "80.00",
    },
}


def fen(inputs: dict[str, str | None]) -> dict[str, Any]:
    return {name: None if text is None else yuan(text) for name, text in inputs.items()}


@pytest.mark.parametrize("stage", CALCULATED)
def test_a_stage_shows_all_that_it_calculated_with(stage: str) -> None:
    assert stage_of(settled(POOR, ALL_CAPPED, EARLIER), stage).inputs == fen(CALCULATED[stage])


def test_the_local_subsidy_shows_the_patients_own_share() -> None:
    assert stage_of(settled(POOR), "local_subsidy").rates == {"own_share": share("0.10")}


# An ordinary patient bears the deductible: the fund pays 0.75 of 600.00. One who bypassed the referral rules, poor
# all the same: the fund 650.00, assistance 245.00, the second reimbursement 42.00.
@pytest.mark.parametrize(
    ("stage", "asked", "under", "inputs"),
    [
        (
            "critical_illness",
            ORDINARY,
            pack(critical_illness=None),
            {"eligible": "1000.00", "basic_insurance": "450.00"},
        ),
        ("medical_assistance", ORDINARY, pack(medical_assistance=None), {"left_in_scope": "550.00"}),
        ("medical_assistance", ORDINARY, PACK, {"left_in_scope": "550.00"}),
        ("second_reimbursement", ORDINARY, pack(second_reimbursement=None), {"left_in_catalogue": "550.00"}),
        ("second_reimbursement", ORDINARY, PACK, {"left_in_catalogue": "550.00"}),
        ("backstop", ORDINARY, pack(backstop=None), {"covered": "450.00", "burden": "550.00"}),
        ("backstop", ORDINARY, PACK, {"covered": "450.00", "burden": "550.00"}),
        ("backstop", POOR_UNREFERRED, PACK, {"covered": "937.00", "burden": "63.00"}),
        ("local_subsidy", ORDINARY, pack(local_subsidy=None), {"burden": "550.00"}),
        ("local_subsidy", ORDINARY, PACK, {"burden": "550.00"}),
    ],
)
def test_a_stage_that_does_not_calculate_shows_what_it_was_given(
    stage: str, asked: Bill, under: Pack, inputs: dict[str, str | None]
) -> None:
    assert stage_of(settled(asked, under), stage).inputs == fen(inputs)


# 1,000.00 in class B at 0.10: P = 100.00, E = 900.00; the fund pays 0.75 of 900.00 − 400.00.
@pytest.mark.parametrize(
    ("rules", "first_self_pay", "left_out", "base"),
    [
        ({}, "0.00", "0.00", "525.00"),
        ({"include_first_self_pay": True}, "100.00", "0.00", "625.00"),
        ({"include_deductible": False}, "0.00", "400.00", "125.00"),
        ({"include_first_self_pay": True, "include_deductible": False}, "100.00", "400.00", "225.00"),
    ],
)
def test_critical_illness_shows_what_its_base_is_made_of(
    rules: dict[str, Any], first_self_pay: str, left_out: str, base: str
) -> None:
    inputs = stage_of(settled(CLASS_B, pack(critical_illness=rules), NO_YEAR), "critical_illness").inputs
    shown = {
        name: inputs[name] for name in ("eligible", "basic_insurance", "first_self_pay", "deductible_left_out", "base")
    }
    assert shown == fen(
        {
            "eligible": "900.00",
            "basic_insurance": "375.00",
            "first_self_pay": first_self_pay,
            "deductible_left_out": left_out,
            "base": base,
        }
    )
