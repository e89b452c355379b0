"""The ledger of the settings, opened for a command: what goes wrong becomes one line and an exit status."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from app.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.access.pseudonyms import Pseudonyms
    from app.store.audit import By
    from app.store.jobs import JobName
    from app.store.ledger import Ledger

FOUND_EXIT: Final = 1
USAGE_EXIT: Final = 2


@contextmanager
def opened_ledger(command: str, *, at_head: bool = False) -> Iterator[Ledger]:
    """Open the ledger that the settings name; with `at_head` one that is there, with this release's schema."""
    from app.store import schema
    from app.store.backup import BackupFailed
    from app.store.ledger import LedgerBusy, LedgerUnreachable, OutcomeUnknown
    from app.store.reasons import place_of, reason_of
    from app.store.replay import LedgerUnreadable

    ledger = _ledger(command)
    try:
        if at_head:
            if ledger.is_new_file:
                fail(command, f"{place_of(ledger)}: there is no database file yet: run `onestop db upgrade`")
            schema.check(ledger)
        yield ledger
    except (schema.SchemaDiffers, LedgerUnreadable, BackupFailed) as error:
        fail(command, f"{place_of(ledger)}: {error}")
    except (LedgerUnreachable, LedgerBusy, OutcomeUnknown) as error:
        fail(command, f"{place_of(ledger)}: {reason_of(error, ledger)}")
    finally:
        ledger.close()


def fail(command: str, message: str, status: int = USAGE_EXIT) -> NoReturn:
    """Say in one line why a command ends here."""
    typer.echo(f"onestop {command}: {message}", err=True)
    raise typer.Exit(status)


def clock() -> datetime:
    """The time, for use cases."""
    return datetime.now(UTC)  # noqa: TID251 # a door: it hands the clock in


def note_end(command: str, ledger: Ledger, job: JobName, records: int, faults: int) -> None:
    """Note in the ledger that a job has ended. What it did stands, noted or not."""
    from app.store import schema
    from app.store.ledger import LedgerBusy, LedgerUnreachable, OutcomeUnknown
    from app.usecases.jobs import end_job

    try:
        # One that is still to be upgraded has no place for it.
        if schema.current(ledger) == schema.head():
            end_job(ledger, clock, job, records, faults)
    except (LedgerBusy, LedgerUnreachable, OutcomeUnknown):
        typer.echo(f"onestop {command}: done, but /metrics does not know: the ledger could not note it", err=True)


def operator() -> By:
    """Who asks where the operator types a command, as the audit has it."""
    from app.store.audit import By

    return By("command line", "admin")


def pseudonyms_of(command: str) -> Pseudonyms:
    """The pseudonyms under the keys of the settings."""
    from app.access.pseudonyms import Pseudonyms

    try:
        return Pseudonyms(*read_settings().pii_keys)
    except SettingsError as error:
        fail(command, str(error))


def _ledger(command: str) -> Ledger:
    from sqlalchemy import exc

    from app.store.ledger import Ledger

    try:
        return Ledger(read_settings().database_url)
    except SettingsError as error:
        fail(command, str(error))
    except OSError as error:
        fail(command, f"{error.filename}: {error.strerror}")
    except (exc.ArgumentError, ValueError):
        # Their own words may hold the password.
        fail(command, "ONESTOP_DATABASE_URL: expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
