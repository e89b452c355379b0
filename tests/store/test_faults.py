"""A database that fails in the middle: nothing is recorded or all of it, and a retry tells which."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import settings

from app.store import ledger
from app.store.ledger import LedgerBusy, LedgerUnreachable, OutcomeUnknown
from app.usecases.correct_settlement import Corrected
from app.usecases.reverse_settlement import Reversed
from app.usecases.settle_bill import Recorded, Replayed
from tests.store.chain import Dump, faults
from tests.store.desk import NOTHING, Desk, answer, bill
from tests.store.interference import Harm, at_commit, at_statement, cut, failing, failing_afterwards, lost, terminate


class Operation(NamedTuple):
    """A use case: what it needs, what it does, and how many rows of which table it then has more."""

    prepare: Callable[[Desk, int], Any]
    run: Callable[[Desk, Any], Any]
    adds: dict[str, int]


OPERATIONS = {
    "settle the first bill of a year": Operation(
        prepare=lambda _, number: bill(number, person=f"new-{number}"),
        run=lambda desk, request: desk.settle(request),
        adds={"settlements": 1, "open_bills": 1, "person_years": 1},
    ),
    "settle a further bill": Operation(
        prepare=lambda _, number: bill(number),
        run=lambda desk, request: desk.settle(request),
        adds={"settlements": 1, "open_bills": 1},
    ),
    "reverse": Operation(
        prepare=lambda desk, number: desk.record(bill(number)).settlement_id,
        run=lambda desk, settlement_id: desk.reverse(settlement_id),
        adds={"reversals": 1, "open_bills": -1},
    ),
    "correct": Operation(
        prepare=lambda desk, number: (
            desk.record(bill(f"{number}-1", person=f"new-{number}")).settlement_id,
            desk.record(bill(f"{number}-2", person=f"new-{number}")).settlement_id,
            number,
        ),
        run=lambda desk, made: desk.correct(made[0], bill(f"{made[2]}-1", "10000.00", person=f"right-{made[2]}")),
        adds={"settlements": 2, "reversals": 2, "corrections": 1, "person_years": 1},
    ),
}

# For each fault: what does the harm, at one statement or at all from it on, and what is then told; None where the
# work is done again inside and succeeds.
Fault = tuple[Callable[[Desk], Harm], bool, type[Exception] | None]
BOTH: dict[str, Fault] = {
    "a mistake of ours": (lambda _: failing(ArithmeticError()), False, ArithmeticError),
    "cannot store": (lambda desk: failing(full(desk)), False, LedgerUnreachable),
    "done, then cannot store": (lambda desk: failing_afterwards(full(desk)), False, LedgerUnreachable),
}
POSTGRESQL: dict[str, Fault] = {
    "a connection that is cut": (cut, False, None),
    "a deadlock": (lambda _: failing(psycopg.errors.DeadlockDetected()), False, None),
}
# What these mean is the same whatever the statement is a part of.
EVERYWHERE_THE_SAME: dict[str, Fault] = {
    "a lock that does not come": (lambda _: failing(psycopg.errors.LockNotAvailable()), False, LedgerBusy),
    "done, then a deadlock": (lambda _: failing_afterwards(psycopg.errors.DeadlockDetected()), False, None),
    "connections that are cut again and again": (cut, True, LedgerUnreachable),
    "deadlocks again and again": (lambda _: failing(psycopg.errors.DeadlockDetected()), True, LedgerBusy),
    "a statement that takes too long": (lambda _: failing(psycopg.errors.QueryCanceled()), False, LedgerBusy),
    "a database that shuts down": (lambda _: failing(psycopg.errors.AdminShutdown()), False, LedgerUnreachable),
    "too many connections": (lambda _: failing(psycopg.errors.TooManyConnections()), False, LedgerBusy),
}
ON_POSTGRESQL = [
    pytest.param(operation, fault, id=f"{name}, {what}")
    for name, operation in OPERATIONS.items()
    for what, fault in (POSTGRESQL | EVERYWHERE_THE_SAME).items()
    if what in POSTGRESQL or name == "settle a further bill" or settings.get_current_profile_name() == "deep"
]


def full(desk: Desk) -> Exception:
    if desk.is_postgresql:
        return psycopg.errors.DiskFull()
    return sqlite3.OperationalError("database or disk is full")


def added(before: Dump, after: Dump) -> dict[str, int]:
    """How many rows more each table has."""
    counts = {table: len(after[table]) - len(rows) for table, rows in before.items()}
    return {table: count for table, count in counts.items() if count}


@pytest.fixture
def started(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A ledger with a pack and a year in it, which tries again without a pause."""
    monkeypatch.setattr(ledger, "_PAUSE_SECONDS", 0)
    desk.record(bill("0"))
    return desk


def is_sent_with_commit(operation: Operation, statement: str) -> bool:
    """Whether nobody knows what became of it when its connection is cut."""
    settles = "reversals" not in operation.adds
    return settles and statement.startswith(("INSERT INTO settlements", "UPDATE person_years", "INSERT INTO audit"))


def fail_everywhere(desk: Desk, operation: Operation, fault: Fault) -> int:
    """Let each statement fail in turn, until none is left to fail: how many did."""
    make, always, told = fault
    for number in range(1, 100):
        made = operation.prepare(desk, number)
        before = desk.dump()
        desk.ledger.packs_kept.clear()
        error: Exception | None = None
        with at_statement(desk, number, make(desk), always=always) as done:
            try:
                operation.run(desk, made)
            except (LedgerBusy, LedgerUnreachable, OutcomeUnknown, ArithmeticError) as raised:
                error = raised
        if not done:
            return number - 1
        expected = OutcomeUnknown if make is cut and is_sent_with_commit(operation, done[-1]) else told
        assert (type(error) if error else None) == expected, done
        if error:
            assert desk.dump() == before, done
            operation.run(desk, made)
        assert added(before, desk.dump()) == operation.adds, done
    raise AssertionError("it never ends")


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("fault", BOTH.values(), ids=BOTH)
def test_a_statement_that_fails_leaves_the_ledger_unchanged(started: Desk, operation: Operation, fault: Fault) -> None:
    assert fail_everywhere(started, operation, fault) >= 5
    assert faults(started.dump()) == []


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("operation", "fault"), ON_POSTGRESQL)
def test_a_connection_that_fails_leaves_the_ledger_unchanged_or_complete(
    started: Desk, operation: Operation, fault: Fault
) -> None:
    assert fail_everywhere(started, operation, fault) >= 5
    assert faults(started.dump()) == []


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("happened", [True, False])
def test_after_a_commit_that_broke_a_retry_tells_whether_it_had_happened(
    started: Desk, operation: Operation, happened: bool
) -> None:
    made = operation.prepare(started, 1)
    before = started.dump()

    def harm(connection: Any, commit: Callable[[], object]) -> None:
        if happened:
            commit()
        elif started.is_postgresql:
            terminate(started, connection.info.backend_pid)
            commit()
        raise lost(started)

    with at_commit(started, harm) as done, pytest.raises(OutcomeUnknown):
        operation.run(started, made)
    assert done == ["COMMIT"]
    recorded = started.dump()
    assert added(before, recorded) == (operation.adds if happened else {})
    outcome = operation.run(started, made)
    assert isinstance(outcome, Replayed | Reversed | Corrected) if happened else not isinstance(outcome, Replayed)
    assert getattr(outcome, "again", happened) == happened
    if happened:
        assert started.dump() == recorded
    else:
        assert added(before, started.dump()) == operation.adds
    assert faults(started.dump()) == []


def test_a_pack_whose_commit_broke_is_kept_with_the_next_bill(desk: Desk) -> None:
    def harm(connection: Any, commit: Callable[[], object]) -> None:
        raise lost(desk)

    with at_commit(desk, harm), pytest.raises(OutcomeUnknown):
        desk.settle(bill(1))
    assert desk.dump() == NOTHING
    desk.record(bill(1))


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_commit_that_the_database_itself_rolled_back_is_done_again(started: Desk) -> None:
    def harm(connection: Any, commit: Callable[[], object]) -> None:
        connection.pgconn.send_query_params(b"ROLLBACK", None)
        raise psycopg.errors.SerializationFailure

    before = started.dump()
    with at_commit(started, harm) as done:
        assert isinstance(started.settle(bill(1)), Recorded)
    assert done == ["COMMIT"]
    assert added(before, started.dump()) == {"settlements": 1, "open_bills": 1}
    assert faults(started.dump()) == []


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_connections_that_ended_while_nobody_used_them_are_not_noticed(started: Desk) -> None:
    """As after a restart of the database."""
    for number in range(1, 4):
        assert terminate(started) >= 1
        outcome = started.settle(bill(number))
        assert isinstance(outcome, Recorded)
        assert answer(outcome)["bill_id"] == f"B{number}"
    assert faults(started.dump()) == []
