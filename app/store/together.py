"""Statements that go to the database together: with PostgreSQL one wait for all of them, not one for each.

psycopg's own pipeline wakes up once a statement and gives up the interpreter each time; under load these turns take
longer than the statements. So this speaks to libpq through psycopg's wrapper (`psycopg.pq`), and waits once.
"""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.waiting import Ready, Wait
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from psycopg.abc import Transformer as Adapter
    from psycopg.pq.abc import PGconn, PGresult
    from sqlalchemy import Connection, Executable
    from sqlalchemy.sql.compiler import SQLCompiler

Row: TypeAlias = "tuple[Any, ...]"


# The option of a connection that holds the ledger's watcher.
WAITED: Final = "onestop_waited"


class Statement(NamedTuple):
    """A statement that is put together once, and this time's values."""

    sql: Executable
    values: Mapping[str, Any]


class CommitBroke(Exception):
    """The transaction's COMMIT was sent and did not come back well; its cause is the database's error."""


def run_together(connection: Connection, statements: Sequence[Statement], *, locks: bool = False) -> list[Row | None]:
    """Run statements in their order: of each the first row that it gives back.

    An error is the first statement's that failed, as SQLAlchemy tells it; none after it has been run. With `locks` they
    wait for others' transactions, and the ledger's watcher hears how long.
    """
    if connection.dialect.name != "postgresql":
        return [_first(connection, statement) for statement in statements]
    if not locks:
        return _pipelined(connection, statements, commits=False)
    began = perf_counter()
    try:
        return _pipelined(connection, statements, commits=False)
    finally:
        tell_wait(connection, perf_counter() - began)


def tell_wait(connection: Connection, seconds: float) -> None:
    """Tell the ledger's watcher how long a transaction waited for others' locks."""
    waited = connection.get_execution_options().get(WAITED)
    if waited is not None:
        waited("lock", seconds)


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
        sent = [_prepared(connection.info, driver, statement) for statement in statements]
        begins = driver.pgconn.transaction_status == TransactionStatus.IDLE
        driver.pgconn.enter_pipeline_mode()
        try:
            if begins:
                driver.pgconn.send_query_params(b"BEGIN", None)
            for each in sent:
                _send(driver, each)
            if commits:
                commit_is_sent = True
                _send_commit(driver)
        finally:
            results = _finish(driver)
            driver.pgconn.exit_pipeline_mode()
        rows = [_row(_adapter(connection.info, driver), driver, result) for result in results]
    except psycopg.Error as error:
        told = _as_sqlalchemy_tells_it(connection, driver, error)
        # Behind a failed statement the server runs nothing, COMMIT neither.
        failed_before = driver.pgconn.transaction_status == TransactionStatus.INERROR
        if commit_is_sent and not failed_before:
            raise CommitBroke from told
        raise told from error
    if commits:
        # It has happened; this tells SQLAlchemy.
        connection.commit()
    return rows[begins : begins + len(statements)]


class _Sent(NamedTuple):
    """A prepared statement's name, and its values as they are sent."""

    name: bytes
    values: Sequence[Any]
    formats: Sequence[Any]


def _prepared(info: dict[str, Any], driver: psycopg.Connection[Row], statement: Statement) -> _Sent:
    """Prepare a statement, unless this connection has: `info` lives as long as it does."""
    text, names = _text(statement.sql)
    adapted = _adapter(info, driver)
    values = adapted.dump_sequence([statement.values[name] for name in names], [PyFormat.AUTO] * len(names))
    known: dict[bytes, bytes] = info.setdefault("onestop_prepared", {})
    name = known.get(text)
    if name is None:
        name = b"onestop_%d" % len(known)
        result = driver.pgconn.prepare(name, text, adapted.types)
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result, driver.info.encoding)
        known[text] = name
    return _Sent(name, values, adapted.formats or ())


def _adapter(info: dict[str, Any], driver: psycopg.Connection[Row]) -> Adapter:
    """The connection's own: it remembers how it wrote and read each type."""
    known: Adapter | None = info.get("onestop_adapter")
    if known is None:
        known = info["onestop_adapter"] = Transformer(driver)
    return known


def _send(driver: psycopg.Connection[Row], sent: _Sent) -> None:
    driver.pgconn.send_query_prepared(*sent)


def _send_commit(driver: psycopg.Connection[Row]) -> None:
    driver.pgconn.send_query_params(b"COMMIT", None)


def _finish(driver: psycopg.Connection[Row]) -> list[PGresult]:
    """End the pipeline and wait for its results: one a statement."""
    driver.pgconn.pipeline_sync()
    return driver.wait(_exchange(driver.pgconn))


def _exchange(pgconn: PGconn) -> Generator[Wait, Ready | int, list[PGresult]]:
    """Send what is queued and collect all results, in the way in which psycopg's connections wait."""
    while pgconn.flush():
        # Where both sides only wrote, both would wait.
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        yield Wait.R
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)


def _row(adapted: Adapter, driver: psycopg.Connection[Row], result: PGresult) -> Row | None:
    if result.status == ExecStatus.FATAL_ERROR:
        raise error_from_result(result, driver.info.encoding)
    if result.status != ExecStatus.TUPLES_OK or not result.ntuples:
        return None
    adapted.set_pgresult(result)
    return adapted.load_row(0, tuple)


_DIALECT: Final = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # it has no types


# Many more than there are statements of ours.
@lru_cache(1024)
def _text(sql: Executable) -> tuple[bytes, list[str]]:
    """A statement as PostgreSQL reads it, and the names of its values in their order."""
    compiled = cast("SQLCompiler", sql.compile(dialect=_DIALECT))  # type: ignore[attr-defined]  # all of ours can
    return compiled.string.encode(), list(compiled.positiontup or ())


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
