"""Reads the whole ledger through: all records by person-year in their order, as they are, whatever was done to them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from functools import cache
from itertools import compress, groupby, pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from sqlalchemy import bindparam, cast, exc, func, literal, null, select, text, union_all

from app.settlement.year import YearToDate
from app.store.person_years import YearState
from app.store.settlements import IS_REVERSED, PersonYear, Record, Reversal, record_of, reversal_of
from app.store.tables import BEFORE, person_years, raw, reversals, settlements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import Column, ColumnElement, Connection, Executable, Select, Table

    from app.store.ledger import Ledger

Result = TypeVar("Result")

ROWS_AT_ONCE: Final = 200
# A pseudonym begins with two of these; 64 parts keep all cores busy until nearly the end.
_DIGITS: Final = "0123456789abcdef"


class LedgerUnreadable(Exception):
    """The database itself says that it is damaged, or cannot be read. Says in one line what it said."""


def read_through(ledger: Ledger, work: Callable[[Connection], Result]) -> Result:
    """Run a long piece of reading on one state of the ledger, which cannot change anything and may take its time.

    Raises `LedgerUnreachable`, `LedgerBusy`, `LedgerUnreadable`.
    """

    def whole(connection: Connection) -> Result:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET LOCAL {limit} = 0"))
        else:
            connection.execute(text("PRAGMA query_only = ON"))
        try:
            with lenient_texts(connection):
                return work(connection)
        finally:
            if connection.dialect.name == "sqlite":
                connection.execute(text("PRAGMA query_only = OFF"))

    try:
        return ledger.read(whole)
    except exc.DBAPIError as error:
        raise LedgerUnreadable(str(error.orig).partition("\n")[0]) from error


def in_pieces(connection: Connection, query: Executable, values: Mapping[str, Any] | None = None) -> Iterable[Any]:
    """Run a query whose rows come some at a time. Said of the query: of the connection it would be said for good."""
    return connection.execute(query, values, execution_options={"yield_per": ROWS_AT_ONCE})


@contextmanager
def lenient_texts(connection: Connection) -> Iterator[None]:
    """A flipped bit may leave what is no text at all: in this block it is read as changed, not stumbled over."""
    if connection.dialect.name == "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    strict, driver.text_factory = driver.text_factory, _lenient
    try:
        yield
    finally:
        driver.text_factory = strict


def _lenient(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


class Slice(NamedTuple):
    """Some of the person-years: those of the pseudonyms from `begins` on and before `ends`; "" is no bound."""

    begins: str
    ends: str


WHOLE: Final = Slice("", "")


def slices() -> list[Slice]:
    """Parts of the ledger that together are all of it, about equal in size: pseudonyms are as good as random."""
    bounds = ["", *[first + second for first in _DIGITS for second in "048c"][1:], ""]
    return [Slice(begins, ends) for begins, ends in pairwise(bounds)]


class Chained(NamedTuple):
    """A record and its hash as stored."""

    record: Record | Reversal
    record_hash: str


class Unreadable(NamedTuple):
    """A row with a value that we never write, such as text in a column of numbers."""

    kind: Literal["settlement", "reversal", "person-year"]
    record_id: str
    column: str


ChainRow = Chained | YearState | Unreadable


def chains(connection: Connection, part: Slice = WHOLE) -> Iterator[tuple[PersonYear, Iterator[ChainRow]]]:
    """Each person-year with its records in the order of their sequence, and somewhere between them its state's row."""
    query = _chain_query((bool(part.begins), bool(part.ends)))
    rows = in_pieces(connection, query, part._asdict())
    keyed = groupby(rows, key=lambda row: tuple(row[_KEY]))
    for key, group in keyed:
        yield PersonYear(*key), (_chain_row(dict(zip(_NAMES, row, strict=True))) for row in group)


def count_records(connection: Connection) -> int:
    """How many settlements and reversals there are."""
    return sum(connection.execute(select(func.count()).select_from(each)).scalar_one() for each in _RECORDS)


def count_bills_in_force(connection: Connection) -> int:
    """How many settlements are not reversed."""
    query = select(func.count()).select_from(settlements).where(~IS_REVERSED)
    return int(connection.execute(query).scalar_one())


def bills_in_force(connection: Connection) -> Iterator[Record]:
    """The unreversed settlements in the order in which they were recorded. Raises `LedgerUnreadable`."""
    query = (
        select(*[raw(settlements.c[name]) for name in _SETTLEMENT]).where(~IS_REVERSED).order_by(settlements.c.ordinal)
    )
    for row in in_pieces(connection, query):
        read = _chain_row(dict(zip(_SETTLEMENT, row, strict=True)) | {"kind": "settlement"})
        if isinstance(read, Unreadable):
            raise LedgerUnreadable(f"settlement {read.record_id}: {read.column} holds what is never written there")
        assert isinstance(read, Chained), "a settlement's row"
        assert isinstance(read.record, Record), "a settlement's row"
        yield read.record


_RECORDS: Final = (settlements, reversals)
_SETTLEMENT: Final = [column.name for column in settlements.c if column.name != "ordinal"]
_STATE: Final = dict(zip(BEFORE, YearToDate._fields, strict=True))
# What a reversal has and a settlement has not; its `reversed_at` stands under `settled_at`.
_OF_REVERSALS: Final = ("reversal_id", "reason")
_NAMES: Final = ("kind", *_SETTLEMENT, *_OF_REVERSALS)
_KEY: Final = slice(_NAMES.index("person"), _NAMES.index("scheme") + 1)


@cache
def _chain_query(part: tuple[bool, bool]) -> Any:  # noqa: ANN401 # a compound select of SQLAlchemy's
    """One statement, so that records and state are of one moment; each table is read along its own unique key.

    `part` says which of a slice's bounds there are. Put together once: that takes longer than running it.
    """
    every = union_all(
        _select_within(part, settlements, "settlement", {}),
        _select_within(part, reversals, "reversal", {"settled_at": "reversed_at"}),
        _select_within(part, person_years, "person-year", _STATE),
    )
    return every.order_by("person", "insurance_year", "scheme", "sequence")


def _select_within(part: tuple[bool, bool], table: Table, kind: str, other_names: dict[str, str]) -> Select[Any]:
    columns: list[ColumnElement[Any]] = [literal(kind).label("kind")]
    for name in _NAMES[1:]:
        own = other_names.get(name, name)
        column = raw(table.c[own]) if own in table.c else cast(null(), _column(name).type)
        columns.append(column.label(name))
    bounds = (table.c.person >= bindparam("begins"), table.c.person < bindparam("ends"))
    return select(*columns).where(*compress(bounds, part))


def _column(name: str) -> Column[Any]:
    return reversals.c[name] if name in _OF_REVERSALS else settlements.c[name]


def _expected(names: tuple[str, ...] | list[str]) -> dict[str, type]:
    return {name: _column(name).type.python_type for name in names}


_CHAIN: Final = ("person", "insurance_year", "scheme", "sequence", "record_hash")
_TYPES: Final[dict[str, dict[str, type]]] = {
    "settlement": _expected(_SETTLEMENT),
    "reversal": _expected(["settlement_id", "settled_at", "previous_hash", "answer", *_CHAIN, *_OF_REVERSALS]),
    "person-year": _expected([*_CHAIN, *BEFORE]),
}


def _chain_row(row: dict[str, Any]) -> ChainRow:
    kind = row["kind"]
    if kind == "settlement":
        row["discharged_on"] = _day(row["discharged_on"])
    for name, expected in _TYPES[kind].items():
        if type(row[name]) is not expected and not (name == "replaces" and row[name] is None):
            return Unreadable(kind, str(row.get("reversal_id") or row["settlement_id"] or ""), name)
    if kind == "settlement":
        return Chained(record_of(row), row["record_hash"])
    if kind == "reversal":
        return Chained(reversal_of(row | {"reversed_at": row["settled_at"]}), row["record_hash"])
    return YearState(YearToDate._make(row[name] for name in BEFORE), row["sequence"], row["record_hash"])


def _day(value: object) -> object:
    """A day as SQLite has it, `2018-06-15` and nothing else that would mean the same, or as PostgreSQL gives it."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return day if str(day) == str(value) else value
