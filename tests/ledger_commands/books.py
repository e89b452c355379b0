"""A ledger with all kinds of records in it, and the command as people run it on one."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

from app.access.pseudonyms import Pseudonyms
from app.api import records
from app.api.examples import BILL
from app.api.ledger_requests import forms_of
from app.api.wire import Malformed, read_request
from app.policies.catalogue import Catalogue, load_shipped
from app.store import schema
from app.store.ledger import Ledger
from app.usecases.correct_settlement import Corrected, correct_settlement
from app.usecases.recording import Forms, Recorder
from app.usecases.reverse_settlement import Reversed, reverse_settlement
from app.usecases.settle_bill import Recorded, settle_bill
from tests.cli.running import COMMAND
from tests.keys import SOMEBODY

QUIET = {"COLUMNS": "", "FORCE_COLOR": "", "ONESTOP_PACKS_DIR": "", "ONESTOP_LOG_FORMAT": ""}
BEGUN = datetime(2026, 1, 1, 3, tzinfo=UTC)
NO_YEAR: dict[str, str] = {}


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str

    @property
    def last_line(self) -> str:
        return self.output.splitlines()[-1]


def onestop(*arguments: object) -> Ended:
    """`onestop …` in this process."""
    result = CliRunner(env=QUIET).invoke(COMMAND, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout_bytes.decode(), result.stderr)


def replay(*arguments: object) -> Ended:
    return onestop("replay", "--workers=1", *arguments)


class Window:
    """Who settles bills on a ledger, three hours after one another."""

    def __init__(self, url: str, catalogue: Catalogue | None = None) -> None:
        self.url = url
        self.ledger = Ledger(url)
        schema.upgrade(self.ledger)
        self.now = BEGUN
        self.pseudonyms = Pseudonyms()
        self.recorder = Recorder(self.ledger, catalogue or load_shipped(), self._clock, records)

    def _clock(self) -> datetime:
        self.now += timedelta(hours=3)
        return self.now

    def forms(self, request: dict[str, Any]) -> Forms:
        read = read_request(json.dumps(request).encode())
        assert not isinstance(read, Malformed), read
        return forms_of(read, self.pseudonyms)

    def settle(self, request: dict[str, Any]) -> str:
        outcome = settle_bill(self.recorder, self.forms(request), SOMEBODY)
        assert isinstance(outcome, Recorded), outcome
        return outcome.settlement_id

    def reverse(self, settlement_id: str) -> None:
        assert isinstance(reverse_settlement(self.recorder, settlement_id, "entered twice", SOMEBODY), Reversed)

    def correct(self, settlement_id: str, request: dict[str, Any]) -> None:
        right = self.forms(request)
        outcome = correct_settlement(self.recorder, settlement_id, "wrong amount", right, SOMEBODY, dry_run=False)
        assert isinstance(outcome, Corrected), outcome


@contextmanager
def window(url: str, catalogue: Catalogue | None = None) -> Iterator[Window]:
    opened = Window(url, catalogue)
    try:
        yield opened
    finally:
        opened.ledger.close()


def bill(bill_id: str, person: str, amount: str = "1400.00", **members: Any) -> dict[str, Any]:
    """A registered-poor patient's stay in his own county, with one line of class A; the ledger's own year."""
    made = copy.deepcopy(BILL)
    del made["year_to_date"]
    made["bill_id"] = bill_id
    made["patient"]["person_id"] = person
    line = {"line_no": 1, "code": "X", "name": "药", "category": "drug", "catalogue_class": "A"}
    made["lines"] = [line | {"quantity": "1", "unit_price": amount, "amount": amount}]
    return made | members


def fill(url: str) -> None:
    """Some tens of records: years of one to five bills, reversals, bills anew, corrections, two packs, own years."""
    with window(url) as at:
        for number in range(6):
            person = f"P{number}"
            first = at.settle(bill(f"A{number}", person, f"{900 + 777 * number}.10"))
            second = at.settle(bill(f"B{number}", person, f"{1_800 + 555 * number}.20", prepaid="100.00"))
            if number % 2:
                at.reverse(second)
                at.settle(bill(f"B{number}", person, f"{1_700 + 555 * number}.30"))
            if number % 3 == 1:
                at.correct(first, bill(f"A{number}", person, f"{1_000 + 777 * number}.00"))
            at.settle(bill(f"C{number}", person, "650.00"))
        brought = bill("Y", "P7", "5000.00", year_to_date={"total_cost": "3000.00", "basic_paid": "2000.00"})
        at.settle(brought)
        at.settle(bill("Z", "P7", "2000.00"))
        capital = {"facility": BILL["facility"] | {"pooling_area": "450100", "county": None}}
        capital["patient"] = BILL["patient"] | {"person_id": "P8", "pooling_area": "450100", "county": None}
        capital["encounter"] = BILL["encounter"] | {"admitted_on": "2018-07-01", "discharged_on": "2018-07-09"}
        last = at.settle(bill("N1", "P8", "4000.00", **capital))
        at.settle(bill("N2", "P9", "4100.00"))
        at.reverse(last)


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """The database as somebody has it who means no good: nothing is checked, all is written."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def dump(file: Path) -> list[str]:
    """All of a ledger but when its last replay and backup ended: they note that when they are done."""
    with opened(file) as connection:
        return [line for line in connection.iterdump() if not line.startswith('INSERT INTO "jobs"')]


Tamper = Callable[[sqlite3.Connection], object]
