"""Looks into a ledger after the faults: every acknowledged bill once, byte for byte, and every year adds up."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, select, text

from app.settlement.year import YearToDate
from app.store.ledger import Ledger
from app.store.settlements import Record, Reversal, record_of, reversal_of
from app.store.tables import open_bills, person_years, reversals, settlements
from tests.store.chain import walked

from .clients import Told


def faults_in(url: str, told: Told | None = None) -> list[str]:
    """Everything that is wrong with a ledger, and with what clients were told of it."""
    ledger = Ledger(url)
    try:
        return ledger.read(lambda connection: [*_of_chains(connection), *_of_answers(connection, told)])
    finally:
        ledger.close()


def _of_chains(connection: Connection) -> list[str]:
    wrong: list[str] = []
    chains: dict[Any, list[tuple[Record | Reversal, str]]] = {}
    for row in connection.execute(select(settlements)).mappings():
        record = record_of(row)
        chains.setdefault(record.person_year, []).append((record, row["record_hash"]))
    for row in connection.execute(select(reversals)).mappings():
        reversal = reversal_of(row)
        chains.setdefault(reversal.person_year, []).append((reversal, row["record_hash"]))
    states = {
        (row["person"], row["insurance_year"], row["scheme"]): row
        for row in connection.execute(select(person_years)).mappings()
    }
    for person_year, chain in chains.items():
        chain.sort(key=lambda each: each[0].link.sequence)
        wrong += _of_chain(chain, states.pop(tuple(person_year)))
    return [*wrong, *(f"a year without records: {key}" for key in states)]


def _of_chain(chain: list[tuple[Record | Reversal, str]], state: Any) -> list[str]:
    sums, last, wrong = walked(chain)
    if (state["sequence"], state["record_hash"]) != (len(chain), last):
        wrong.append("the year's row is not at the end of its chain")
    if YearToDate._make(state[name] for name in YearToDate._fields) != sums:
        wrong.append("the year's row is not what its records add up to")
    return wrong


def _of_answers(connection: Connection, told: Told | None) -> list[str]:
    if told is None:
        return []
    recorded: dict[str, list[bytes]] = {}
    for bill_id, answer in connection.execute(select(settlements.c.bill_id, settlements.c.answer)):
        recorded.setdefault(bill_id, []).append(bytes(answer))
    keys = Counter(row[0] for row in connection.execute(select(open_bills.c.bill_id)))
    wrong = list(told.wrong)
    for bill_id, body in told.bodies.items():
        if recorded.get(bill_id) != [body] or keys[bill_id] != 1:
            wrong.append(f"{bill_id} is recorded {len(recorded.get(bill_id, []))} times, or otherwise than answered")
    wrong += [f"{bill_id} is recorded twice" for bill_id, answers in recorded.items() if len(answers) > 1]
    return wrong


def rows(url: str) -> int:
    """How many settlements there are."""
    ledger = Ledger(url)
    try:
        count: int = ledger.read(
            lambda connection: connection.execute(text("SELECT count(*) FROM settlements")).scalar_one()
        )
        return count
    finally:
        ledger.close()
