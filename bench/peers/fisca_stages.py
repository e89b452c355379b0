"""OpenFisca's variables for the eight stages and the patient."""

from typing import Any

import numpy

from bench.peers.fisca_lines import STAY, Array, rounded, variable, wide


def room(cap: Array, used: Array) -> Array:
    """What is left under an annual cap."""
    return numpy.maximum(0, cap - wide(used))


@variable(STAY)
def deductible(stay: Any, period: Any, parameters: Any) -> Array:
    rules, tier = parameters(period).deductible, stay("tier", period)
    full = numpy.where(stay("repeat", period), rules.repeat[tier], rules.first[tier])
    waived = rules.waived & stay("poor", period) & stay("designated", period) & stay("in_area", period)
    due = numpy.where(stay("chronic", period), rules.chronic, numpy.where(waived, 0, full))
    return numpy.minimum(due, stay("eligible", period))


@variable(STAY)
def basic_rate(stay: Any, period: Any, parameters: Any) -> Array:
    rules, tier, compliant = parameters(period).basic, stay("tier", period), stay("compliant", period)
    in_area = numpy.maximum(0, rules.rate[tier] - numpy.where(compliant, 0, rules.unreferred_reduction))
    outside = numpy.where(compliant, rules.approved[tier], rules.unapproved[tier])
    plain = numpy.where(stay("in_area", period), in_area, outside)
    rate = numpy.where(stay("chronic", period), rules.chronic[tier], plain)
    return numpy.minimum(10_000, rate + rules.rate_bonus * stay("preferred", period))


@variable(STAY)
def basic_insurance(stay: Any, period: Any, parameters: Any) -> Array:
    insured = stay("eligible", period) - stay("deductible", period)
    share = rounded(wide(insured) * stay("basic_rate", period), 10_000)
    return numpy.minimum(share, room(parameters(period).basic.cap, stay("year_basic_paid", period)))


@variable(STAY)
def critical_illness(stay: Any, period: Any, parameters: Any) -> Array:
    rules, is_poor = parameters(period).illness, stay("poor", period)
    before = stay("year_critical_illness_base", period)
    base = stay("eligible", period) - stay("basic_insurance", period)
    base = base + rules.with_first_self_pay * stay("first_self_pay_sum", period)
    base = base - (1 - rules.with_deductible) * stay("deductible", period)
    threshold = rules.threshold * numpy.where(is_poor, rules.threshold_factor, 10_000) / 10_000

    def share(upto: Array) -> Array:
        excess = numpy.maximum(0, upto - threshold)
        return rounded(numpy.where(is_poor, rules.bands_of_poor.calc(excess), rules.bands.calc(excess)), 10_000)

    amount = numpy.minimum(share(before + base) - share(before), base)
    return numpy.minimum(amount, room(rules.cap, stay("year_critical_illness_paid", period)))


@variable(STAY)
def medical_assistance(stay: Any, period: Any, parameters: Any) -> Array:
    row = parameters(period).assistance[stay("status", period)]
    before = stay("year_medical_assistance_base", period)
    left = stay("eligible", period) - stay("basic_insurance", period) - stay("critical_illness", period)
    usable = numpy.maximum(0, before + numpy.maximum(0, left) - row.deductible)
    usable = usable - numpy.maximum(0, before - row.deductible)
    share = rounded(wide(usable) * row.rate, 10_000)
    return numpy.minimum(share, room(row.cap, stay("year_medical_assistance_paid", period)))


@variable(STAY)
def emergency_aid(stay: Any, period: Any) -> Array:
    paid = stay("basic_insurance", period) + stay("critical_illness", period) + stay("medical_assistance", period)
    return numpy.minimum(stay("aid_approved", period), stay("total", period) - paid)


@variable(STAY)
def burden_after_aid(stay: Any, period: Any) -> Array:
    paid = stay("basic_insurance", period) + stay("critical_illness", period) + stay("medical_assistance", period)
    return stay("total", period) - paid - stay("emergency_aid", period)


@variable(STAY)
def second_reimbursement(stay: Any, period: Any, parameters: Any) -> Array:
    rules = parameters(period).second
    out_of_scope = stay("full_self_pay_sum", period) + stay("over_ceiling_sum", period)
    base = numpy.maximum(0, stay("burden_after_aid", period) - out_of_scope)
    share = rounded(wide(base) * rules.rate, 10_000)
    share = numpy.minimum(share, room(rules.cap, stay("year_second_reimbursement_paid", period)))
    return share * stay("poor", period)


@variable(STAY)
def backstop(stay: Any, period: Any, parameters: Any) -> Array:
    rules, whole = parameters(period).backstop, stay("total", period)
    burden = stay("burden_after_aid", period) - stay("second_reimbursement", period)
    in_catalogue = stay("eligible", period) + stay("first_self_pay_sum", period)
    base = numpy.where(rules.on_total, whole, in_catalogue) + rules.annual * stay("year_backstop_base", period)
    earlier = rules.annual * stay("year_backstop_covered", period)
    need = rounded(wide(base) * rules.target, 10_000) - earlier - (whole - burden)
    share = numpy.minimum(numpy.maximum(0, need), burden)
    return stay("preferred", period) * numpy.minimum(share, room(rules.cap, stay("year_backstop_paid", period)))


@variable(STAY)
def local_subsidy(stay: Any, period: Any, parameters: Any) -> Array:
    rules, cost = parameters(period).subsidy, stay("year_total_cost", period)
    burden = stay("burden_after_aid", period) - stay("second_reimbursement", period) - stay("backstop", period)
    own = rounded(wide(cost + stay("total", period)) * rules.own_share, 10_000)
    paid = stay("year_local_subsidy_paid", period)
    excess = numpy.maximum(0, cost - stay("year_covered", period) - paid + burden - own)
    share = rounded(wide(numpy.minimum(excess, burden)) * rules.share, 10_000)
    return stay("poor", period) * numpy.minimum(share, room(rules.cap, paid))


@variable(STAY)
def patient(stay: Any, period: Any) -> Array:
    paid = stay("second_reimbursement", period) + stay("backstop", period) + stay("local_subsidy", period)
    return stay("burden_after_aid", period) - paid


VARIABLES = [
    deductible,
    basic_rate,
    basic_insurance,
    critical_illness,
    medical_assistance,
    emergency_aid,
    burden_after_aid,
    second_reimbursement,
    backstop,
    local_subsidy,
    patient,
]
