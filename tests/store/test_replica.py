"""When a replica may answer: it is a standby of this very ledger, on its timeline, and has come as far as was said."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from sqlalchemy import Connection, exc, text

from app.store import replica as module
from app.store.ledger import Ledger
from app.store.replica import Moment, Outcome, Replica, ReplicaNotUsed, moment_of
from tests.postgresql import Server, running_postgresql, standby_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 30.0
Heard = list[tuple[Outcome, bool]]


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with running_postgresql() as server:
        ask(server, "CREATE TABLE book (line int)")
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Server]:
    # Whatever stands in the way of the ledger's log is cancelled at once.
    with standby_of(primary, max_standby_streaming_delay="0") as server:
        yield server


def ask(server: Server, statement: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(statement.encode())


def moment(server: Server, database: str = "postgres") -> Moment:
    ledger = Ledger(server.url(database))
    try:
        return ledger.read(moment_of)
    finally:
        ledger.close()


@contextmanager
def asked(server: Server, heard: Heard, database: str = "postgres") -> Iterator[Replica]:
    made = Replica(server.url(database), lambda *what: heard.append(what))
    try:
        yield made
    finally:
        made._ledger.close()


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM book")).scalar_one())


def as_stranger(server: Server) -> str:
    return server.url().replace("onestop@", "stranger@")


def refusal(server: Server, at: Moment, database: str = "postgres") -> Outcome:
    """Why a server is not read."""
    with asked(server, [], database) as replica, pytest.raises(ReplicaNotUsed) as refused:
        replica.read(at, count)
    return refused.value.outcome


def test_all_that_was_committed_is_read(primary: Server, standby: Server) -> None:
    heard: Heard = []
    with asked(standby, heard) as replica:
        before = replica.read(moment(primary), count)
        for more in range(1, 200):
            ask(primary, "INSERT INTO book VALUES (1)")
            assert replica.read(moment(primary), count) == before + more
    assert heard == [("replica", False)] * 200


def test_it_writes_nothing(primary: Server, standby: Server) -> None:
    """Neither does a session that could: what `reads_only` asks for is asked of a ledger here."""
    ledger = Ledger(primary.url(), reads_only=True)
    with pytest.raises(exc.DBAPIError, match="read-only transaction"):
        ledger.write(lambda connection: connection.execute(text("INSERT INTO book VALUES (2)")))
    ledger.close()


def test_a_query_that_the_standby_cancels_is_not_made_again_there(
    primary: Server, standby: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST_SECONDS", 0.5)
    attempts: list[int] = []
    heard: Heard = []

    def work(connection: Connection) -> int:
        attempts.append(count(connection))
        # Waits for nobody here, and there for this very transaction.
        ask(primary, "BEGIN; LOCK TABLE book IN ACCESS EXCLUSIVE MODE; INSERT INTO book VALUES (3); COMMIT")
        connection.execute(text("SELECT pg_sleep(10)"))
        return 0

    with asked(standby, heard) as replica:
        for _ in range(2):
            with pytest.raises(ReplicaNotUsed):
                replica.read(moment(primary), work)
        assert len(attempts) == 1, "then it rests"
        time.sleep(0.6)
        assert replica.read(moment(primary), count) > 0
    assert heard == [("busy", True), ("busy", False), ("replica", True)]


def test_one_that_falls_silent_holds_three_threads_and_no_more(primary: Server, standby: Server) -> None:
    heard: Heard = []
    inside, go_on = threading.Barrier(4), threading.Event()

    def work(_connection: Connection) -> int:
        inside.wait(20)
        go_on.wait(20)
        return 0

    with asked(standby, heard) as replica:
        threads = [threading.Thread(target=replica.read, args=(moment(primary), work)) for _ in range(3)]
        for thread in threads:
            thread.start()
        inside.wait(20)
        with pytest.raises(ReplicaNotUsed) as refused:
            replica.read(moment(primary), count)
        assert refused.value.outcome == "busy"
        go_on.set()
        for thread in threads:
            thread.join()
        # It was the replica of the others: nothing rests.
        assert replica.read(moment(primary), count) > 0
    assert heard == [("busy", False), *[("replica", False)] * 4]


def test_one_that_is_behind_is_waited_for_once_and_then_rests(
    primary: Server, standby: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.4)
    monkeypatch.setattr(module, "REST_SECONDS", 1.0)
    heard: Heard = []
    ask(standby, "SELECT pg_wal_replay_pause()")
    with asked(standby, heard) as replica:
        ask(primary, "INSERT INTO book VALUES (4)")
        at = moment(primary)
        took = []
        for pause in (0.0, 0.0, 0.0, 1.1, 0.0):
            time.sleep(pause)
            began = time.perf_counter()
            with pytest.raises(ReplicaNotUsed) as refused:
                replica.read(at, count)
            assert refused.value.outcome == "behind"
            took.append(time.perf_counter() - began)
        assert [seconds > 0.4 for seconds in took] == [True, False, False, True, False]
        assert max(took[1], took[2], took[4]) < 0.1
        assert heard == [("behind", True), *[("behind", False)] * 4]
        ask(standby, "SELECT pg_wal_replay_resume()")
        time.sleep(1.1)
        assert replica.read(at, count) > 0
    assert heard[-1] == ("replica", True)


def test_another_database_or_no_standby_is_not_read(primary: Server, standby: Server) -> None:
    at = moment(primary)
    assert refusal(standby, at, "template1") == "other"
    assert refusal(primary, at) == "other"
    assert refusal(standby, at._replace(system=at.system + 1)) == "other"
    assert refusal(standby, at._replace(timeline="00000002")) == "other"


def test_an_ordinary_role_is_enough_and_one_without_its_rights_is_not(primary: Server, standby: Server) -> None:
    ask(primary, "CREATE ROLE stranger LOGIN")
    ledger = Ledger(as_stranger(primary))
    at = ledger.read(moment_of)
    ledger.close()
    heard: Heard = []
    replica = Replica(as_stranger(standby), lambda *what: heard.append(what))
    end = time.monotonic() + PATIENCE
    while heard[-1:] != [("replica", True)] and heard != [("replica", False)]:  # until the role is there too
        assert time.monotonic() < end, heard
        replica._asked_again_at = 0.0
        with suppress(ReplicaNotUsed):
            replica.read(at, lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    with pytest.raises(ReplicaNotUsed) as refused:
        replica.read(at, count)
    assert refused.value.outcome == "other"
    replica._ledger.close()


def test_a_standby_that_a_failover_left_behind_is_not_read() -> None:
    """Two standbys; one is cut off, the other gets more, and then the first becomes the ledger."""
    with running_postgresql() as first:
        ask(first, "CREATE TABLE book (line int)")
        with standby_of(first) as second, standby_of(first) as third:
            second.kill()
            for _ in range(3):
                ask(first, "INSERT INTO book VALUES (1)")
                ask(first, "SELECT pg_switch_wal()")
            with asked(third, []) as replica:
                assert replica.read(moment(first), count) == 3
            first.kill()
            second.start()
            ask(second, "SELECT pg_promote()")
            at = moment(second)
            assert at.timeline == "00000002"
            with psycopg.connect(third.url()) as connection:
                row = connection.execute("SELECT pg_last_wal_replay_lsn() - '0/0'").fetchone()
            assert row is not None
            assert at.wal is not None
            assert row[0] > at.wal
            assert refusal(third, at) == "other"
            # A standby that became a ledger of its own is none any more.
            assert refusal(second, at) == "other"
            first.start()
