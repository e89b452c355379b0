"""What goes wrong between us and the database, made to happen at a chosen place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from app.store import together
from tests.store.desk import Desk

# Does its harm before a statement, with the driver's cursor and what runs the statement.
Harm = Callable[[Any, Callable[[], object]], None]


@contextmanager
def at_statement(desk: Desk, number: int, harm: Harm, *, always: bool = False) -> Iterator[list[str]]:
    """Do harm at the n-th statement from here, or (`always`) at every one from it on: the harm done."""
    seen: list[str] = []
    done: list[str] = []

    def strike(statement: str, cursor: Any, run: Callable[[], object]) -> None:
        seen.append(statement)
        if len(seen) == number or (always and len(seen) > number):
            done.append(statement)
            harm(cursor, run)

    def before(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
        strike(statement, cursor, lambda: cursor.execute(statement, parameters))

    send, prepared = together._send, together._prepared
    texts: dict[bytes, str] = {}

    def named(info: Any, driver: Any, statement: together.Statement) -> Any:
        sent = prepared(info, driver, statement)
        texts[sent.name] = str(statement.sql)
        return sent

    def instead(driver: Any, sent: Any) -> None:
        strike(texts[sent.name], driver.cursor(), lambda: send(driver, sent))
        send(driver, sent)

    event.listen(desk.ledger.engine, "do_execute", before)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(together, "_prepared", named)
        patched.setattr(together, "_send", instead)
        yield done
    event.remove(desk.ledger.engine, "do_execute", before)


def failing(error: Exception) -> Harm:
    """The statement fails and has done nothing."""

    def harm(cursor: Any, run: Callable[[], object]) -> None:
        raise error

    return harm


def failing_afterwards(error: Exception) -> Harm:
    """The statement is done, and fails all the same."""

    def harm(cursor: Any, run: Callable[[], object]) -> None:
        run()
        raise error

    return harm


def terminate(desk: Desk, pid: int | None = None) -> int:
    """End the connection of a process of PostgreSQL, or all of its database but the one that asks."""
    query = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid = coalesce(%s, pid)"
    )
    with psycopg.connect(desk.url) as connection:
        (ended,) = connection.execute(query, (pid,)).fetchone() or (0,)
    return int(ended)


def cut(desk: Desk) -> Harm:
    """The connection is ended by the server before the statement, unless it was before one sent together with it."""
    ended: set[int] = set()

    def harm(cursor: Any, run: Callable[[], object]) -> None:
        pid = cursor.connection.info.backend_pid
        if pid not in ended:
            ended.add(pid)
            assert terminate(desk, pid) == 1

    return harm


def lost(desk: Desk) -> Exception:
    """The driver's error of a connection that broke."""
    if desk.is_postgresql:
        return psycopg.OperationalError("server closed the connection unexpectedly")
    return sqlite3.OperationalError("disk I/O error")


@contextmanager
def at_commit(desk: Desk, harm: Callable[[Any, Callable[[], object]], None]) -> Iterator[list[str]]:
    """Do harm at the next commit, with the driver's connection and what commits: the harm done."""
    dialect = desk.ledger.engine.dialect
    alone, send = dialect.do_commit, together._send_commit
    done: list[str] = []

    def instead(connection: Any, commit: Callable[[], object]) -> None:
        if done:
            commit()
            return
        done.append("COMMIT")
        harm(connection, commit)

    def sent_at_once(driver: Any) -> None:
        send(driver)
        together._finish(driver)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dialect, "do_commit", lambda it: instead(it.driver_connection, lambda: alone(it)))
        patched.setattr(together, "_send_commit", lambda it: instead(it, lambda: sent_at_once(it)))
        yield done
