"""The words of a request and of a pack that all of the generator needs."""

from __future__ import annotations

import random
from typing import Any

from tests.oracle.calculation.request import YEAR_TO_DATE_FIELDS

Chance = random.Random
Request = dict[str, Any]
TIERS = ("primary", "secondary", "tertiary_municipal", "tertiary_regional")
STATUSES = (
    "registered_poor",
    "extremely_poor",
    "low_income",
    "severely_disabled",
    "low_income_family",
    "ordinary",
)
CATEGORIES = (
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
MEMBERS: dict[str, tuple[str, ...]] = {
    "root": (
        *("bill_id", "facility", "patient", "encounter", "lines", "year_to_date", "emergency_aid_approved", "prepaid"),
    ),
    "facility": ("code", "name", "tier", "pooling_area", "county", "designated"),
    "patient": ("person_id", "name", "status", "pooling_area", "county"),
    "encounter": ("type", "admitted_on", "discharged_on", "admission_number", "referral", "cause"),
    "line": (
        *("line_no", "code", "name", "category", "catalogue_class", "quantity", "unit_price", "amount"),
        *("ceiling_price", "self_pay_ratio", "essential_medicine"),
    ),
    "year_to_date": YEAR_TO_DATE_FIELDS,
}
MONEY_FIELDS = (
    "quantity",
    "unit_price",
    "amount",
    "ceiling_price",
    "self_pay_ratio",
    "emergency_aid_approved",
    "prepaid",
)
