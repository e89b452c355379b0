"""A request: its members, their forms and defaults, in the order of api.md's example."""

from __future__ import annotations

from .exact import ZERO
from .forms import (
    Member,
    array_of,
    boolean,
    day,
    nullable,
    number,
    object_of,
    one_of,
    optional,
    ordinal,
    six_digits,
    text,
)

YEAR_TO_DATE_FIELDS = (
    "total_cost",
    "basic_paid",
    "critical_illness_base",
    "critical_illness_paid",
    "medical_assistance_base",
    "medical_assistance_paid",
    "second_reimbursement_paid",
    "covered",
    "backstop_base",
    "backstop_covered",
    "backstop_paid",
    "local_subsidy_paid",
)
NOTHING_YET = dict.fromkeys(YEAR_TO_DATE_FIELDS, ZERO)
MONEY = number(2, may_be_negative=False)
SIGNED_MONEY = number(2, may_be_negative=True)
QUANTITY = number(4, may_be_negative=True)
PRICE = number(6, may_be_negative=True)
RATIO = number(4, may_be_negative=True)
CODE = text(1, 64)
NAME = text(0, 200)
# The members stand in the order of api.md's example request: the order of the errors comes from it.
FACILITY = object_of(
    {
        "code": Member(CODE),
        "name": nullable(NAME),
        "tier": Member(one_of("primary", "secondary", "tertiary_municipal", "tertiary_regional")),
        "pooling_area": Member(six_digits),
        "county": nullable(six_digits),
        "designated": optional(boolean, True),
    }
)
PATIENT = object_of(
    {
        "person_id": Member(CODE),
        "name": nullable(NAME),
        "status": Member(
            one_of(
                "registered_poor", "extremely_poor", "low_income", "severely_disabled", "low_income_family", "ordinary"
            )
        ),
        "pooling_area": Member(six_digits),
        "county": nullable(six_digits),
    }
)
ENCOUNTER = object_of(
    {
        "type": optional(one_of("inpatient", "maternity_inpatient", "chronic_outpatient"), "inpatient"),
        "admitted_on": Member(day),
        "discharged_on": Member(day),
        "admission_number": optional(ordinal, 1),
        "referral": optional(one_of("not_required", "approved", "emergency", "none"), "not_required"),
        "cause": optional(one_of("illness", "maternity", "work_injury", "third_party"), "illness"),
    }
)
LINE = object_of(
    {
        "line_no": Member(ordinal),
        "code": Member(CODE),
        "name": nullable(NAME),
        "category": Member(
            one_of(
                "drug",
                "herbal_drug",
                "treatment",
                "surgery",
                "examination",
                "laboratory",
                "material",
                "bed",
                "nursing",
                "other",
            )
        ),
        "catalogue_class": Member(one_of("A", "B", "C")),
        "quantity": Member(QUANTITY),
        "unit_price": Member(PRICE),
        "amount": Member(SIGNED_MONEY),
        "ceiling_price": nullable(PRICE),
        "self_pay_ratio": nullable(RATIO),
        "essential_medicine": optional(boolean, False),
    }
)
YEAR_TO_DATE = object_of({field: optional(MONEY, ZERO) for field in YEAR_TO_DATE_FIELDS})
REQUEST = object_of(
    {
        "bill_id": Member(CODE),
        "facility": Member(FACILITY),
        "patient": Member(PATIENT),
        "encounter": Member(ENCOUNTER),
        "lines": Member(array_of(LINE)),
        "year_to_date": optional(YEAR_TO_DATE, NOTHING_YET),
        "emergency_aid_approved": optional(MONEY, ZERO),
        "prepaid": optional(MONEY, ZERO),
    }
)
