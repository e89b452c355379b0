"""Persons move from one key to the next: every chain, every year and every retry goes on, nothing of the old key stays."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from app.access.pseudonyms import Pseudonyms
from app.store import settlements as settlements_store
from app.store.ledger import Ledger, LedgerBusy
from app.store.person_keys import read_keys
from app.store.replay import count_records
from app.store.roster import RosterEntry
from app.store.settlements import Record, find_settlement
from app.store.tables import METADATA, audit, person_years, roster_entries, settlements
from app.usecases import read_benefits, reverse_settlement
from app.usecases import rekey_persons as rekeying
from app.usecases.ask_roster import ask_and_check
from app.usecases.correct_settlement import Corrected, correct_settlement
from app.usecases.find_settlements import list_settlements
from app.usecases.import_roster import RosterToImport, import_roster
from app.usecases.known_persons import KeyMissing
from app.usecases.ledger_year import ledger_year
from app.usecases.rekey_persons import KeyUnknown, check_person_keys, rekey_persons
from app.usecases.settle_bill import Conflict, Recorded, Replayed, settle_bill
from tests.api.service import ONESTOP, running
from tests.keys import SOMEBODY, admit
from tests.ledger_commands.books import Ended, Window, bill, fill
from tests.store.databases import Postgresql

from .books import faults_in
from .clients import PATH, Client, Told, load
from .clients import bill as clients_bill

Property = Callable[[str, Any], None]
NONE, SECOND, THIRD = Pseudonyms(None), Pseudonyms(None, "second"), Pseudonyms(None, "second", "third")
ROSTER = ("P1", "P2", "nobody who ever came")
KILLS = int(os.environ.get("ONESTOP_KILLS", "8")) // 4


def onestop(*arguments: str) -> Ended:
    """`onestop …` in a process of its own, with the settings of this one."""
    done = subprocess.run([ONESTOP, *arguments], capture_output=True, check=False, text=True)
    return Ended(done.returncode, done.stdout, done.stderr)


def clock() -> datetime:
    return datetime(2026, 11, 28, 9, tzinfo=UTC)


def unseen(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def filled(database: str) -> Iterator[Window]:
    """A ledger of all kinds of records, under the key that everybody knows, with a roster."""
    fill(database)
    window = Window(database)
    rows = [
        RosterEntry(number, NONE.person(person), "registered_poor", "450321", date(2018, 1, 1), None)
        for number, person in enumerate(ROSTER, 1)
    ]
    import_roster(window.ledger, clock, RosterToImport(lambda _: rows, date(2018, 6, 1), "a1" * 32), NONE, SOMEBODY)
    yield window
    window.ledger.close()


def rekey(ledger: Ledger, pseudonyms: Pseudonyms, show: Callable[[int, int], None] = unseen) -> None:
    assert rekey_persons(ledger, clock, pseudonyms, SOMEBODY, show) is not None


def values(ledger: Ledger) -> set[str]:
    """Every value in every column, as text; of bytes, what they hold."""

    def work(connection: Any) -> set[str]:
        found = set()
        for table in METADATA.sorted_tables:
            for row in connection.execute(select(table)):
                found |= {each.decode() if isinstance(each, bytes) else str(each) for each in row}
        return found

    return ledger.read(work)


def persons(ledger: Ledger) -> set[str]:
    def work(connection: Any) -> set[str]:
        return {
            person
            for table in (settlements, person_years, roster_entries)
            for person in connection.execute(select(table.c.person)).scalars()
        }

    return ledger.read(work)


def fingerprints(ledger: Ledger) -> set[str]:
    return ledger.read(lambda connection: set(connection.execute(select(settlements.c.fingerprint)).scalars()))


def answers(ledger: Ledger) -> list[bytes]:
    query = select(settlements.c.answer).order_by(settlements.c.ordinal)
    return ledger.read(lambda connection: [bytes(each) for each in connection.execute(query).scalars()])


def test_nothing_of_the_old_key_stays_and_all_replays(filled: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = filled.ledger
    before, told, secrets = ledger.read(count_records), answers(ledger), persons(ledger) | fingerprints(ledger)
    known = {NONE.person(each) for each in (*ROSTER, *[f"P{number}" for number in range(10)])}
    assert persons(ledger) <= known
    monkeypatch.setenv("ONESTOP_DATABASE_URL", filled.url)
    monkeypatch.setenv("ONESTOP_PII_EARLIER_KEYS", "none")
    monkeypatch.setenv("ONESTOP_PII_KEY", "second")
    ended = onestop("key", "rotate-pii")
    assert (ended.status, ended.errors) == (0, "")
    assert ended.output == (
        f"{len(secrets & known)} persons moved from {NONE.key_ids[0]} to {SECOND.key_ids[1]}, "
        f"with {before + len(ROSTER)} rows\n"
    )
    assert ledger.read(count_records) == before
    assert answers(ledger) == told
    assert persons(ledger) == {SECOND.person_moved(each, *SECOND.key_ids) for each in secrets & known}
    everything = "\n".join(values(ledger))
    assert not [each for each in secrets if each in everything]
    ended = onestop("replay")
    assert (ended.status, ended.errors) == (0, ""), ended.output
    again = onestop("key", "rotate-pii")
    assert again.output == f"all persons are under the key {SECOND.key_ids[1]}: nothing to do\n"
    lines = ledger.read(
        lambda connection: connection.execute(select(audit.c.action, audit.c.record).order_by(audit.c.ordinal)).all()
    )
    assert [tuple(each) for each in lines][-2:] == [
        ("persons.rekeying", SECOND.key_ids[1]), ("persons.rekeyed", SECOND.key_ids[1]),
    ]  # fmt: skip # one line each


def test_years_and_retries_go_on_under_the_next_key(filled: Window) -> None:
    first = bill("A0", "P0", "900.10")
    rekey(filled.ledger, SECOND)
    filled.pseudonyms = SECOND
    assert isinstance(settle_bill(filled.recorder, filled.forms(first), SOMEBODY), Replayed)
    other = bill("A0", "P0", "900.20")
    assert isinstance(settle_bill(filled.recorder, filled.forms(other), SOMEBODY), Conflict)
    outcome = settle_bill(filled.recorder, filled.forms(bill("new", "P0")), SOMEBODY)
    assert isinstance(outcome, Recorded)
    # A0, B0 and C0 stand before it.
    assert outcome.settlement.year_to_date.total_cost == 90_010 + 180_020 + 65_000 + 140_000
    filled.reverse(outcome.settlement_id)
    assert faults_in(filled.url) == []


def test_a_correction_is_told_again_and_another_one_is_made(filled: Window) -> None:
    wrong = filled.settle(bill("wrong", "P0", "700.00"))
    filled.correct(wrong, bill("wrong", "P9", "710.00"))
    rekey(filled.ledger, SECOND)
    filled.pseudonyms = SECOND
    forms = filled.forms(bill("wrong", "P9", "710.00"))
    again = correct_settlement(filled.recorder, wrong, "wrong amount", forms, SOMEBODY, dry_run=False)
    assert isinstance(again, Corrected)
    assert again.again
    next_wrong = filled.settle(bill("next", "P9", "700.00"))
    filled.correct(next_wrong, bill("next", "P9", "720.00"))
    assert faults_in(filled.url) == []


def test_keys_follow_on_each_other_and_may_be_passed_over(filled: Window) -> None:
    ids = persons(filled.ledger)
    rekey(filled.ledger, SECOND)
    rekey(filled.ledger, THIRD)
    assert persons(filled.ledger) == {THIRD.person_moved(each, THIRD.key_ids[0], THIRD.key_ids[2]) for each in ids}
    assert THIRD.persons("P0") == (NONE.person("P0"), SECOND.person("P0"), THIRD.person("P0"))
    assert faults_in(filled.url) == []


def test_a_key_is_passed_over(filled: Window) -> None:
    ids = persons(filled.ledger)
    rekey(filled.ledger, THIRD)
    assert persons(filled.ledger) == {THIRD.person_moved(each, THIRD.key_ids[0], THIRD.key_ids[2]) for each in ids}
    assert faults_in(filled.url) == []


class Enough(Exception):
    """Somebody pulls the plug."""


def test_what_is_broken_off_goes_on_and_meanwhile_everybody_is_found(
    filled: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeying, "PERSONS_AT_ONCE", 1)
    filled.pseudonyms = SECOND
    steps = 0

    def stop(_done: int, _total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        rekey(filled.ledger, SECOND, stop)
    total = {f"P{number}": 0 for number in range(7)}
    while filled.ledger.read(read_keys) != (SECOND.key_ids[1], None, ""):
        for person, before in total.items():
            request = bill(f"{person}-{steps}", person, "10.00")
            forms = filled.forms(request)
            outcome = settle_bill(filled.recorder, forms, SOMEBODY)
            assert isinstance(outcome, Recorded)
            now = outcome.settlement.year_to_date.total_cost
            assert before in {0, now - 1_000}, "the year goes on"
            total[person] = now
            assert isinstance(settle_bill(filled.recorder, forms, SOMEBODY), Replayed)
        # Somebody who comes for the first time.
        assert isinstance(
            settle_bill(filled.recorder, filled.forms(bill(f"new-{steps}", f"N{steps}")), SOMEBODY), Recorded
        )
        steps += 1
        try:
            rekey(filled.ledger, SECOND, stop)
        except Enough:
            continue
    assert steps > len(ROSTER)
    assert persons(filled.ledger) >= {SECOND.person(f"N{step}") for step in range(steps)}
    assert len(persons(filled.ledger)) == 11 + steps
    assert faults_in(filled.url) == []


def test_a_reversal_keeps_its_person_where_it_is(postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    window, mover = Window(url := postgresql.create()), Ledger(url)
    settled = window.settle(bill("A", "P"))
    monkeypatch.setattr(rekeying, "PATIENCE", 1)

    def find_and_move(connection: Connection, settlement_id: str) -> Record | None:
        found = find_settlement(connection, settlement_id)
        with pytest.raises(LedgerBusy):
            rekey(mover, SECOND)
        return found

    monkeypatch.setattr(reverse_settlement, "find_settlement", find_and_move)
    window.reverse(settled)
    monkeypatch.undo()
    rekey(mover, SECOND)
    window.ledger.close()
    mover.close()
    assert faults_in(url) == []


def test_without_its_keys_a_ledger_is_not_written(filled: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = filled.ledger
    check_person_keys(ledger, SECOND)
    with pytest.raises(KeyUnknown, match=f"under the key {NONE.key_ids[0]}"):
        check_person_keys(ledger, Pseudonyms("second"))
    rekey(ledger, SECOND)
    rows = ledger.read(count_records)
    # The key before it, it alone without the one before it, or in another order: each makes other pseudonyms.
    for wrong in (NONE, Pseudonyms("second"), Pseudonyms("second", None)):
        filled.pseudonyms = wrong
        with pytest.raises(KeyMissing):
            settle_bill(filled.recorder, filled.forms(bill("X", "P0")), SOMEBODY)
        with pytest.raises(KeyUnknown):
            check_person_keys(ledger, wrong)
    assert ledger.read(count_records) == rows
    monkeypatch.setenv("ONESTOP_DATABASE_URL", filled.url)
    ended = onestop("serve", "--port", "0")
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.startswith(f"onestop serve: the ledger's persons are under the key {SECOND.key_ids[1]}, and ")


def test_a_service_that_was_left_behind_says_so_and_records_nothing(filled: Window) -> None:
    admit(filled.url)
    with running(ONESTOP_DATABASE_URL=filled.url) as service:
        client = Client(service.port, Told())
        first = client.once(PATH, clients_bill("Z1", "P1"))
        rekey(filled.ledger, SECOND)
        rows = filled.ledger.read(count_records)
        later = client.once(PATH, clients_bill("Z2", "P1"))
        client.close()
        ready = service.get("/readyz")
    assert first is not None
    assert later is not None
    assert (first[0], later[0], ready.status_code) == (201, 503, 503)
    assert f"under the key {SECOND.key_ids[1]}" in ready.json()["detail"]
    assert filled.ledger.read(count_records) == rows


def test_what_cannot_be_read_moves_once(filled: Window) -> None:
    """A row that holds what is never written, and a pseudonym that is none: neither keeps the others from moving."""

    def damage(connection: Connection) -> None:
        ids = connection.execute(select(settlements.c.settlement_id).order_by(settlements.c.ordinal)).scalars().all()
        connection.execute(update(settlements).where(settlements.c.settlement_id == ids[0]).values(fingerprint="x"))
        connection.execute(update(settlements).where(settlements.c.settlement_id == ids[3]).values(person="nobody"))
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("UPDATE settlements SET discharged_on = 'x' WHERE settlement_id = ?", (ids[6],))
            connection.exec_driver_sql(
                "UPDATE settlements SET tier = CAST(x'ff41' AS TEXT) WHERE settlement_id = ?", (ids[9],)
            )

    filled.ledger.write(damage)
    whole = persons(filled.ledger) - {"nobody"}
    rekey(filled.ledger, SECOND)
    assert filled.ledger.read(read_keys) == (SECOND.key_ids[1], None, "")
    assert persons(filled.ledger) == {SECOND.person_moved(each, *SECOND.key_ids) for each in (*whole, "nobody")}


def test_only_the_person_of_a_request_is_put_under_the_next_key(
    filled: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = bill(NONE.person("P0"), "P0")
    settled = filled.settle(named)
    rekey(filled.ledger, SECOND)
    filled.pseudonyms = SECOND
    assert isinstance(settle_bill(filled.recorder, filled.forms(named), SOMEBODY), Replayed)
    stored = filled.ledger.read(lambda connection: find_settlement(connection, settled))
    assert stored is not None
    assert NONE.person("P0").encode() in stored.request
    assert stored.request.count(SECOND.person("P0").encode()) == 1
    monkeypatch.setenv("ONESTOP_DATABASE_URL", filled.url)
    assert onestop("replay").status == 0


def test_who_reads_without_the_key_is_told_so_and_not_that_nobody_is_there(filled: Window) -> None:
    ledger, alone = filled.ledger, Pseudonyms("second")
    (form,) = filled.forms(bill("X", "P0"))
    catalogue = filled.recorder.catalogue
    before = ledger_year(form.bill, NONE.named("P0"), catalogue, ledger)
    assert before.total_cost > 0
    rekey(ledger, SECOND)
    assert ledger_year(form.bill, SECOND.named("P0"), catalogue, ledger) == before
    wanted = settlements_store.Filter()
    assert len(list_settlements(filled.recorder, wanted, SECOND.named("P0"), 100, SOMEBODY)) == 3
    for wrong in (NONE, alone):
        with pytest.raises(KeyMissing):
            ledger_year(form.bill, wrong.named("P0"), catalogue, ledger)
        with pytest.raises(KeyMissing):
            ask_and_check(form.bill, wrong.named("P0"), ledger)
        with pytest.raises(KeyMissing):
            list_settlements(filled.recorder, wanted, wrong.named("P0"), 100, SOMEBODY)


def test_benefits_and_replay_wait_until_all_have_moved(filled: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekeying, "PERSONS_AT_ONCE", 1)
    asked = read_benefits.Asked(2018, None)
    assert len(read_benefits.list_benefits(filled.recorder, asked, "", 10, SOMEBODY)) == len(ROSTER)

    def stop(_done: int, _total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        rekey(filled.ledger, SECOND, stop)
    with pytest.raises(LedgerBusy):
        read_benefits.list_benefits(filled.recorder, asked, "", 10, SOMEBODY)
    monkeypatch.setenv("ONESTOP_DATABASE_URL", filled.url)
    ended = onestop("replay")
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors == (
        "onestop replay: persons are on their way to another key: run it again after `onestop key rotate-pii`\n"
    )
    rekey(filled.ledger, SECOND)
    assert len(read_benefits.list_benefits(filled.recorder, asked, "", 10, SOMEBODY)) == len(ROSTER)
    assert onestop("replay").status == 0


def test_a_new_ledger_takes_the_key_of_its_first_record(database: str) -> None:
    window = Window(database)
    window.pseudonyms = SECOND
    window.settle(bill("A", "P0"))
    assert window.ledger.read(read_keys) == (SECOND.key_ids[1], None, "")
    assert rekey_persons(window.ledger, clock, SECOND, SOMEBODY, unseen) is None
    window.ledger.close()


def test_what_did_not_hold_before_does_not_hold_then(filled: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_DATABASE_URL", filled.url)

    def tamper(connection: Any) -> None:
        (row,) = connection.execute(
            select(settlements.c.settlement_id).where(settlements.c.bill_id == "A2").limit(1)
        ).all()
        connection.execute(
            update(settlements).where(settlements.c.settlement_id == row[0]).values(tier="tertiary_municipal")
        )

    filled.ledger.write(tamper)
    before = onestop("replay", "--format=json")
    assert before.status == 1
    rekey(filled.ledger, SECOND)
    after = onestop("replay", "--format=json")
    assert faults_of(after) == faults_of(before)


def faults_of(ended: Ended) -> list[Any]:
    return sorted((each["of"], each["id"], each["what"]) for each in json.loads(ended.output)["faults"])


@pytest.mark.timeout(1800)
def test_persons_move_while_bills_are_settled(
    database: str, tmp_path: Path, record_property: Property, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers and four windows settle, retry and settle anew; whoever moves the persons is killed, and goes on."""
    environment = {"ONESTOP_DATABASE_URL": database, "ONESTOP_PII_EARLIER_KEYS": "none", "ONESTOP_PII_KEY": "second"}
    admit(database)
    ledger = Ledger(database)
    window = Window(database)
    for number in range(60):
        window.settle(bill(f"before-{number}", f"P{number % 30}", "100.00"))
    window.ledger.close()
    chance, kills, rounds = random.Random(7), 0, 0
    with running("--workers", "2", **environment) as service, load(service.port, persons=40) as told:
        told.wait_for_more()
        while True:
            rounds += 1
            mover = subprocess.Popen([ONESTOP, "key", "rotate-pii"], env=os.environ | environment, cwd=tmp_path)
            if kills < KILLS:
                time.sleep(0.8 + chance.random())
                mover.send_signal(signal.SIGKILL)
                kills += mover.wait() == -signal.SIGKILL
            else:
                assert mover.wait(300) == 0
            if ledger.read(read_keys) == (SECOND.key_ids[1], None, ""):
                break
        told.wait_for_more()
    ledger.close()
    assert faults_in(database, told) == []
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = onestop("replay")
    assert ended.status == 0, ended.output
    ledger = Ledger(database)
    assert persons(ledger) <= {SECOND.person(f"P{number}") for number in range(40)}
    ledger.close()
    record_property("counted bills settled while persons moved", told.acknowledged)
    record_property("counted times that the mover was killed", kills)
