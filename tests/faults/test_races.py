"""The same bill from many sides at one moment: one record, one answer, and always some order in which it happened."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select

from app.api.recorded import read_recorded
from app.api.records import write_settled
from app.policies.catalogue import load_shipped
from app.settlement.settle import Refused, settle
from app.settlement.year import NO_YEAR
from app.store.ledger import Ledger
from app.store.settlements import record_of
from app.store.tables import settlements
from app.usecases.recording import Stamp
from tests.api.service import running
from tests.keys import admit

from .books import faults_in, rows
from .clients import PATH, Client, Told, bill

ROUNDS = int(os.environ.get("ONESTOP_ROUNDS", "25"))
WRITERS, BILLS = (int(each) for each in os.environ.get("ONESTOP_WRITERS", "16x8").split("x"))
AT_ONCE = 8

Answer = tuple[int, bytes]
Property = Callable[[str, Any], None]


class Crowd:
    """Clients with a connection each, who ask at one moment."""

    def __init__(self, port: int, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.clients = [Client(port, Told()) for _ in range(AT_ONCE)]

    def ask(self, *asked: tuple[str, bytes]) -> list[Answer]:
        """Each client's question, all at once; their answers in that order."""
        futures = [self.pool.submit(client.once, *what) for client, what in zip(self.clients, asked, strict=False)]
        answers = [future.result() for future in futures]
        assert None not in answers, "a connection broke, and nobody was killed"
        return [answer for answer in answers if answer is not None]

    def settle(self, body: bytes) -> dict[str, Any]:
        (answer,) = self.ask((PATH, body))
        assert answer[0] in {200, 201}, answer
        settled: dict[str, Any] = json.loads(answer[1])
        return settled


@contextmanager
def crowd(url: str) -> Iterator[Crowd]:
    admit(url)
    with (
        running("--workers", "2", ONESTOP_DATABASE_URL=url) as service,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        crowd = Crowd(service.port, pool)
        yield crowd
        for client in crowd.clients:
            client.close()


@pytest.mark.timeout(3600)
def test_of_eight_equal_bills_at_once_one_is_recorded(database: str, record_property: Property) -> None:
    with crowd(database) as clients:
        for number in range(ROUNDS):
            asked = [(PATH, bill(f"B{number}", f"P{number % 7}"))] * AT_ONCE
            answers = clients.ask(*asked)
            assert sorted(status for status, _ in answers) == [200] * (AT_ONCE - 1) + [201]
            assert len({body for _, body in answers}) == 1
    assert rows(database) == ROUNDS
    assert faults_in(database) == []
    record_property("counted rounds of 8 equal bills", ROUNDS)


@pytest.mark.timeout(3600)
def test_of_eight_different_bills_under_one_key_one_is_recorded(database: str, record_property: Property) -> None:
    with crowd(database) as clients:
        for number in range(ROUNDS):
            asked = [(PATH, bill(f"B{number}", f"P{other}", **{"/prepaid": f"{other}.00"})) for other in range(AT_ONCE)]
            answers = clients.ask(*asked)
            assert sorted(status for status, _ in answers) == [201] + [409] * (AT_ONCE - 1)
            (recorded,) = [json.loads(body)["settlement_id"] for status, body in answers if status == 201]
            assert {json.loads(body)["settlement_id"] for _, body in answers} == {recorded}
    assert rows(database) == ROUNDS
    assert faults_in(database) == []
    record_property("counted rounds of 8 different bills", ROUNDS)


@pytest.mark.timeout(3600)
def test_settling_against_reversing_happens_in_some_order(database: str, record_property: Property) -> None:
    reversed_first = 0
    with crowd(database) as clients:
        for number in range(ROUNDS):
            body = bill(f"B{number}", f"P{number}")
            first = clients.settle(body)["settlement_id"]
            reversal = (f"{PATH}/{first}/reversal", b'{"reason": "a race"}')
            *settled, back = clients.ask(*[(PATH, body)] * 3, reversal)
            assert back[0] == 201
            ids = [json.loads(answer)["settlement_id"] for _, answer in settled]
            new = set(ids) - {first}
            # Whoever came before the reversal got the first record; of those behind it one made the second.
            assert len(new) <= 1
            assert Counter(status for status, _ in settled)[201] == len(new)
            reversed_first += len(new)
    assert rows(database) == ROUNDS + reversed_first
    assert faults_in(database) == []
    record_property("counted rounds of settling against reversing", ROUNDS)
    record_property("counted reversals that came first", reversed_first)


@pytest.mark.timeout(3600)
def test_settling_against_correcting_happens_in_some_order(database: str, record_property: Property) -> None:
    with crowd(database) as clients:
        for number in range(ROUNDS):
            person = f"P{number}"
            wrong, later = bill(f"A{number}", person), bill(f"B{number}", person)
            right = bill(f"A{number}", person, **{"/emergency_aid_approved": "100.00"})
            first = clients.settle(wrong)["settlement_id"]
            correction = json.dumps({"reason": "a race", "request": json.loads(right)}).encode()
            *settled, corrected = clients.ask(*[(PATH, later)] * 4, (f"{PATH}/{first}/correction", correction))
            assert corrected[0] == 201
            assert {status for status, _ in settled} <= {200, 201}
            answers = {body for _, body in settled}
            # The later bill was settled before the correction, which then settled it again, or once behind it.
            assert len(answers) <= 2
            assert {clients.settle(right)["payers"]["emergency_aid"]} == {"100.00"}
            total = clients.settle(later)["year_to_date"]["total_cost"]
            assert total == "2800.00"
    assert faults_in(database) == []
    record_property("counted rounds of settling against correcting", ROUNDS)


@pytest.mark.timeout(3600)
def test_bills_of_one_person_and_year_are_settled_in_some_order(database: str, record_property: Property) -> None:
    admit(database)
    ledger = Ledger(database)
    with running("--workers", "2", ONESTOP_DATABASE_URL=database) as service, ThreadPoolExecutor(WRITERS) as pool:

        def write(writer: int) -> Told:
            told = Told()
            client = Client(service.port, told)
            for number in range(BILLS):
                client.settle(f"{writer}-{number}", bill(f"{writer}-{number}", "P"))
            client.close()
            return told

        tolds = list(pool.map(write, range(WRITERS)))
    told = Told(bodies={bill_id: body for each in tolds for bill_id, body in each.bodies.items()})
    told.wrong = [wrong for each in tolds for wrong in each.wrong]
    assert len(told.bodies) == WRITERS * BILLS
    assert faults_in(database, told) == []
    year, packs = NO_YEAR, {pack.hash: pack for pack in load_shipped().packs}
    records = ledger.read(
        lambda connection: [
            record_of(row)
            for row in connection.execute(select(settlements).order_by(settlements.c.sequence)).mappings()
        ]
    )
    ledger.close()
    for record in records:
        # As if they had come one after another.
        expected = settle(read_recorded(record.request).bill, packs[record.pack_hash], year)
        assert not isinstance(expected, Refused)
        stamp = Stamp(record.settlement_id, record.settled_at, "ledger")
        assert write_settled(expected, stamp) == record.answer == told.bodies[record.bill_id]
        year = expected.year_to_date
    assert year.total_cost == WRITERS * BILLS * 140_000
    record_property("counted bills on one person-year", len(records))
    record_property("counted answers 503 on the way", sum(each.unavailable for each in tolds))
