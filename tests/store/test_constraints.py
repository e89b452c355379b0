"""The database refuses broken rows by itself, whatever our code does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.exc import IntegrityError

from app.settlement.year import YearToDate
from app.store.tables import BEFORE, PAID, corrections, open_bills, packs, person_years, reversals, settlements
from tests.store.desk import Desk, Json, bill, patient_pays

NEW, OTHER, UNKNOWN = (f"01979e0a-5a00-7000-8000-00000000000{number}" for number in range(3))
HASH = "a" * 64


def settlement(desk: Desk, **members: Any) -> Json:
    """A further row that stands behind the recorded one, with members changed."""
    (row,) = desk.rows(settlements)
    del row["ordinal"]
    return row | {"settlement_id": NEW, "bill_id": "B2", "sequence": 2} | members


def replacing(desk: Desk, **members: Any) -> Json:
    """A row in the place of the recorded one."""
    (row,) = desk.rows(settlements)
    return settlement(desk, replaces=row["settlement_id"], sequence=3) | members


def reversal(desk: Desk, **members: Any) -> Json:
    (row,) = desk.rows(settlements)
    copied = {name: row[name] for name in ("settlement_id", "person", "insurance_year", "scheme")}
    return copied | {
        "reversal_id": NEW, "sequence": 2, "previous_hash": HASH, "record_hash": HASH, "reversed_at": "now",
        "reason": "", "answer": b"",
    } | members  # fmt: skip # a row as it looks


def correction(desk: Desk, **members: Any) -> Json:
    (row,) = desk.rows(settlements)
    return {
        "settlement_id": row["settlement_id"], "insurance_year": row["insurance_year"], "corrected_at": "now", "reason": "", "fingerprint": HASH, "answer": b"",
    } | members  # fmt: skip # a row as it looks


def year(desk: Desk, **members: Any) -> Json:
    (row,) = desk.rows(person_years)
    return row | {"insurance_year": 2019} | members


def open_bill(desk: Desk, **members: Any) -> Json:
    (row,) = desk.rows(open_bills)
    return row | {"bill_id": "B2", "settlement_id": NEW} | members


def pack(desk: Desk, **members: Any) -> Json:
    (row,) = desk.rows(packs)
    return row | {"hash": "sha256:" + HASH} | members


Rows = list[tuple[Table, Any, dict[str, Any]]]

ACCEPTED: dict[str, Rows] = {
    "a further settlement, and its open bill": [(settlements, settlement, {}), (open_bills, open_bill, {})],
    "an open bill whose settlement follows": [(open_bills, open_bill, {}), (settlements, settlement, {})],
    "a reversal": [(reversals, reversal, {})],
    "a settlement in the place of a reversed one": [(reversals, reversal, {}), (settlements, replacing, {})],
    "a correction": [(corrections, correction, {})],
    "a further year": [(person_years, year, {})],
    "a further pack": [(packs, pack, {})],
}
REFUSED: dict[str, Rows] = {
    "payers that don't add up": [(settlements, settlement, {"paid_patient": 5_300_01})],
    "a total that is not theirs": [(settlements, settlement, {"total": 19_999_99})],
    **{
        f"{name} is negative, though the payers add up": [
            (settlements, settlement, dict.fromkeys(PAID, 0) | {name: -1, PAID[PAID.index(name) - 1]: 20_000_01})
        ]
        for name in PAID
    },
    "a total of 0": [(settlements, settlement, {"total": 0} | dict.fromkeys(PAID, 0))],
    **{f"{name} is negative": [(settlements, settlement, {name: -1})] for name in BEFORE},
    "a sequence of 0": [(settlements, settlement, {"sequence": 0})],
    "a duplicate sequence": [(settlements, settlement, {"sequence": 1})],
    "an unknown source of the year to date": [(settlements, settlement, {"year_to_date_source": "guess"})],
    "an unknown pack": [(settlements, settlement, {"pack_hash": "sha256:" + HASH})],
    "a settlement in the place of an unknown one": [(settlements, settlement, {"replaces": UNKNOWN})],
    "two settlements of one id": [(settlements, settlement, {}), (settlements, settlement, {"sequence": 3})],
    "two settlements in the place of one": [
        (reversals, reversal, {}),
        (settlements, replacing, {}),
        (settlements, replacing, {"settlement_id": OTHER, "sequence": 4}),
    ],
    "a second open bill under one key": [
        (settlements, settlement, {}),
        (open_bills, open_bill, {"bill_id": "B1"}),
    ],
    "a settlement that is open under two keys": [
        (settlements, settlement, {}),
        (open_bills, open_bill, {}),
        (open_bills, open_bill, {"bill_id": "B3"}),
    ],
    "an open bill without a settlement at commit": [(open_bills, open_bill, {})],
    "a second row of a person-year": [(person_years, year, {"insurance_year": 2018})],
    **{f"a year's {name} is negative": [(person_years, year, {name: -1})] for name in YearToDate._fields},
    "a year with a negative sequence": [(person_years, year, {"sequence": -1})],
    "a reversal of an unknown settlement": [(reversals, reversal, {"settlement_id": UNKNOWN})],
    "two reversals of one settlement": [
        (reversals, reversal, {}),
        (reversals, reversal, {"reversal_id": OTHER, "sequence": 3}),
    ],
    "two reversals of one id": [
        (settlements, settlement, {"settlement_id": OTHER}),
        (reversals, reversal, {}),
        (reversals, reversal, {"settlement_id": OTHER, "sequence": 3}),
    ],
    "two reversals in one place": [
        (settlements, settlement, {"settlement_id": OTHER}),
        (reversals, reversal, {}),
        (reversals, reversal, {"settlement_id": OTHER, "reversal_id": OTHER}),
    ],
    "a reversal with a sequence of 0": [(reversals, reversal, {"sequence": 0})],
    "a correction of an unknown settlement": [(corrections, correction, {"settlement_id": UNKNOWN})],
    "two corrections of one settlement": [(corrections, correction, {}), (corrections, correction, {})],
    "a second pack of one hash": [(packs, pack, {}), (packs, pack, {})],
}
MEMBERS = [
    (table, make, column.name)
    for table, make in (
        (settlements, settlement),
        (reversals, reversal),
        (corrections, correction),
        (person_years, year),
        (open_bills, open_bill),
        (packs, pack),
    )
    for column in table.c
    if column.name not in ("ordinal", "replaces")
]


def put(desk: Desk, rows: Rows) -> None:
    desk.put(*[(table, make(desk, **members)) for table, make, members in rows])


def refuses(desk: Desk, rows: Rows) -> bool:
    try:
        put(desk, rows)
    except IntegrityError:
        return True
    return False


@pytest.fixture
def recorded(desk: Desk) -> Desk:
    """A ledger with one bill; each row below is refused or accepted beside it."""
    assert patient_pays(desk.record(bill())) == "5300.00"
    return desk


@pytest.mark.parametrize("rows", ACCEPTED.values(), ids=ACCEPTED)
def test_a_sound_row_is_accepted(recorded: Desk, rows: Rows) -> None:
    before = recorded.dump()
    put(recorded, rows)
    after = recorded.dump()
    assert sum(map(len, after.values())) == sum(map(len, before.values())) + len(rows)


def test_every_broken_row_is_refused(recorded: Desk) -> None:
    before = recorded.dump()
    for sentence, rows in REFUSED.items():
        assert refuses(recorded, rows), sentence
        assert recorded.dump() == before, sentence


def test_every_member_is_wanted(recorded: Desk) -> None:
    for table, make, name in MEMBERS:
        assert refuses(recorded, [(table, make, {name: None})]), (table.name, name)
    assert len(MEMBERS) > 70
