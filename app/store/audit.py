"""The audit (审计): who read or did what, when, with which key, from where, and of which record. Only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, insert, select

from app.store.tables import audit
from app.store.together import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection


class By(NamedTuple):
    """Who asks: the key's id and role, the network address ("" where there is none), the request's id."""

    key_id: str
    role: str
    client: str = ""
    request_id: str = ""


class Entry(NamedTuple):
    """One line of the audit; `record` is the id of what it is about, None where that is no single record."""

    at: str
    action: str
    key_id: str
    role: str
    client: str
    request_id: str
    record: str | None


_ADD: Final = insert(audit).values({name: bindparam(name) for name in Entry._fields})


def noting(by: By, at: str, action: str, record: str | None = None) -> Statement:
    """The statement that adds a line, in the transaction of what it tells."""
    return Statement(_ADD, Entry(at, action, by.key_id, by.role, by.client, by.request_id, record)._asdict())


def note(connection: Connection, by: By, at: str, action: str, record: str | None = None) -> None:
    """Add a line."""
    connection.execute(*noting(by, at, action, record))


class AuditFilter(NamedTuple):
    """Which lines a list shows; times are texts of UTC, `until` is left out; `before` is the last ordinal seen."""

    since: str | None = None
    until: str | None = None
    key_id: str | None = None
    action: str | None = None
    record: str | None = None
    before: int | None = None


def list_audit(connection: Connection, wanted: AuditFilter, limit: int) -> list[tuple[int, Entry]]:
    """List lines with their ordinals, the newest first, so that new ones don't disturb whoever reads on."""
    table = audit.c
    conditions = []
    for column, value in ((table.key_id, wanted.key_id), (table.action, wanted.action), (table.record, wanted.record)):
        if value is not None:
            conditions.append(column == value)
    if wanted.since is not None:
        conditions.append(table.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(table.at < wanted.until)
    if wanted.before is not None:
        conditions.append(table.ordinal < wanted.before)
    columns = [table[name] for name in Entry._fields]
    rows = connection.execute(
        select(table.ordinal, *columns).where(*conditions).order_by(table.ordinal.desc()).limit(limit)
    )
    return [(row[0], Entry(*row[1:])) for row in rows]
