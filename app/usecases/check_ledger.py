"""Check a ledger: reachable, at the release's schema, set to be durable, and its small tables equal to its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.store import schema
from app.store.checks import broken_sequences, damage, durability, year_ends, years_without_row
from app.store.ledger import LedgerBusy, LedgerUnreachable
from app.store.reasons import reason_of
from app.store.replay import LedgerUnreadable, read_through
from app.usecases.faults import Fault, Faults, shortened
from app.usecases.replay_ledger import check_open_bills

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from app.store.checks import YearEnd
    from app.store.ledger import Ledger
    from app.usecases.replay_settlement import Reading


class Check(NamedTuple):
    """One check: its name, and what is wrong, nothing where all is well; None where it could not be looked at."""

    name: str
    wrong: list[str] | None


OTHERS: Final = ("durability", "damage", "chains", "person-years", "open bills")

_MOST_WORDS: Final = 5


def check_ledger(ledger: Ledger, reading: Reading) -> Iterator[Check]:
    """Make all checks, the quick ones first; after one without which the others say nothing these are not made."""
    unreachable = _reach(ledger)
    yield Check("reachable", unreachable)
    differs = None if unreachable else _schema(ledger)
    yield Check("schema", differs)
    makers: tuple[Callable[[Connection], list[str]], ...] = (
        durability,
        damage,
        _chains,
        lambda connection: _years(connection, reading),
        _open_bills,
    )
    for name, make in zip(OTHERS, makers, strict=True):
        yield Check(name, None if unreachable or differs else _look(ledger, make))


def _reach(ledger: Ledger) -> list[str]:
    if ledger.is_new_file:
        return ["there is no database file yet: run `onestop db upgrade`"]
    try:
        schema.current(ledger)
    except (LedgerUnreachable, LedgerBusy) as error:
        return [reason_of(error, ledger)]
    return []


def _schema(ledger: Ledger) -> list[str]:
    try:
        schema.check(ledger)
    except schema.SchemaDiffers as error:
        return [str(error)]
    return []


def _look(ledger: Ledger, make: Callable[[Connection], list[str]]) -> list[str]:
    try:
        return read_through(ledger, make)
    except (LedgerUnreachable, LedgerBusy, LedgerUnreadable) as error:
        return [reason_of(error, ledger)]


def _chains(connection: Connection) -> list[str]:
    return _some(
        f"{shortened(person_year)}: {count} records, numbered from {lowest} to {highest}"
        for person_year, lowest, highest, count in broken_sequences(connection)
    )


def _years(connection: Connection, reading: Reading) -> list[str]:
    def wrong() -> Iterator[str]:
        for end in year_ends(connection):
            what = _wrong_end(end, reading)
            if what:
                yield f"{shortened(end.person_year)}: {what}"
        for person_year in years_without_row(connection):
            yield f"{shortened(person_year)}: it has records, and no row"

    return _some(wrong())


def _wrong_end(end: YearEnd, reading: Reading) -> str:
    if end.record_hash is None:
        return f"its last record, number {end.state.sequence}, is missing"
    if end.record_hash != end.state.record_hash:
        return "record_hash is not its last record's"
    try:
        sums = reading.year_after(end.answer) if end.answer is not None else end.sums_before
    except ValueError:
        return "its last record's answer cannot be read"
    return "" if sums == end.state.sums else "its sums are not what its last record leaves"


def _open_bills(connection: Connection) -> list[str]:
    faults = Faults()
    check_open_bills(connection, faults)
    return _some(_words(fault) for fault in faults.found)


def _words(fault: Fault) -> str:
    return f"{fault.record_id}: {fault.what}"


def _some(wrong: Iterator[str]) -> list[str]:
    """The first few, and how many more there are."""
    shown: list[str] = []
    more = 0
    for each in wrong:
        if len(shown) < _MOST_WORDS:
            shown.append(each)
        else:
            more += 1
    return [*shown, f"and {more:,} more"] if more else shown
