"""OpenFisca's variables for the lines: what each contributes, and the sums of a stay."""

from typing import Any

import numpy

from bench.peers.fisca_lines import LINE, PIECE_PRICE, STAY, Array, CatalogueClass, Status, rounded, variable, wide


@variable(LINE, bool)
def mismatch(line: Any, period: Any) -> Array:
    exact = rounded(wide(line("quantity", period)) * line("unit_price", period), PIECE_PRICE)
    return numpy.abs(line("amount", period) - exact) > 1


@variable(LINE)
def over_ceiling(line: Any, period: Any) -> Array:
    ceiling, amount = line("ceiling_price", period), line("amount", period)
    allowed = rounded(wide(ceiling) * numpy.abs(line("quantity", period)), PIECE_PRICE)
    over = numpy.maximum(0, numpy.abs(amount) - allowed)
    counts = (ceiling >= 0) & (line("catalogue_class", period) != CatalogueClass.C)
    return numpy.where(counts, numpy.sign(amount) * over, 0)


@variable(LINE)
def first_self_pay(line: Any, period: Any, parameters: Any) -> Array:
    scope = parameters(period).scope
    own = line("self_pay_ratio", period)
    ratio = numpy.where(own >= 0, own, scope.class_b_ratio[line("category", period)])
    as_class_a = line.stay("preferred", period) & line.stay("in_area", period) & scope.essential_as_class_a
    pays = (line("catalogue_class", period) == CatalogueClass.B) & ~(line("essential_medicine", period) & as_class_a)
    within = line("amount", period) - line("over_ceiling", period)
    return numpy.where(pays, rounded(wide(within) * wide(ratio), 10_000), 0)


@variable(STAY, bool)
def poor(stay: Any, period: Any) -> Array:
    return stay("status", period) == Status.registered_poor


@variable(STAY, bool)
def preferred(stay: Any, period: Any) -> Array:
    return stay("poor", period) & stay("compliant", period) & stay("designated", period)


@variable(STAY, bool)
def valid(stay: Any, period: Any) -> Array:
    return ~stay.any(stay.members("mismatch", period))


@variable(STAY)
def total(stay: Any, period: Any) -> Array:
    return stay.sum(stay.members("amount", period))


@variable(STAY)
def full_self_pay_sum(stay: Any, period: Any) -> Array:
    excluded = stay.members("catalogue_class", period) == CatalogueClass.C
    return stay.sum(stay.members("amount", period) * excluded)


@variable(STAY)
def over_ceiling_sum(stay: Any, period: Any) -> Array:
    return numpy.maximum(0, stay.sum(stay.members("over_ceiling", period)))


@variable(STAY)
def first_self_pay_sum(stay: Any, period: Any) -> Array:
    return numpy.maximum(0, stay.sum(stay.members("first_self_pay", period)))


@variable(STAY)
def eligible(stay: Any, period: Any) -> Array:
    out = stay("full_self_pay_sum", period) + stay("over_ceiling_sum", period) + stay("first_self_pay_sum", period)
    return stay("total", period) - out


VARIABLES = [
    mismatch,
    over_ceiling,
    first_self_pay,
    poor,
    preferred,
    valid,
    total,
    full_self_pay_sum,
    over_ceiling_sum,
    first_self_pay_sum,
    eligible,
]
