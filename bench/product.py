"""The product as the bench sees it: its calculation and its answers."""

import msgspec

from app.api.answers import answer
from app.api.request_form import Request as ProductRequest
from app.api.wire import read_exactly
from app.policies.catalogue import load_shipped
from app.settlement.bill import Bill
from app.settlement.pack import Pack
from app.settlement.result import Settlement
from app.settlement.settle import settle
from app.settlement.year import NO_YEAR, YearToDate
from bench.bills import Request

Ready = tuple[Bill, Pack, YearToDate]


def prepare(requests: list[Request]) -> list[Ready]:
    """The requests as the calculation takes them, read by the exact reader."""
    catalogue = load_shipped()
    ready = []
    for request in requests:
        read = read_exactly(msgspec.json.encode(request))
        assert isinstance(read, ProductRequest), read
        bill = read.bill
        pack = catalogue.in_force(bill.patient.pooling_area, bill.encounter.discharged_on)
        assert pack is not None
        ready.append((bill, pack, read.year_to_date or NO_YEAR))
    return ready


def settle_one(ready: Ready) -> Settlement:
    """The pure core with its full result."""
    settlement = settle(*ready)
    assert isinstance(settlement, Settlement), settlement
    return settlement


def answers_to(requests: list[Request]) -> list[bytes]:
    """The product's answers, byte for byte."""
    catalogue = load_shipped()
    return [answer(msgspec.json.encode(request), catalogue).body for request in requests]
