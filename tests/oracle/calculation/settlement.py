"""The stages in their order, and what else a settlement says (settlement.md §5.9 and §6)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .exact import ZERO, four_decimals, money
from .packs import Pack
from .request import YEAR_TO_DATE_FIELDS
from .scope import Scope
from .stages import Account
from .stay import DRUGS, Stay


def settle(bill: dict[str, Any], pack: Pack, scope: Scope) -> dict[str, Any]:
    account = Account(bill, pack, scope)
    account.deductible_5_1()
    account.basic_insurance_5_2()
    account.critical_illness_5_3()
    account.medical_assistance_5_4()
    account.emergency_aid_5_5()
    account.second_reimbursement_5_6()
    account.backstop_5_7()
    account.local_subsidy_5_8()
    return settlement_of(account)


def settlement_of(account: Account) -> dict[str, Any]:
    """5.9 and §6."""
    bill, stay, scope, patient = account.bill, account.stay, account.scope, account.burden
    in_pieces = scope.full_self_pay + scope.over_ceiling + scope.first_self_pay + scope.eligible
    assert scope.total == in_pieces == sum(account.paid.values(), ZERO) + patient
    account.increase["total_cost"] = scope.total
    return {
        "bill_id": bill["bill_id"],
        "facility_code": bill["facility"]["code"],
        "policy": {"id": account.pack.id, "area": account.pack.area},
        "insurance_year": bill["encounter"]["discharged_on"].year,
        "costs": {
            "total": money(scope.total),
            "full_self_pay": money(scope.full_self_pay),
            "over_ceiling": money(scope.over_ceiling),
            "first_self_pay": money(scope.first_self_pay),
            "eligible": money(scope.eligible),
        },
        "deductible": {"amount": money(account.deductible), "waived": money(account.waived)},
        "payers": {**{name: money(amount) for name, amount in account.paid.items()}, "patient": money(patient)},
        "actual_reimbursement_ratio": four_decimals(Fraction(scope.total - patient) / Fraction(scope.total)),
        "deposit_required": not (stay.poor and stay.inpatient and stay.in_county and stay.designated),
        "amount_due": money(max(ZERO, patient - bill["prepaid"])),
        "refund_due": money(max(ZERO, bill["prepaid"] - patient)),
        "catalogue_drug_ratio": catalogue_drug_ratio(bill, stay, account.pack.policy),
        "year_to_date": {name: money(account.before[name] + account.increase[name]) for name in YEAR_TO_DATE_FIELDS},
        "stages": account.stages,
        "lines": scope.lines,
    }


def catalogue_drug_ratio(bill: dict[str, Any], stay: Stay, policy: dict[str, Any]) -> dict[str, Any] | None:
    block = policy.get("catalogue_drug_ratio")
    drugs = [line for line in bill["lines"] if line["category"] in DRUGS]
    everything = sum((line["amount"] for line in drugs), ZERO)
    if block is None or not (stay.poor and stay.inpatient and stay.in_county) or everything <= 0:
        return None
    in_catalogue = sum((line["amount"] for line in drugs if line["catalogue_class"] != "C"), ZERO)
    ratio = max(Fraction(0), min(Fraction(in_catalogue) / Fraction(everything), Fraction(1)))
    threshold = Fraction(block["threshold"])
    return {"ratio": four_decimals(ratio), "threshold": four_decimals(threshold), "met": ratio >= threshold}
