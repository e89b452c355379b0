"""The answers as the OpenAPI document has them. Their bytes are written in `wire`; a test holds the two together."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from app.settlement.result import RatioFrom, Reason, StageName
from app.settlement.year import YearToDate as YearFields

Money = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{2}$", examples=["1234.56"])]
Share = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]{4}$", examples=["0.9500"])]
Area = Annotated[str | None, Query(pattern="^[0-9]{6}$", description="A pooling area's code, such as 451000.")]


class Strict(BaseModel):
    """All members are known."""

    model_config = ConfigDict(extra="forbid")


class Error(Strict):
    """One thing wrong, at one place."""

    pointer: str = Field(description="Where, as an RFC 6901 pointer into the request; empty for the whole of it.")
    code: str
    detail: str


class Problem(Strict):
    """What went wrong (RFC 9457). Never repeats a name or an id number."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; for a refused bill that of the first error.")
    errors: list[Error] = Field(description="All of a bill's errors at once, the first hundred.")
    settlement_id: str = Field(default="", description="Only with bill_conflict: the settlement that is recorded.")


class PolicyReference(Strict):
    """Which pack settled the bill."""

    id: str
    area: str
    hash: str


class Costs(Strict):
    """The bill's total and its parts: total = full_self_pay + over_ceiling + first_self_pay + eligible."""

    total: Money
    full_self_pay: Money
    over_ceiling: Money
    first_self_pay: Money
    eligible: Money


class Deductible(Strict):
    """What the patient bears before the fund pays, and how much of it was waived."""

    amount: Money
    waived: Money


class Payers(Strict):
    """Who pays what; the sum is the total."""

    basic_insurance: Money
    critical_illness: Money
    medical_assistance: Money
    emergency_aid: Money
    second_reimbursement: Money
    backstop: Money
    local_subsidy: Money
    patient: Money


class CatalogueDrugRatio(Strict):
    """The share of drugs within the catalogue, in-county inpatients among the registered poor."""

    ratio: Share
    threshold: Share
    met: bool


class YearToDate(Strict):
    """The person's insurance year after this bill."""

    total_cost: Money
    basic_paid: Money
    critical_illness_base: Money
    critical_illness_paid: Money
    medical_assistance_base: Money
    medical_assistance_paid: Money
    second_reimbursement_paid: Money
    covered: Money
    backstop_base: Money
    backstop_covered: Money
    backstop_paid: Money
    local_subsidy_paid: Money


assert tuple(YearToDate.model_fields) == YearFields._fields, "the document and the calculation name the same sums"


class Text(Strict):
    """One sentence with the stage's own numbers."""

    zh_cn: str = Field(alias="zh-CN")
    en: str


class Stage(Strict):
    """One stage: what it looked at, what it paid and why."""

    stage: StageName
    applied: bool
    reason: Reason
    inputs: dict[str, str | None]
    rate: Share | None
    amount: Money
    source: dict[str, str] | None
    text: Text


class LineScope(Strict):
    """What one line contributes, in the request's order."""

    line_no: int
    full_self_pay: Money
    over_ceiling: Money
    first_self_pay: Money
    eligible: Money
    self_pay_ratio: Share | None
    ratio_from: RatioFrom | None


class StatusCheck(Strict):
    """What the roster says of the patient's status on the day of discharge; null where none was ever imported."""

    roster_status: str | None
    agrees: bool
    as_of: date | None = Field(description="The day as of which the roster was.")
    source: str | None


class SettlementHead(Strict):
    """What a settled bill says before its stages and lines."""

    settlement_id: str | None
    status: Literal["preview", "settled", "reversed"]
    bill_id: str
    facility_code: str
    settled_at: str | None
    replaces: str = Field(default="", description="Only where a correction made it: the settlement that it replaces.")
    policy: PolicyReference
    insurance_year: int
    year_to_date_source: Literal["ledger", "request"]
    status_check: StatusCheck | None = Field(
        default=None, description="Only where the roster is asked (ONESTOP_ROSTER): the bill's status beside its."
    )
    costs: Costs
    deductible: Deductible
    payers: Payers
    actual_reimbursement_ratio: Share
    deposit_required: bool
    amount_due: Money
    refund_due: Money
    catalogue_drug_ratio: CatalogueDrugRatio | None
    year_to_date: YearToDate


class Settlement(SettlementHead):
    """The settled bill, with every reason."""

    stages: list[Stage] = Field(min_length=8, max_length=8)
    lines: list[LineScope]
    explanation_version: int


class SettlementSummary(SettlementHead):
    """A settlement without its stages and lines."""

    discharged_on: date


class Settlements(Strict):
    """Settlements in the order in which they were recorded."""

    items: list[SettlementSummary]
    next_cursor: str | None = Field(description="Hand it in as `cursor` for the next page; null at the end.")


class Reversal(Strict):
    """A reversal: what is taken back, and the year to date as it is again."""

    reversal_id: str
    settlement_id: str
    status: Literal["reversed"]
    bill_id: str
    facility_code: str
    reversed_at: str
    reason: str
    insurance_year: int
    payers: Payers
    year_to_date: YearToDate


class OldSettlement(Strict):
    """The settlement that is reversed."""

    settlement_id: str
    payers: Payers


class NewSettlement(Strict):
    """The settlement in its place; its id is null where nothing was recorded."""

    settlement_id: str | None
    replaces: str
    payers: Payers


class Change(Strict):
    """One bill of a correction; `difference` is new less old."""

    bill_id: str
    old: OldSettlement
    new: NewSettlement
    difference: Payers


class Corrected(Strict):
    """All bills that a correction settles again, in their order."""

    items: list[Change]


class BackstopItem(Strict):
    """What the backstop paid of one settlement, or took back with a reversal: then its amounts are negative."""

    settlement_id: str
    kind: Literal["settlement", "reversal"]
    day: date = Field(description="The UTC day on which it was recorded.")
    discharged_on: date
    facility_code: str
    pooling_area: str
    tier: str
    total_cost: Money
    covered_before: Money = Field(description="What all payers before the backstop cover of this bill.")
    ratio_before: Share
    backstop: Money
    ratio_after: Share
    status: Literal["settled", "reversed"]
    payment: Literal["paid", "refused"] | None = Field(description="What the insurer said of it last.")


class Backstops(Strict):
    """Items in the order in which they were recorded."""

    items: list[BackstopItem]
    next_cursor: str | None = Field(description="Hand it in as `cursor` for the next page; null at the end.")


class BackstopTotal(Strict):
    """Sums, net of the reversals of the period."""

    settlements: int
    reversals: int
    total_cost: Money
    covered_before: Money
    backstop: Money
    paid: Money = Field(description="Of `backstop` what the insurer said to have paid.")
    refused: Money = Field(description="Of `backstop` what the insurer said not to pay.")


class BackstopGroup(BackstopTotal):
    """The sums of one group."""

    group: str


class BackstopSummary(Strict):
    """Sums by group, and of all groups."""

    items: list[BackstopGroup]
    total: BackstopTotal


class PayersBefore(Strict):
    """Who has paid before the backstop looks at a bill."""

    basic_insurance: Money
    critical_illness: Money
    medical_assistance: Money
    emergency_aid: Money
    second_reimbursement: Money


class Payment(Strict):
    """What the insurer said of a backstop."""

    payment: Literal["paid", "refused"]
    reference: str = Field(description="The insurer's own.")
    said_at: str
    reconciliation_id: str | None


class Backstop(Strict):
    """The evidence of one backstop, out of the answer that was recorded."""

    settlement_id: str
    status: Literal["settled", "reversed"]
    facility_code: str
    bill_id: str
    pooling_area: str
    tier: str
    discharged_on: date
    day: date
    reversed_on: date | None
    policy: PolicyReference
    total_cost: Money
    payers_before: PayersBefore
    backstop: Money
    stage: Stage
    record_hash: str = Field(description="Of the ledger's record; `onestop replay` checks it.")
    payments: list[Payment] = Field(description="All that the insurer said, the last one counts.")


class AuditEntry(Strict):
    """One line of the audit."""

    at: str = Field(description="When, UTC.")
    action: str = Field(description="What was read or done, such as settlement.recorded.")
    key_id: str = Field(description="With which key; `command line` for the operator's own commands.")
    role: str
    client: str = Field(description="From which network address; empty where there is none.")
    request_id: str = Field(description="The x-request-id of the answer; empty on the command line.")
    record: str | None = Field(description="The id of the record; null where it is about no single one.")


class Audit(Strict):
    """Lines of the audit, the newest first."""

    items: list[AuditEntry]
    next_cursor: str | None = Field(description="Hand it in as `cursor` for the next page; null at the end.")


class Health(Strict):
    """One word."""

    status: str


class PolicySummary(Strict):
    """One pack."""

    id: str
    area: str
    title: dict[str, str]
    scheme: str | None
    effective_from: date
    effective_to: date | None
    hash: str


class Policies(Strict):
    """The packs that are loaded."""

    items: list[PolicySummary]
    next_cursor: str | None


class PolicyNumber(Strict):
    """One value of a pack and where it comes from: the law's document and clause, or in words who sets it."""

    path: str
    value: str | None
    unit: str | None
    source: dict[str, str]
    from_overlay: bool


class Policy(PolicySummary):
    """One pack with all its values."""

    numbers: list[PolicyNumber]
