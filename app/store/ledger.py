"""The ledger's transactions: begun, committed and retried in one place, with every outcome told apart."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeAlias, TypeVar

from psycopg.types.numeric import Int8BinaryDumper
from sqlalchemy import create_engine, event, exc, make_url

from app.store.together import WAITED, CommitBroke, commit_together, tell_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import URL, Connection, Engine

    from app.store.person_keys import PersonKeys
    from app.store.together import Statement

Wait = Literal["connection", "lock"]
# Hears for what a transaction waited, and how many seconds.
Waited: TypeAlias = "Callable[[Wait, float], None]"
# Hears of each transaction that is over: whether it read or wrote, how many seconds it took, and how it ended.
Ended: TypeAlias = "Callable[[Literal['read', 'write'], float, str], None]"
Result = TypeVar("Result")

# More threads than these only add latency: measured on two cores, docs/benchmarks.md.
CONNECTIONS: Final = 8
# Beside the threads, each in one of its own: a comparison of books, which takes its time; the keys and what /metrics
# says, which are not to wait for bills.
SPARE_CONNECTIONS: Final = 3
POOL_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 3
LOCK_SECONDS: Final = 3
STATEMENT_SECONDS: Final = 10
IDLE_SECONDS: Final = 15

_ATTEMPTS: Final = 4
_PAUSE_SECONDS: Final = 0.01

# PostgreSQL's codes: a deadlock or a serialisation failure may be tried again at once; a lock, a statement or a
# resource that did not come in time may not.
_TRY_AGAIN: Final = frozenset(("40001", "40P01"))
_BUSY: Final = frozenset(("55P03", "57014", "53300", "25P03"))
_OUT_OF_REACH: Final = ("08", "53", "57P", "58")


class LedgerUnreachable(Exception):
    """The database cannot be reached or cannot store: nothing was recorded."""


class LedgerBusy(Exception):
    """A lock or a connection did not come in time: nothing was recorded."""


class OutcomeUnknown(Exception):
    """The connection broke while the transaction was committed: a retry of the request says what was recorded."""


class TryAgain(Exception):
    """The transaction may be tried again from its start; `meaning` is what to raise when it was the last time."""

    def __init__(self, meaning: Exception) -> None:
        super().__init__()
        self.meaning = meaning


_OUTCOMES: Final[dict[type[BaseException], str]] = {
    LedgerUnreachable: "unreachable",
    LedgerBusy: "busy",
    OutcomeUnknown: "unknown",
    TryAgain: "again",
}


class Ledger:
    """A database and its pool of connections. Reaches for the database only when it is first asked something."""

    def __init__(
        self, url: str, waited: Waited | None = None, ended: Ended | None = None, *, reads_only: bool = False
    ) -> None:
        self._waited = waited
        self._ended = ended
        self._reads_only = reads_only
        self.engine = _engine(database_url(url), waited, reads_only=reads_only)
        self._reading = self.engine.execution_options(onestop_writes=False)
        # Hashes of packs that a committed transaction has kept.
        self.packs_kept: set[str] = set()
        # Under which keys the persons were when this process last looked.
        self.person_keys: PersonKeys | None = None

    @property
    def is_new_file(self) -> bool:
        """Whether this is an embedded database whose file is not there yet."""
        url = self.engine.url
        return url.get_backend_name() == "sqlite" and bool(url.database) and not Path(str(url.database)).exists()

    def make_folder(self) -> None:
        """Make the folder of an embedded database. Raises `LedgerUnreachable`."""
        if self.is_new_file:
            try:
                Path(str(self.engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LedgerUnreachable("the folder of the database cannot be made") from error

    def write(
        self,
        work: Callable[[Connection], Result],
        is_kept: Callable[[Result], bool] = lambda _: True,
        last: Callable[[Result], Sequence[Statement]] = lambda _: (),
    ) -> Result:
        """Run a piece of work in one transaction and commit it, unless its result says that nothing is to be kept.

        `last` are the statements that the result leaves to be run, sent together with the commit.
        Where the database asks for it the work is done again from the start.
        Raises `LedgerUnreachable`, `LedgerBusy`: nothing was recorded; `OutcomeUnknown`: perhaps.
        """
        return self._run(_Transaction(work, is_kept, last, writes=True))

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run a piece of work that changes nothing, on one state of the ledger. Raises as `write`."""
        return self._run(_Transaction(work, lambda _: False, lambda _: (), writes=False))

    @property
    def connections_in_use(self) -> int:
        """How many connections are at work at this moment, of `CONNECTIONS` and the spare ones."""
        return int(self.engine.pool.checkedout())  # type: ignore[attr-defined]  # of every pool that we make

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _run(self, transaction: _Transaction[Result]) -> Result:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._attempt(transaction) if self._ended is None else self._told(transaction, self._ended)
            except TryAgain as again:
                # Who reads beside the ledger asks the ledger next, but for a connection that was broken before.
                is_last = self._reads_only and not isinstance(again.meaning, LedgerUnreachable)
                if attempt == _ATTEMPTS or is_last:
                    raise again.meaning from again.__cause__
                time.sleep(_PAUSE_SECONDS * attempt)
        raise AssertionError("the last attempt returns or raises")

    def _told(self, transaction: _Transaction[Result], ended: Ended) -> Result:
        began, outcome = time.perf_counter(), "done"
        try:
            return self._attempt(transaction)
        except BaseException as error:
            outcome = _OUTCOMES.get(type(error), "failed")
            raise
        finally:
            ended("write" if transaction.writes else "read", time.perf_counter() - began, outcome)

    def _attempt(self, transaction: _Transaction[Result]) -> Result:
        began = time.perf_counter()
        try:
            connection = (self.engine if transaction.writes else self._reading).connect()
        except exc.TimeoutError as error:
            raise LedgerBusy("no connection came free in time") from error
        except exc.DBAPIError as error:
            raise LedgerUnreachable("the database does not answer") from error
        finally:
            if self._waited is not None:
                self._waited("connection", time.perf_counter() - began)
        with connection:
            try:
                result = transaction.work(connection)
                if transaction.is_kept(result):
                    commit_together(connection, transaction.last(result))
                else:
                    _give_up(connection)
            except CommitBroke as broke:
                _give_up(connection)
                raise _meaning_of_commit(broke) from broke.__cause__
            except exc.DBAPIError as error:
                _give_up(connection)
                meaning = _meaning_of(error)
                if meaning is None:
                    raise
                raise meaning from error
            except BaseException:  # whatever ends the work, Ctrl-C too: nothing of it stays
                _give_up(connection)
                raise
            return result


@dataclass(frozen=True, slots=True)
class _Transaction(Generic[Result]):
    """What `Ledger.write` is asked for."""

    work: Callable[[Connection], Result]
    is_kept: Callable[[Result], bool]
    last: Callable[[Result], Sequence[Statement]]
    writes: bool


def _give_up(connection: Connection) -> None:
    # A connection that is gone cannot roll back, and need not.
    with suppress(exc.DBAPIError):
        connection.rollback()


def _meaning_of(error: exc.DBAPIError) -> Exception | None:
    """What an error before the commit means: nothing was recorded, whatever it is. None for a mistake of ours."""
    code = _code(error)
    if code in _TRY_AGAIN:
        return TryAgain(LedgerBusy("the transaction was rolled back again and again"))
    if code in _BUSY or "database is locked" in str(error.orig):
        return LedgerBusy("a lock did not come in time")
    if error.connection_invalidated:
        # A connection from before the database was started anew: the next one may be good.
        return TryAgain(LedgerUnreachable("the connection to the database broke"))
    if code.startswith(_OUT_OF_REACH) or (not code and isinstance(error, exc.OperationalError)):
        return LedgerUnreachable("the database cannot be reached, or cannot store")
    return None


def _meaning_of_commit(broke: CommitBroke) -> Exception:
    """What an error of the commit means: the database itself says that it rolled back, or nobody knows."""
    error = broke.__cause__
    assert isinstance(error, exc.DBAPIError), "it is raised from one"
    if _code(error) in _TRY_AGAIN:
        return TryAgain(LedgerBusy("the transaction was rolled back again and again"))
    if isinstance(error, exc.IntegrityError):
        return error
    return OutcomeUnknown("the connection broke while the transaction was committed")


def _code(error: exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def database_url(url: str) -> URL:
    """Read a database's address: SQLite's file, or PostgreSQL through psycopg."""
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _engine(url: URL, waited: Waited | None, *, reads_only: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, waited)
    options = {
        "lock_timeout": f"{LOCK_SECONDS}s",
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        # Never an answer before the disk has it, whatever the server's default is.
        "synchronous_commit": "on",
        "default_transaction_isolation": "read\\ committed",
        "default_transaction_read_only": "on" if reads_only else "off",
    }
    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=SPARE_CONNECTIONS,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
        execution_options={WAITED: waited},
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "onestop",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
            # With each ROLLBACK the driver would forget all that is prepared: ours (app/store/together.py) too.
            "prepare_threshold": None,
        },
    )

    @event.listens_for(engine, "connect")
    def _one_type_of_integer(connection: object, _record: object) -> None:
        # The driver's own choice goes by the value; a statement is prepared for one mixture of types.
        connection.adapters.register_dumper(int, Int8BinaryDumper)  # type: ignore[attr-defined]  # the driver's own

    return engine


def _sqlite(url: URL, waited: Waited | None) -> Engine:
    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=SPARE_CONNECTIONS,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
        execution_options={WAITED: waited},
        # The transactions are ours (below); Python's module would begin them too late.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": LOCK_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def _settings(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's own
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Whoever will write takes the lock first: what it reads is then what it writes on top of.
        writes = connection.get_execution_options().get("onestop_writes", True)
        if not writes:
            connection.exec_driver_sql("BEGIN")
            return
        began = time.perf_counter()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            tell_wait(connection, time.perf_counter() - began)

    return engine
