"""The settlement of one bill: the scope, the eight stages in the law's order, and what else the answer says."""

from __future__ import annotations

from typing import NamedTuple

from app.settlement import refusals
from app.settlement.bill import Bill
from app.settlement.case import Case, case_of
from app.settlement.money import RATE_PLACES, ZERO, Fen, quotient
from app.settlement.pack import CatalogueDrugRatioPolicy, Pack
from app.settlement.result import CatalogueDrugRatio, Costs, Payers, Settlement, StageResult
from app.settlement.scope import Scope, scope_lines
from app.settlement.stages.backstop import backstop
from app.settlement.stages.basic_insurance import basic_insurance
from app.settlement.stages.critical_illness import critical_illness
from app.settlement.stages.deductible import deductible
from app.settlement.stages.emergency_aid import emergency_aid
from app.settlement.stages.local_subsidy import local_subsidy
from app.settlement.stages.medical_assistance import medical_assistance
from app.settlement.stages.second_reimbursement import second_reimbursement
from app.settlement.year import YearToDate, insurance_year


class Refused(NamedTuple):
    """Nothing is settled: all findings of the first step of settlement.md §3 that found any, in order."""

    findings: list[refusals.Finding]


def settle(bill: Bill, pack: Pack | None, year: YearToDate) -> Settlement | Refused:
    """Settle a bill under the pack in force (None: there is none) on top of the year so far.

    桂人社发〔2017〕74号 二(二); settlement.md §3 to §6. Pure: the same arguments give the same answer for ever.
    """
    if len(bill.lines) > refusals.MAX_LINES:
        return Refused([refusals.TOO_MANY_LINES.at("lines")])
    if pack is None:
        return Refused(list(refusals.of_single_rules(bill, None, year, range(len(bill.lines)))))
    case = case_of(bill)
    scope = scope_lines(bill.lines, case, pack.scope)
    findings = list(refusals.of_single_rules(bill, pack, year, scope.suspects)) or list(
        refusals.of_sums(bill.lines, scope.costs, scope.suspects)
    )
    if findings:
        return Refused(findings)
    stages = _stages(bill, case, scope.costs, pack, year)
    return _settlement(bill, case, pack, year, scope, stages)


class Stages(NamedTuple):
    """The eight results, in the law's order."""

    deductible: StageResult
    basic: StageResult
    critical: StageResult
    assistance: StageResult
    aid: StageResult
    second: StageResult
    backstop: StageResult
    subsidy: StageResult


def _stages(bill: Bill, case: Case, costs: Costs, pack: Pack, year: YearToDate) -> Stages:
    total, eligible = costs.total, costs.eligible
    chronic = pack.chronic_outpatient

    first = deductible(case, eligible, pack.deductible, chronic)
    basic = basic_insurance(case, eligible, first.amount, year.basic_paid, pack.basic_insurance, chronic)
    critical = critical_illness(case, costs, first.amount, basic.amount, year, pack.critical_illness)
    left_in_scope = max(ZERO, eligible - basic.amount - critical.amount)
    assistance = medical_assistance(case, left_in_scope, year, pack.medical_assistance)

    covered = basic.amount + critical.amount + assistance.amount
    aid = emergency_aid(bill.emergency_aid_approved, total - covered)
    covered = covered + aid.amount
    left_in_catalogue = max(ZERO, total - costs.full_self_pay - costs.over_ceiling - covered)
    second = second_reimbursement(case, left_in_catalogue, year.second_reimbursement_paid, pack.second_reimbursement)

    covered = covered + second.amount
    filled = backstop(case, costs, covered, total - covered, year, pack.backstop)
    covered = covered + filled.amount
    subsidy = local_subsidy(case, total, total - covered, year, pack.local_subsidy)
    return Stages(first, basic, critical, assistance, aid, second, filled, subsidy)


def _settlement(  # noqa: PLR0913 # puts together what all the steps before it found
    bill: Bill,
    case: Case,
    pack: Pack,
    year: YearToDate,
    scope: Scope,
    stages: Stages,
) -> Settlement:
    costs = scope.costs
    payers = _payers(costs.total, stages)
    patient = payers.patient
    return Settlement(
        bill.bill_id,
        bill.facility.code,
        pack,
        insurance_year(bill.encounter.discharged_on),
        costs,
        stages.deductible.amount,
        stages.deductible.inputs["waived"] or ZERO,
        payers,
        quotient(costs.total - patient, costs.total),
        not (case.poor and case.inpatient and case.in_county),
        max(ZERO, patient - bill.prepaid),
        max(ZERO, bill.prepaid - patient),
        _catalogue_drug_ratio(scope, case, pack.catalogue_drug_ratio),
        _year_after(year, costs, payers, stages),
        stages,
        scope.lines,
    )


def _payers(total: Fen, stages: Stages) -> Payers:
    paid = [stage.amount for stage in stages[1:]]
    patient = total - sum(paid, ZERO)
    # Mistakes of ours, never of a caller: no payment is negative, and together they never pay more than the bill.
    assert min(paid) >= 0 <= patient, "the payers do not add up to the bill"
    return Payers._make([*paid, patient])


def _year_after(year: YearToDate, costs: Costs, payers: Payers, stages: Stages) -> YearToDate:
    """Each sum of the year increased by this bill; a stage that did not come to calculating has no base to count."""
    covered = costs.total - payers.patient - payers.local_subsidy
    backstop_base = stages.backstop.inputs.get("base")
    return YearToDate(
        year.total_cost + costs.total,
        year.basic_paid + payers.basic_insurance,
        year.critical_illness_base + (stages.critical.inputs.get("base") or ZERO),
        year.critical_illness_paid + payers.critical_illness,
        year.medical_assistance_base + (stages.assistance.inputs.get("base") or ZERO),
        year.medical_assistance_paid + payers.medical_assistance,
        year.second_reimbursement_paid + payers.second_reimbursement,
        year.covered + covered,
        year.backstop_base + (backstop_base or ZERO),
        year.backstop_covered + (ZERO if backstop_base is None else covered),
        year.backstop_paid + payers.backstop,
        year.local_subsidy_paid + payers.local_subsidy,
    )


def _catalogue_drug_ratio(
    scope: Scope, case: Case, policy: CatalogueDrugRatioPolicy | None
) -> CatalogueDrugRatio | None:
    """The share of drugs within the catalogue for the registered poor in their county (二(二)2); None elsewhere."""
    total = scope.drugs
    if policy is None or total <= 0 or not (case.poor and case.inpatient and case.in_county):
        return None
    within = min(max(ZERO, scope.catalogue_drugs), total)
    met = within * 10**RATE_PLACES >= policy.threshold * total
    return CatalogueDrugRatio(quotient(within, total), policy.threshold, met)
