"""The audit in the database: it only grows, and stands or falls with what it tells."""

from __future__ import annotations

import pytest
from sqlalchemy import exc, text

from app.store.tables import audit, settlements
from tests.store.desk import Desk, bill


def test_no_line_can_be_changed_or_removed(desk: Desk) -> None:
    desk.record(bill())
    for statement in ("UPDATE audit SET role = 'ops'", "DELETE FROM audit"):
        with desk.ledger.engine.connect() as connection, pytest.raises(exc.DBAPIError, match="this table only grows"):
            connection.execute(text(statement))


def test_a_line_stands_or_falls_with_what_it_tells(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("app.usecases.settle_bill.noting", breaks)
    with pytest.raises(InterruptedError):
        desk.record(bill())
    assert desk.rows(settlements) == []


def test_a_retry_adds_a_line_and_nothing_else(desk: Desk) -> None:
    desk.record(bill())
    recorded = desk.dump()
    desk.settle(bill())
    assert desk.dump() == recorded
    assert [line["action"] for line in desk.rows(audit)] == ["settlement.recorded", "settlement.replayed"]
