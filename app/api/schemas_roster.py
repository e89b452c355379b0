"""The ledger of benefits as the OpenAPI document has it."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas import Money, Share, Strict


class BenefitsItem(Strict):
    """What one person of the roster got in a year; all amounts are sums over the stays in force."""

    person: str = Field(description="The pseudonym: the same for all records of a person.")
    status: str
    county: str
    stays: int
    total_cost: Money
    basic_insurance: Money
    critical_illness: Money
    medical_assistance: Money
    emergency_aid: Money
    second_reimbursement: Money
    backstop: Money
    local_subsidy: Money
    patient: Money
    share_paid: Share | None = Field(description="Of the cost what all but the patient and the local subsidy paid.")


class BenefitsList(Strict):
    """Persons in the order of their pseudonyms."""

    items: list[BenefitsItem]
    next_cursor: str | None = Field(description="Hand it in as `cursor` for the next page; null at the end.")
