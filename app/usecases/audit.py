"""The audit (审计), for whoever watches over the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.store.audit import list_audit, note
from app.usecases.moments import time_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.store.audit import AuditFilter, By, Entry
    from app.store.ledger import Ledger
    from app.usecases.moments import Clock


def read_audit(ledger: Ledger, clock: Clock, wanted: AuditFilter, limit: int, by: By) -> list[tuple[int, Entry]]:
    """Lines of the audit with their ordinals, the newest first; that they were read is the next line."""

    def work(connection: Connection) -> list[tuple[int, Entry]]:
        found = list_audit(connection, wanted, limit)
        note(connection, by, time_text(clock()), "audit.listed")
        return found

    return ledger.write(work)
