"""OpenFisca's entities and input variables: a stay is a group, its lines are the persons in it."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy
from openfisca_core.entities import Entity, build_entity
from openfisca_core.indexed_enums import Enum
from openfisca_core.periods import DateUnit
from openfisca_core.variables import Variable

from bench.bills import Request
from bench.peers.integers import bill_ints
from bench.policy import YEAR_FIELDS

Array: TypeAlias = Any  # numpy arrays of integers: OpenFisca gives no types

LINE: Entity = build_entity(key="line", plural="lines", label="A line of a bill", is_person=True)
STAY: Entity = build_entity(
    key="stay", plural="stays", label="A stay in hospital", roles=[{"key": "line", "plural": "lines"}]
)

PIECE_PRICE = 100_000_000  # quantity (10⁻⁴) × unit price (10⁻⁶ yuan) to fen


class Tier(Enum):
    primary = "primary"
    secondary = "secondary"
    tertiary_municipal = "tertiary_municipal"
    tertiary_regional = "tertiary_regional"


class Status(Enum):
    registered_poor = "registered_poor"
    extremely_poor = "extremely_poor"
    low_income = "low_income"
    severely_disabled = "severely_disabled"
    low_income_family = "low_income_family"
    ordinary = "ordinary"


class CatalogueClass(Enum):
    A = "A"
    B = "B"
    C = "C"


class Category(Enum):
    drug = "drug"
    herbal_drug = "herbal_drug"
    treatment = "treatment"
    surgery = "surgery"
    examination = "examination"
    laboratory = "laboratory"
    material = "material"
    bed = "bed"
    nursing = "nursing"
    other = "other"


def wide(values: Array) -> Array:
    """OpenFisca's integers have 32 bits, which hold a bill's fen but no product of two numbers."""
    return values.astype(numpy.int64)


def rounded(values: Array, divisor: int) -> Array:
    """Half away from zero."""
    return numpy.sign(values) * ((numpy.abs(values) + divisor // 2) // divisor)


def make_variable(name: str, entity: Entity, value_type: type, **more: Any) -> type[Variable]:
    """A variable of a month; without a formula it is an input."""
    attributes = {"value_type": value_type, "entity": entity, "definition_period": DateUnit.MONTH, **more}
    return type(name, (Variable,), attributes)


def variable(entity: Entity, value_type: type = int) -> Callable[[Callable[..., Array]], type[Variable]]:
    """Make a variable of the name and the formula of a function."""
    return lambda formula: make_variable(formula.__name__, entity, value_type, formula=formula)


ENUMS: dict[str, dict[str, Any]] = {
    "catalogue_class": {"possible_values": CatalogueClass, "default_value": CatalogueClass.A},
    "category": {"possible_values": Category, "default_value": Category.other},
    "tier": {"possible_values": Tier, "default_value": Tier.primary},
    "status": {"possible_values": Status, "default_value": Status.ordinary},
}
LINE_INPUTS = {
    "catalogue_class": Enum,
    "category": Enum,
    "quantity": int,
    "unit_price": int,
    "amount": int,
    "ceiling_price": int,
    "self_pay_ratio": int,
    "essential_medicine": bool,
}
STAY_INPUTS = {
    "status": Enum,
    "tier": Enum,
    "designated": bool,
    "in_area": bool,
    "compliant": bool,
    "chronic": bool,
    "repeat": bool,
    "aid_approved": int,
    **{f"year_{field}": int for field in YEAR_FIELDS},
}
INPUTS = [make_variable(name, LINE, kind, **ENUMS.get(name, {})) for name, kind in LINE_INPUTS.items()]
INPUTS += [make_variable(name, STAY, kind, **ENUMS.get(name, {})) for name, kind in STAY_INPUTS.items()]


def input_columns(requests: list[Request]) -> tuple[list[int], dict[str, Array]]:
    """The stay of every line, and the inputs as arrays, one element a line or a stay."""
    bills = [bill_ints(request) for request in requests]
    stay_of_line = [number for number, bill in enumerate(bills) for _ in bill.lines]
    lines = [line for bill in bills for line in bill.lines]
    columns = {name: numpy.array(column) for name, column in zip(LINE_INPUTS, zip(*lines, strict=True), strict=True)}
    heads = [
        (b.status, b.tier, b.designated, b.in_area, b.compliant, b.chronic, b.repeat, b.aid, *b.year) for b in bills
    ]
    columns |= {name: numpy.array(column) for name, column in zip(STAY_INPUTS, zip(*heads, strict=True), strict=True)}
    for name, enum in ENUMS.items():
        members = list(enum["possible_values"])
        columns[name] = enum["possible_values"].encode(numpy.array([members[index] for index in columns[name]]))
    return stay_of_line, columns
