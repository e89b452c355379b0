"""A copy of an embedded database (SQLite) while others write to it: one state of it, whole or not there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.store.ledger import Ledger

_PAGES_AT_ONCE: Final = 1_000
_LOCK_SECONDS: Final = 10


class BackupFailed(Exception):
    """There is no copy. Says in one line why."""


def back_up(ledger: Ledger, target: Path, show: Callable[[int, int], None]) -> str:
    """Copy the ledger's file; what was acknowledged before this began is in it. The version of the copy's schema.

    The copy is written beside the target, checked, forced to the disk, and only then has its name. `show` is told the
    pages done and the pages there are. Raises `BackupFailed`.
    """
    source = Path(str(ledger.engine.url.database))
    part = target.with_name(f"{target.name}.{token_hex(4)}.part")
    try:
        # For the same eyes as the ledger, from the beginning.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(source, part, show)
        version = _check(part)
        shutil.copymode(source, part)
        _force(part)
        part.replace(target)
        _force(target.parent)
    except sqlite3.Error as error:
        raise BackupFailed(str(error)) from error
    except OSError as error:
        raise BackupFailed(f"{error.filename or target}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return version


def _copy(source: Path, part: Path, show: Callable[[int, int], None]) -> None:
    with (
        closing(sqlite3.connect(source, isolation_level=None, timeout=_LOCK_SECONDS)) as ledger,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
    ):
        # Inside of one reading transaction others go on writing, and the copy never has to begin again.
        ledger.execute("BEGIN")
        ledger.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        ledger.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda _status, left, pages: show(pages - left, pages))
        ledger.execute("ROLLBACK")


def _check(part: Path) -> str:
    # Nobody else has it, so no files of a running database appear beside it.
    with closing(sqlite3.connect(f"{part.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise BackupFailed(f"the copy is damaged, and so is the ledger perhaps: {found}")
        return str(copy.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
