"""Whether bills can be settled and recorded, and if not, what stands in the way, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api import problems
from app.store import schema
from app.usecases.rekey_persons import KeyUnknown, check_person_keys

if TYPE_CHECKING:
    from app.api.state import Parts


def missing(parts: Parts) -> problems.Document | None:
    """What stands in the way; None where nothing does. Raises as `Ledger.read`."""
    if parts.now.is_draining:
        return problems.document(problems.DRAINING, "Not ready: it was asked to stop, and finishes what it has begun.")
    ledger = parts.recorder.ledger
    try:
        schema.check(ledger)
        check_person_keys(ledger, parts.pseudonyms)
    except (schema.SchemaDiffers, KeyUnknown) as error:
        return problems.document(problems.LEDGER_UNREACHABLE, f"Not ready: {error}.")
    return None
