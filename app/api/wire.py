"""Bytes to requests and settlements to bytes: strict in, canonical out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from app.api import strict_json
from app.api.fast_reader import read_valid
from app.api.memo import Memo
from app.api.objects import first_findings
from app.api.request_form import REQUEST, Request, request_of
from app.settlement import refusals
from app.settlement.explain import explain
from app.settlement.money import money_text, rate_text

if TYPE_CHECKING:
    from app.settlement.pack import Source
    from app.settlement.result import Costs, LineScope, Payers, Settlement, StageResult
    from app.settlement.year import YearToDate
    from app.usecases.check_roster import StatusCheck

MAX_BODY: Final = 8 * 1024 * 1024
EXPLANATION_VERSION: Final = 1


class Malformed(NamedTuple):
    """The request has a wrong form somewhere: all findings of the first step that found any, in order."""

    findings: list[refusals.Finding]


def read_request(body: bytes) -> Request | Malformed:
    """Read a settlement request exactly as written (api.md, "Forms"); `strict_json.NotJson` where it is not JSON."""
    return read_valid(body) or read_exactly(body)


def read_exactly(body: bytes) -> Request | Malformed:
    """Read a request member by member, with everything that is wrong in it."""
    value = strict_json.parse(body)
    if type(value) is dict:
        lines = value.get("lines")
        if type(lines) is list and len(lines) > refusals.MAX_LINES:
            return Malformed([refusals.TOO_MANY_LINES.at("lines")])
    findings = first_findings(REQUEST, value)
    return Malformed(findings) if findings else request_of(REQUEST.read(value))


YearSource = Literal["ledger", "request"]


class Envelope(NamedTuple):
    """What the calculation does not know of its settlement: the record's id and time, and where the year came from."""

    year_to_date_source: YearSource
    settlement_id: str | None = None
    settled_at: str | None = None
    status: Literal["preview", "settled"] = "preview"
    replaces: str | None = None
    status_check: StatusCheck | None = None


ROSTER_SOURCE: Final = "roster sha256:"


def write_settlement(settlement: Settlement, envelope: Envelope) -> bytes:
    """Write the answer of api.md in its order: the same settlement gives the same bytes, on every machine."""
    pack, costs, payers = settlement.pack, settlement.costs, settlement.payers
    drugs = settlement.catalogue_drug_ratio
    replaces = "" if envelope.replaces is None else f'"replaces":{string(envelope.replaces)},'
    drug_ratio = "null"
    if drugs is not None:
        drug_ratio = (
            f'{{"ratio":"{_RATE[drugs.ratio]}","threshold":"{_RATE[drugs.threshold]}","met":{boolean(drugs.met)}}}'
        )
    check = "" if envelope.status_check is None else f'"status_check":{_status_check(envelope.status_check)},'
    head = (
        f'{{"settlement_id":{string(envelope.settlement_id)},"status":"{envelope.status}",'
        f'"bill_id":{string(settlement.bill_id)},"facility_code":{string(settlement.facility_code)},'
        f'"settled_at":{string(envelope.settled_at)},{replaces}'
        f'"policy":{{"id":{string(pack.id)},"area":"{pack.area}","hash":"{pack.hash}"}},'
        f'"insurance_year":{settlement.insurance_year},'
        f'"year_to_date_source":"{envelope.year_to_date_source}",{check}'
        f'"costs":{money_members(costs)},'
        f'"deductible":{{"amount":"{money_text(settlement.deductible)}",'
        f'"waived":"{money_text(settlement.deductible_waived)}"}},'
        f'"payers":{money_members(payers)},'
        f'"actual_reimbursement_ratio":"{_RATE[settlement.actual_reimbursement_ratio]}",'
        f'"deposit_required":{boolean(settlement.deposit_required)},'
        f'"amount_due":"{money_text(settlement.amount_due)}","refund_due":"{money_text(settlement.refund_due)}",'
        f'"catalogue_drug_ratio":{drug_ratio},'
        f'"year_to_date":{money_members(settlement.year_to_date)},'
        f'"stages":[{",".join([_stage(stage) for stage in settlement.stages])}],'
        f'"lines":['
    )
    # The lines are ASCII alone and most of the answer: joined as text, the Chinese sentences would widen them.
    return b"".join((head.encode(), _lines(settlement.lines).encode(), _TAIL))


_TAIL: Final = f'],"explanation_version":{EXPLANATION_VERSION}}}'.encode()


def _status_check(check: StatusCheck) -> str:
    as_of = "null" if check.as_of is None else f'"{check.as_of.isoformat()}"'
    source = "null" if check.hash is None else f'"{ROSTER_SOURCE}{check.hash}"'
    return (
        f'{{"roster_status":{string(check.roster_status)},"agrees":{boolean(check.agrees)},'
        f'"as_of":{as_of},"source":{source}}}'
    )


def boolean(value: bool) -> str:  # noqa: FBT001 # it is the one thing this writes
    """Write a JSON boolean."""
    return "true" if value else "false"


def string(text: str | None) -> str:
    """Write a JSON string, or null."""
    return msgspec.json.encode(text).decode()


_RATE: Final[Memo[int, str]] = Memo(rate_text)


def money_members(amounts: Costs | Payers | YearToDate) -> str:
    members = [f'"{name}":"{money_text(amount)}"' for name, amount in zip(amounts._fields, amounts, strict=True)]
    return "{" + ",".join(members) + "}"


def _stage(result: StageResult) -> str:
    inputs = [
        f'"{name}":null' if amount is None else f'"{name}":"{money_text(amount)}"'
        for name, amount in result.inputs.items()
    ]
    inputs += [f'"{name}":"{_RATE[rate]}"' for name, rate in result.rates.items()]
    rate = "null" if result.rate is None else f'"{_RATE[result.rate]}"'
    text = explain(result)
    # Our own sentences hold no character that JSON escapes; the packs' words may.
    return (
        f'{{"stage":"{result.stage}","applied":{boolean(result.applied)},"reason":"{result.reason}",'
        f'"inputs":{{{",".join(inputs)}}},"rate":{rate},"amount":"{money_text(result.amount)}",'
        f'"source":{_SOURCE[result.source]},"text":{{"zh-CN":"{text.zh}","en":"{text.en}"}}}}'
    )


def _source(source: Source | None) -> str:
    return "null" if source is None else msgspec.json.encode(source_members(source)).decode()


_SOURCE: Final[Memo[Source | None, str]] = Memo(_source)


def source_members(source: Source) -> dict[str, str]:
    """A source as packs and answers show it: `{document, clause}` or `{assumed}`."""
    return {name: value for name, value in source._asdict().items() if value is not None}


def _lines(lines: list[LineScope]) -> str:
    # A bill has up to five thousand of these, most of class A and wholly eligible.
    written: list[str] = []
    add = written.append
    for line_no, full_self_pay, over_ceiling, first_self_pay, eligible, ratio, ratio_from in lines:
        if ratio is not None:
            add(
                f'{{"line_no":{line_no},"full_self_pay":"0.00","over_ceiling":"{money_text(over_ceiling)}",'
                f'"first_self_pay":"{money_text(first_self_pay)}","eligible":"{money_text(eligible)}",'
                f'"self_pay_ratio":"{_RATE[ratio]}","ratio_from":"{ratio_from}"}}'
            )
        elif full_self_pay or over_ceiling:
            add(
                f'{{"line_no":{line_no},"full_self_pay":"{money_text(full_self_pay)}",'
                f'"over_ceiling":"{money_text(over_ceiling)}","first_self_pay":"0.00",'
                f'"eligible":"{money_text(eligible)}","self_pay_ratio":null,"ratio_from":null}}'
            )
        else:
            add(
                f'{{"line_no":{line_no},"full_self_pay":"0.00","over_ceiling":"0.00","first_self_pay":"0.00",'
                f'"eligible":"{money_text(eligible)}","self_pay_ratio":null,"ratio_from":null}}'
            )
    return ",".join(written)
