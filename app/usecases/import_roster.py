"""Import a roster (身份标注): the whole of it in one transaction, or nothing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from app.store import roster
from app.store.audit import note
from app.store.person_keys import hold_keys
from app.store.roster import Roster
from app.usecases.moments import time_text
from app.usecases.rekey_persons import check_at_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from sqlalchemy import Connection

    from app.access.pseudonyms import Pseudonyms
    from app.store.audit import By
    from app.store.ledger import Ledger
    from app.store.roster import RosterEntry
    from app.usecases.moments import Clock

ERRORS_SHOWN: Final = 1_000
_ROWS_AT_ONCE: Final = 5_000


class RowError(NamedTuple):
    """What is wrong in a row, in which column ("" for the whole of it), and what was expected; never a value."""

    row: int
    column: str
    expected: str


class RosterRefused(Exception):
    """Rows are wrong, nothing is imported: the first thousand errors, and how many there are."""

    def __init__(self, errors: list[RowError], count: int) -> None:
        super().__init__()
        self.errors = errors
        self.count = count


class RosterToImport(NamedTuple):
    """A roster: its rows and errors as they come (`rows` may be walked again), its day and its file's hash.

    `rows` take what makes a pseudonym of a person's id.
    """

    rows: Callable[[Callable[[str], str]], Iterable[RosterEntry | RowError]]
    as_of: date
    hash: str


def import_roster(ledger: Ledger, clock: Clock, what: RosterToImport, pseudonyms: Pseudonyms, by: By) -> Roster:
    """Import a roster; it counts from then on.

    Raises `RosterRefused`, `KeyUnknown` where the ledger's persons are under another key or on their way to one, and
    what `Ledger.write` raises.
    """
    at = time_text(clock())
    # In a transaction of its own: where the ledger knows no person yet, all who settle would wait for the whole import.
    ledger.write(lambda connection: hold_keys(connection, pseudonyms.key_ids[-1]))

    def work(connection: Connection) -> Roster:
        roster.let_import_take_time(connection)
        keys = hold_keys(connection, pseudonyms.key_ids[-1])
        check_at_rest(keys, pseudonyms)
        under = pseudonyms.key_ids.index(keys.key_id)
        number = roster.open_roster(connection, at)
        rows, errors = _Errors.of(what.rows(lambda person_id: pseudonyms.persons(person_id)[under]))
        count = 0
        while entries := list(islice(rows, _ROWS_AT_ONCE)):
            count += len(entries)
            if not errors.count:
                roster.add_entries(connection, number, keys.key_id, entries)
        if not errors.count:
            for row in roster.overlapping(connection, number, ERRORS_SHOWN):
                errors.add(RowError(row, "valid_from", "days that no other row of the same person has"))
        if errors.count:
            raise RosterRefused(errors.found, errors.count)
        made = Roster(at, what.as_of, count, what.hash)
        roster.close_roster(connection, number, made)
        note(connection, by, at, "roster.imported", what.hash)
        return made

    return ledger.write(work)


class _Errors:
    """Errors, counted; the first thousand are kept."""

    def __init__(self) -> None:
        self.found: list[RowError] = []
        self.count = 0

    def add(self, error: RowError) -> None:
        self.count += 1
        if len(self.found) < ERRORS_SHOWN:
            self.found.append(error)

    @classmethod
    def of(cls, rows: Iterable[RosterEntry | RowError]) -> tuple[Iterator[RosterEntry], _Errors]:
        """The rows without the errors, which are put aside as they come by."""
        errors = cls()

        def right() -> Iterator[RosterEntry]:
            for row in rows:
                if isinstance(row, RowError):
                    errors.add(row)
                else:
                    yield row

        return right(), errors


class Standing(NamedTuple):
    """All imports, the newest first, and how many rows the newest has of each status."""

    rosters: list[Roster]
    by_status: dict[str, int]


def roster_standing(ledger: Ledger) -> Standing:
    """How the roster stands."""
    return ledger.read(lambda connection: Standing(roster.list_rosters(connection), roster.count_by_status(connection)))
