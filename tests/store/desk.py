"""The use cases as the doors call them, from a request's JSON to the outcome, and all that a ledger holds."""

from __future__ import annotations

import copy
import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, select, text

from app import policies
from app.access.pseudonyms import Pseudonyms
from app.api import records
from app.api.ledger_requests import forms_of
from app.api.request_form import Request
from app.api.wire import read_request
from app.policies.catalogue import Catalogue, catalogue_of, load_shipped
from app.policies.loader import load_packs, read_folder
from app.settlement.year import NO_YEAR, YearToDate
from app.store.ledger import Ledger, LedgerBusy, LedgerUnreachable
from app.store.person_years import read_year
from app.store.settlements import PersonYear
from app.store.tables import METADATA, corrections, open_bills, packs, person_years, reversals, settlements
from app.usecases import correct_settlement as correction
from app.usecases import reverse_settlement as reversal
from app.usecases import settle_bill as settling
from app.usecases.recording import BillToSettle, Recorder
from tests.keys import SOMEBODY

Json = dict[str, Any]

CATALOGUE = load_shipped()
# The same packs, in force for ever.
ENDLESS = catalogue_of(
    load_packs(
        [
            file._replace(content=re.sub(rb"\neffective_to:.*", b"", file.content))
            for file in read_folder(Path(policies.__path__[0]))
        ]
    )
)
PSEUDONYMS = Pseudonyms("a key of the tests")
TICKS = itertools.count(1)
SCHEME = "urban_rural_resident"

# 20,000.00 in class A, an ordinary patient in a secondary hospital: the deductible is 400, basic insurance pays
# 0.75 × 19,600 = 14,700, and the 5,300 that are left count towards the critical-illness threshold of 10,000.
# So the first bill of a year leaves 5,300 to the patient; the second 5,300 − 0.50 × 600 = 5,000; later ones 2,650.
BILL: Json = {
    "bill_id": "B1",
    "facility": {"code": "H1", "name": "Hospital-Canary", "tier": "secondary", "pooling_area": "451000"},
    "patient": {
        "person_id": "Person-Canary-1",
        "name": "Patient-Canary",
        "status": "ordinary",
        "pooling_area": "451000",
    },
    "encounter": {"admitted_on": "2018-06-01", "discharged_on": "2018-06-15"},
    "lines": [
        {
            "line_no": 1,
            "code": "L1",
            "name": "Line-Canary",
            "category": "drug",
            "catalogue_class": "A",
            "quantity": "1",
            "unit_price": "20000.00",
            "amount": "20000.00",
        }
    ],
}
ABSENT = object()
# What settling writes; the audit tells of it, and grows also where nothing is recorded.
RECORDS = [
    table
    for table in METADATA.sorted_tables
    if table in (packs, settlements, reversals, corrections, person_years, open_bills)
]


def changed(request: Json, changes: Json) -> Json:
    """A request with some members set, or taken away (`ABSENT`), each named by its pointer."""
    request = copy.deepcopy(request)
    for pointer, value in changes.items():
        *parents, last = pointer.strip("/").split("/")
        inside: Any = request
        for step in parents:
            inside = inside[int(step)] if isinstance(inside, list) else inside[step]
        if value is ABSENT:
            del inside[last]
        else:
            inside[int(last) if isinstance(inside, list) else last] = value
    return request


def bill(number: int | str = 1, amount: str = "20000.00", person: str = "1", year: int = 2018, **changes: Any) -> Json:
    """The bill of a number, with another amount, person or year, and members changed (`prepaid="1.00"`)."""
    usual = {
        "/bill_id": f"B{number}",
        "/patient/person_id": f"Person-Canary-{person}",
        "/lines/0/unit_price": amount,
        "/lines/0/amount": amount,
        "/encounter/admitted_on": f"{year}-06-01",
        "/encounter/discharged_on": f"{year}-06-15",
    }
    return changed(BILL, usual) | changes


def to_settle(body: Json | bytes) -> BillToSettle:
    """What a door makes of a request's bytes."""
    request = read_request(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert isinstance(request, Request), request
    (form,) = forms_of(request, PSEUDONYMS)
    return form


def person_year(person: str = "1", year: int = 2018) -> PersonYear:
    return PersonYear(PSEUDONYMS.person(f"Person-Canary-{person}"), year, SCHEME)


def clock() -> datetime:
    """Each look at it is a millisecond later than the last."""
    return datetime(2018, 7, 1, tzinfo=UTC) + timedelta(milliseconds=next(TICKS))


class Desk:
    """The use cases on one ledger."""

    def __init__(self, url: str, catalogue: Catalogue = CATALOGUE) -> None:
        self.url = url
        self.ledger = Ledger(url)
        self.recorder = Recorder(self.ledger, catalogue, clock, records)

    @property
    def is_postgresql(self) -> bool:
        return self.ledger.engine.dialect.name == "postgresql"

    def settle(self, body: Json | bytes) -> settling.Outcome:
        return settling.settle_bill(self.recorder, (to_settle(body),), SOMEBODY)

    def record(self, body: Json | bytes) -> settling.Recorded:
        """Settle a bill that is not recorded yet."""
        outcome = self.settle(body)
        assert isinstance(outcome, settling.Recorded), outcome
        return outcome

    def reverse(self, settlement_id: str, reason: str = "entered twice") -> reversal.Outcome:
        return reversal.reverse_settlement(self.recorder, settlement_id, reason, SOMEBODY)

    def correct(self, settlement_id: str, body: Json, *, dry_run: bool = False) -> correction.Outcome:
        return correction.correct_settlement(
            self.recorder, settlement_id, "wrong amount", (to_settle(body),), SOMEBODY, dry_run=dry_run
        )

    def year(self, person: str = "1", year: int = 2018) -> YearToDate:
        return self.ledger.read(lambda connection: read_year(connection, person_year(person, year))) or NO_YEAR

    def rows(self, table: Table) -> list[Json]:
        """All rows of a table, in the order of its key."""
        return self.dump(table)[table.name]

    def dump(self, *tables: Table) -> dict[str, list[Json]]:
        """All records of the ledger, or all rows of some tables."""
        with self.ledger.engine.connect() as connection:
            return {
                table.name: [
                    dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in tables or RECORDS
            }

    def put(self, *rows: tuple[Table, Json]) -> None:
        """Write rows past the use cases, in one transaction."""
        with self.ledger.engine.begin() as connection:
            for table, row in rows:
                connection.execute(insert(table), row)

    def close(self) -> None:
        self.ledger.close()


NOTHING: dict[str, list[Json]] = {table.name: [] for table in RECORDS}


def answer(outcome: Any) -> Json:
    """The answer of an outcome, read."""
    read: Json = json.loads(outcome.answer)
    return read


def patient_pays(outcome: Any) -> str:
    paid: str = answer(outcome)["payers"]["patient"]
    return paid


def is_reachable(ledger: Ledger) -> bool:
    """Whether the database answers."""
    try:
        ledger.read(lambda connection: connection.execute(text("SELECT 1")))
    except (LedgerUnreachable, LedgerBusy):
        return False
    return True
