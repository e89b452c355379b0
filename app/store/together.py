"""Statements that go to the database together: with PostgreSQL one wait for all of them, not one for each."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import psycopg
from sqlalchemy import exc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Dialect, Executable
    from sqlalchemy.sql.compiler import Compiled

Row: TypeAlias = "tuple[Any, ...]"


class Statement(NamedTuple):
    """A statement that is put together once, and this time's values."""

    sql: Executable
    values: Mapping[str, Any]


class CommitBroke(Exception):
    """The transaction's COMMIT was sent and did not come back well; its cause is the database's error."""


def run_together(connection: Connection, statements: Sequence[Statement]) -> list[Row | None]:
    """Run statements in their order: of each the first row that it gives back.

    An error is the first statement's that failed, as SQLAlchemy tells it; none after it has been run.
    """
    if connection.dialect.name == "postgresql":
        return _pipelined(connection, statements, commits=False)
    return [_first(connection, statement) for statement in statements]


def commit_together(connection: Connection, statements: Sequence[Statement]) -> None:
    """Run a transaction's last statements and commit it. `CommitBroke` where it was the commit that failed, or may be.

    Any other error is one of `run_together`: nothing is committed.
    """
    if statements and connection.dialect.name == "postgresql":
        _pipelined(connection, statements, commits=True)
        return
    for statement in statements:
        _first(connection, statement)
    try:
        connection.commit()
    except exc.DBAPIError as error:
        raise CommitBroke from error


def _first(connection: Connection, statement: Statement) -> Row | None:
    result = connection.execute(statement.sql, statement.values)
    row = result.first() if result.returns_rows else None
    return None if row is None else tuple(row)


def _pipelined(connection: Connection, statements: Sequence[Statement], *, commits: bool) -> list[Row | None]:
    if not connection.in_transaction():
        connection.begin()
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection), "PostgreSQL is spoken to through psycopg"
    commit_is_sent = False
    try:
        with driver.pipeline():
            cursors = [_execute(driver, _text(sql, connection.dialect), values) for sql, values in statements]
            if commits:
                commit_is_sent = True
                _commit(driver)
        rows = [_row(cursor) for cursor in cursors]
    except psycopg.Error as error:
        told = _as_sqlalchemy_tells_it(connection, driver, error)
        # Behind a failed statement the server runs nothing, COMMIT neither.
        failed_before = driver.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        if commit_is_sent and not failed_before:
            raise CommitBroke from told
        raise told from error
    if commits:
        # It has happened; this tells SQLAlchemy.
        connection.commit()
    return rows


def _row(cursor: psycopg.Cursor[Row]) -> Row | None:
    # Not by its description, which would be made for nothing but the question.
    return cursor.fetchone() if cursor.pgresult is not None and cursor.pgresult.nfields else None


def _execute(driver: psycopg.Connection[Row], text: bytes, values: Mapping[str, Any]) -> psycopg.Cursor[Row]:
    return driver.execute(text, values)


def _commit(driver: psycopg.Connection[Row]) -> None:
    driver.commit()


# Many more than there are statements of ours.
@lru_cache(1024)
def _text(sql: Executable, dialect: Dialect) -> bytes:
    compiled: Compiled = sql.compile(dialect=dialect)  # type: ignore[attr-defined]  # all of ours can
    return str(compiled).encode()


def _as_sqlalchemy_tells_it(
    connection: Connection, driver: psycopg.Connection[Row], error: psycopg.Error
) -> exc.DBAPIError:
    is_gone = driver.closed or driver.broken
    told = exc.DBAPIError.instance(
        None,
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=is_gone,
        dialect=connection.dialect,
    )
    assert isinstance(told, exc.DBAPIError), "an error of the driver's"
    if is_gone:
        connection.invalidate(error)
    return told
