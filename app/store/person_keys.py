"""Under which key the ledger's persons are (假名密钥), and that it stays so while somebody writes about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, literal_column, select, text, update

from app.store.tables import insert_if_absent, person_keys
from app.store.together import Statement, run_together

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.together import Row

# Any number that nobody else locks.
_LOCK: Final = 6_367_887_002
# Whoever waits for all others makes those that come behind him wait.
_WAIT: Final = "200ms"


class PersonKeys(NamedTuple):
    """The key of the persons; while they are moved to the next one, those up to `moved_to` are under that."""

    key_id: str
    next_id: str | None = None
    moved_to: str = ""


# Put together once: that takes longer than running them.
_STATE: Final = select(*[person_keys.c[name] for name in PersonKeys._fields])
_HOLD: Final = select(func.pg_advisory_xact_lock_shared(literal_column(str(_LOCK))))
_BEGIN: Final = insert_if_absent(person_keys)


def holding_keys(connection: Connection) -> tuple[Statement, ...]:
    """The statements that keep every person's key as it is until the end of the transaction; the last gives them.

    Whoever writes about a person runs them first.
    """
    state = Statement(_STATE, {})
    # SQLite has one writer at a time.
    return (Statement(_HOLD, {}), state) if connection.dialect.name == "postgresql" else (state,)


def keys_of(connection: Connection, row: Row | None, newest: str) -> PersonKeys:
    """The keys from their row; in a ledger that knows no person yet, the caller's newest one from now on."""
    if row is None:
        values = PersonKeys(newest)._asdict() | {"one": 1}
        connection.execute(_BEGIN[connection.dialect.name], values)
        row = tuple(connection.execute(_STATE).one())
    return PersonKeys(*row)


def hold_keys(connection: Connection, newest: str) -> PersonKeys:
    """Keep every person's key as it is until the end of the transaction."""
    *_, row = run_together(connection, holding_keys(connection))
    return keys_of(connection, row, newest)


def kept_keys(connection: Connection) -> PersonKeys | None:
    """As `hold_keys`, for whoever only reads; None where the ledger knows no person yet."""
    *_, row = run_together(connection, holding_keys(connection))
    return None if row is None else PersonKeys(*row)


def read_keys(connection: Connection) -> PersonKeys | None:
    """The keys as they are at this moment; None where the ledger knows no person yet."""
    row = connection.execute(_STATE).one_or_none()
    return None if row is None else PersonKeys(*row)


def take_keys(connection: Connection) -> PersonKeys | None:
    """Wait until nobody writes about a person, and let nobody begin to until the end of the transaction.

    The database's own error for a lock that does not come in time is raised soon: then it is time to let others go on.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT}'"))
        connection.execute(select(func.pg_advisory_xact_lock(literal_column(str(_LOCK)))))
    return read_keys(connection)


def set_keys(connection: Connection, keys: PersonKeys) -> None:
    """Say under which keys the persons are."""
    connection.execute(update(person_keys).values(keys._asdict()))
