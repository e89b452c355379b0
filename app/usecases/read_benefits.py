"""The ledger of benefits (管理台账): what each person of the roster got in a year."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.store import roster
from app.store.audit import note
from app.store.ledger import LedgerBusy
from app.store.person_keys import kept_keys
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.audit import By
    from app.store.roster import Benefits
    from app.usecases.recording import Recorder


class Asked(NamedTuple):
    """Whose benefits: the insurance year, and the county or None for all."""

    year: int
    county: str | None


def list_benefits(recorder: Recorder, asked: Asked, after: str, limit: int, by: By) -> list[Benefits]:
    """A page, in the order of the persons' pseudonyms, behind one of them."""

    def work(connection: Connection) -> list[Benefits]:
        note(connection, by, time_text(recorder.clock()), "benefits.listed")
        return _read(connection, asked, after, limit)

    return recorder.ledger.write(work)


def begin_export(recorder: Recorder, asked: Asked, limit: int, by: By) -> list[Benefits]:
    """The first piece of an export, and the line in the audit that tells of it."""

    def work(connection: Connection) -> list[Benefits]:
        note(connection, by, time_text(recorder.clock()), "benefits.exported")
        return _read(connection, asked, "", limit)

    return recorder.ledger.write(work)


def go_on_exporting(recorder: Recorder, asked: Asked, after: str, limit: int) -> list[Benefits]:
    """The next piece."""
    return recorder.ledger.read(lambda connection: _read(connection, asked, after, limit))


def _read(connection: Connection, asked: Asked, after: str, limit: int) -> list[Benefits]:
    # Nobody moves between the two halves of a page; from page to page the order would not be the same.
    keys = kept_keys(connection)
    if keys is not None and keys.next_id is not None:
        raise LedgerBusy("the persons are on their way to another key")
    return roster.list_benefits(connection, asked.year, asked.county, after, limit)
