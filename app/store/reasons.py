"""Says in one line, for people, which database it is and why it could not do what was asked; never a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exc

if TYPE_CHECKING:
    from app.store.ledger import Ledger


def reason_of(error: Exception, ledger: Ledger) -> str:
    """Our own words for an error of the ledger, and the first line of the driver's."""
    driver = _said_by(error.__cause__)
    words = f"{error}: {driver}" if driver else str(error)
    url = ledger.engine.url
    for secret in (url.password, url.query.get("password")):
        if isinstance(secret, str) and secret:
            words = words.replace(secret, "***")
    return words


def _said_by(cause: BaseException | None) -> str:
    if isinstance(cause, OSError):
        return f"{cause.filename}: {cause.strerror}"
    said = str(cause.orig) if isinstance(cause, exc.DBAPIError) else ""
    return said.strip().partition("\n")[0]


def place_of(ledger: Ledger) -> str:
    """Which database it is: SQLite's file, or PostgreSQL's host and database."""
    url = ledger.engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database or "a database in memory")
    host = url.host or url.query.get("host") or "the local PostgreSQL"
    return f"{host if isinstance(host, str) else ','.join(host)}/{url.database or ''}"
