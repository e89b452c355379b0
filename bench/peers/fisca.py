"""The same rules as an OpenFisca tax-benefit system: variables, and the policy's numbers as dated parameters.

The system is built once. Amounts are fen and rates ten-thousandths, so all is exact but its marginal scales, which
work in floating point: an answer may be a fen off.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from openfisca_core.parameters import ParameterNode
from openfisca_core.simulations import Simulation, SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem

from bench.bills import Request
from bench.peers import fisca_scope, fisca_stages
from bench.peers.fisca_lines import ENUMS, INPUTS, LINE, LINE_INPUTS, STAY, STAY_INPUTS, input_columns
from bench.peers.integers import PackInts
from bench.policy import CATEGORIES, PAYERS, STATUSES, TIERS

PERIOD = "2018-06"
SINCE = "2017-12-13"
Columns: TypeAlias = tuple[int, list[int], dict[str, Any]]
Situation: TypeAlias = dict[str, Any]
Payers: TypeAlias = list[Any]


def value(number: int | bool) -> dict[str, Any]:
    """A dated parameter."""
    return {"values": {SINCE: {"value": number}}}


def by_name(names: tuple[str, ...], numbers: tuple[int, ...]) -> dict[str, Any]:
    """A node of parameters, which an enumeration picks from."""
    return {name: value(number) for name, number in zip(names, numbers, strict=True)}


def bands(pack: PackInts, bonus: int) -> dict[str, Any]:
    """A marginal scale: each band begins where the one before ends."""
    begins = (0, *(upper for upper, _ in pack.bands[:-1]))
    return {
        "brackets": [
            {"threshold": {SINCE: {"value": begin}}, "rate": {SINCE: {"value": min(10_000, rate + bonus)}}}
            for begin, (_, rate) in zip(begins, pack.bands, strict=True)
        ]
    }


def parameters(pack: PackInts) -> dict[str, Any]:
    """The policy's numbers as OpenFisca wants them."""
    rows = {status: row or (0, 0, 0) for status, row in zip(STATUSES, pack.assistance, strict=True)}
    return {
        "scope": {
            "class_b_ratio": by_name(CATEGORIES, pack.class_b_ratio),
            "essential_as_class_a": value(pack.essential_as_class_a),
        },
        "deductible": {
            "first": by_name(TIERS, tuple(first for first, _ in pack.deductible)),
            "repeat": by_name(TIERS, tuple(repeat for _, repeat in pack.deductible)),
            "waived": value(pack.waived),
            "chronic": value(pack.chronic_deductible),
        },
        "basic": {
            "rate": by_name(TIERS, pack.basic_rate),
            "approved": by_name(TIERS, pack.approved_rate),
            "unapproved": by_name(TIERS, pack.unapproved_rate),
            "chronic": by_name(TIERS, pack.chronic_rate),
            "unreferred_reduction": value(pack.unreferred_reduction),
            "rate_bonus": value(pack.rate_bonus),
            "cap": value(pack.basic_cap),
        },
        "illness": {
            "threshold": value(pack.threshold),
            "threshold_factor": value(pack.threshold_factor),
            "with_first_self_pay": value(pack.with_first_self_pay),
            "with_deductible": value(pack.with_deductible),
            "cap": value(pack.illness_cap),
            "bands": bands(pack, 0),
            "bands_of_poor": bands(pack, pack.band_bonus),
        },
        "assistance": {status: by_name(("rate", "deductible", "cap"), row) for status, row in rows.items()},
        "second": {"rate": value(pack.second_rate), "cap": value(pack.second_cap)},
        "backstop": {
            "target": value(pack.backstop_target),
            "on_total": value(pack.backstop_on_total),
            "annual": value(pack.backstop_annual),
            "cap": value(pack.backstop_cap),
        },
        "subsidy": {
            "own_share": value(pack.own_share),
            "share": value(pack.subsidy_share),
            "cap": value(pack.subsidy_cap),
        },
    }


def fisca_system(pack: PackInts) -> TaxBenefitSystem:
    """The tax-benefit system, built once."""
    system = TaxBenefitSystem([LINE, STAY])
    system.parameters = ParameterNode("", data=parameters(pack))
    system.add_variables(*INPUTS, *fisca_scope.VARIABLES, *fisca_stages.VARIABLES)
    return system


def settle_situation(system: TaxBenefitSystem) -> Callable[[Situation], Payers]:
    """The use that its manual shows: a dictionary of entities with their values."""

    def settle(situation: Situation) -> Payers:
        return calculate(SimulationBuilder().build_from_entities(system, situation))

    return settle


def settle_columns(system: TaxBenefitSystem) -> Callable[[Columns], Payers]:
    """The quickest use that we found: entities declared with arrays, inputs set as whole columns."""

    def settle(inputs: Columns) -> Payers:
        stays, stay_of_line, columns = inputs
        builder = SimulationBuilder()
        builder.create_entities(system)
        builder.declare_person_entity("line", range(len(stay_of_line)))
        group = builder.declare_entity("stay", range(stays))
        builder.join_with_persons(group, stay_of_line, roles=["line"] * len(stay_of_line))
        simulation = builder.build(system)
        for name, column in columns.items():
            simulation.set_input(name, PERIOD, column)
        return calculate(simulation)

    return settle


def calculate(simulation: Simulation) -> Payers:
    """The eight payers, each an array of stays."""
    if not simulation.calculate("valid", PERIOD).all():
        raise ValueError("line_amount_mismatch")
    return [simulation.calculate(payer, PERIOD) for payer in PAYERS]


def bill_columns(requests: list[Request]) -> Columns:
    """The number of stays, the stay of every line, and the input columns."""
    return len(requests), *input_columns(requests)


def bill_situation(request: Request) -> Situation:
    """One bill as a dictionary of entities."""
    line_count, (_, columns) = len(request["lines"]), input_columns([request])
    plain = {
        name: column.decode_to_str().tolist() if name in ENUMS else column.tolist() for name, column in columns.items()
    }
    names = [f"line_{number}" for number in range(line_count)]
    lines = {line: {name: {PERIOD: plain[name][number]} for name in LINE_INPUTS} for number, line in enumerate(names)}
    stay = {name: {PERIOD: plain[name][0]} for name in STAY_INPUTS}
    return {"lines": lines, "stays": {"stay": {"lines": names, **stay}}}
