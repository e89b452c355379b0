"""Statements sent together: each runs or none behind the one that failed, and a failed commit is told apart."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, bindparam, exc, insert, select, text

from app.store.ledger import LedgerUnreachable, OutcomeUnknown
from app.store.settlements import taking_key
from app.store.tables import open_bills, packs
from app.store.together import CommitBroke, Statement, commit_together, run_together
from tests.store.desk import Desk

ID = "0198c0f0-0000-7000-8000-000000000001"
PACK = {"pack_id": "p", "area": "450000", "files": "[]"}
ADD = insert(packs).values({column.name: bindparam(column.name) for column in packs.c})
COUNT = select(text("count(*)")).select_from(packs)


def adding(name: str | None) -> Statement:
    return Statement(ADD, PACK | {"hash": name})


def nothing(_: Connection) -> None:
    """No work but the last statements."""


def kept(desk: Desk) -> list[str]:
    return [row["hash"] for row in desk.dump()["packs"]]


def test_the_first_row_of_each_comes_back_in_their_order(desk: Desk) -> None:
    def work(connection: Connection) -> list[object]:
        return list(run_together(connection, [Statement(COUNT, {}), adding("a"), adding("b"), Statement(COUNT, {})]))

    assert desk.ledger.write(work) == [(0,), None, None, (2,)]
    assert sorted(kept(desk)) == ["a", "b"]


def test_what_was_run_together_is_not_there_when_nothing_is_to_be_kept(desk: Desk) -> None:
    desk.ledger.write(lambda connection: run_together(connection, [adding("a")]), lambda _: False)
    assert kept(desk) == []


@pytest.mark.parametrize("is_last", [True, False])
def test_behind_one_that_fails_nothing_runs_and_nothing_is_kept(desk: Desk, *, is_last: bool) -> None:
    statements = [adding("a"), adding(None), adding("b")]

    def together(connection: Connection) -> None:
        run_together(connection, statements)

    with pytest.raises(exc.IntegrityError):
        desk.ledger.write(nothing if is_last else together, last=lambda _: statements if is_last else ())
    assert kept(desk) == []
    # The connection is good for the next.
    desk.ledger.write(lambda _: None, last=lambda _: [adding("c")])
    assert kept(desk) == ["c"]


def test_a_commit_that_the_database_refuses_is_told_apart_from_its_statements(desk: Desk) -> None:
    """A bill's key without its settlement: the database looks at the commit."""
    with desk.ledger.engine.connect() as connection:
        with pytest.raises(CommitBroke) as broke:
            commit_together(connection, [adding("a"), taking_key(connection, "H1", "B1", ID, 2018)])
        connection.rollback()
    assert isinstance(broke.value.__cause__, exc.IntegrityError)
    with pytest.raises(exc.IntegrityError):
        desk.ledger.write(lambda connection: connection, last=lambda it: [taking_key(it, "H1", "B1", ID, 2018)])
    assert (kept(desk), desk.dump()[open_bills.name]) == ([], [])
    # The connection is good for the next.
    desk.ledger.write(nothing, last=lambda _: [adding("c")])
    assert kept(desk) == ["c"]


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_last", [True, False])
def test_a_connection_that_ends_by_itself(desk: Desk, *, is_last: bool) -> None:
    """Ended by its own statement: with the commit behind it nobody knows, without it nothing can be recorded."""
    end = Statement(text("SELECT pg_terminate_backend(pg_backend_pid())"), {})
    statements = [adding("a"), end]

    def together(connection: Connection) -> None:
        run_together(connection, statements)

    with pytest.raises(OutcomeUnknown if is_last else LedgerUnreachable):
        desk.ledger.write(nothing if is_last else together, last=lambda _: statements if is_last else ())
    assert kept(desk) == []


def test_what_is_prepared_outlives_a_rollback(desk: Desk) -> None:
    for _ in range(8):
        desk.ledger.read(lambda connection: connection.execute(COUNT).all())
        desk.ledger.write(lambda connection: run_together(connection, [adding("a")]), lambda _: False)
    desk.ledger.write(nothing, last=lambda _: [adding("a")])
    assert kept(desk) == ["a"]
