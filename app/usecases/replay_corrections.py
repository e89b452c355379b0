"""Hold what corrections answered against the records that they made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.store.replay_beside import (
    Corrected,
    corrected_settlement,
    correction_rows,
    count_replacing,
    reversed_why,
)
from app.store.settlements import Correction
from app.usecases.faults import Fault, Faults
from app.usecases.recording import Change

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.usecases.recording import Wire
    from app.usecases.replay_settlement import Reading


def check_corrections(connection: Connection, wire: Wire, reading: Reading, faults: Faults) -> None:
    """Write each correction's answer again from its records, and see that no correction is missing."""
    named = 0
    for row in correction_rows(connection):
        try:
            pairs = reading.corrected(row.answer)
        except (TypeError, ValueError):
            faults.add(Fault("correction", str(row.settlement_id), "", "the answer cannot be read back"))
            continue
        named += len(pairs)
        for what in _wrong_with(connection, row, pairs, wire):
            faults.add(Fault("correction", str(row.settlement_id), "", what))
    replacing, replaced = count_replacing(connection)
    if replacing != named:
        what = f"{replacing} settlements replace others, and the corrections name {named}: one is missing or inserted"
        faults.add(Fault("correction", "", "", what))
    if replaced != replacing:
        what = f"{replacing} settlements replace {replaced} others: one of these was replaced twice"
        faults.add(Fault("correction", "", "", what))


def _wrong_with(connection: Connection, row: Correction, pairs: list[tuple[str, str]], wire: Wire) -> list[str]:
    olds = [corrected_settlement(connection, old) for old, _ in pairs]
    news = [corrected_settlement(connection, new) for _, new in pairs]
    wrong = []
    if not pairs or pairs[0][0] != row.settlement_id:
        wrong.append("settlement_id is not that of the settlement which the answer corrects")
    elif news[0] is None or news[0].fingerprint != row.fingerprint:
        wrong.append("fingerprint is not that of the request which was settled instead")
    if olds and olds[0] is not None and olds[0].insurance_year != row.insurance_year:
        wrong.append("insurance_year is not that of the settlement which it corrects")
    if [new and new.replaces for new in news] != [old for old, _ in pairs]:
        wrong.append("the answer names settlements that do not replace the old ones")
    if reversed_why(connection, row.settlement_id) != (row.corrected_at, row.reason):
        wrong.append("corrected_at or reason is not that of the reversal which it made")
    if _answer_again(pairs, olds, news, wire) != row.answer:
        wrong.append("the answer differs from the one written again")
    return wrong


def _answer_again(
    pairs: list[tuple[str, str]], olds: list[Corrected | None], news: list[Corrected | None], wire: Wire
) -> bytes | None:
    changes = []
    for (old_id, new_id), old, new in zip(pairs, olds, news, strict=True):
        if old is None or new is None:
            return None
        changes.append(Change(old.bill_id, old_id, old.payers, new_id, new.payers))
    try:
        return wire.write_correction(changes)
    except (TypeError, ValueError):
        # Amounts that are no numbers.
        return None
