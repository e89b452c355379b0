"""Under which pseudonyms a person may be found in the ledger now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.store.ledger import LedgerUnreachable
from app.store.person_keys import read_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


class KeyMissing(LedgerUnreachable):
    """The persons of the ledger are under a key that is not at hand: nobody can be found."""


def known_persons(connection: Connection, named: Mapping[str, str]) -> list[str]:
    """The pseudonyms of a person under the ledger's key and those after it; `named` has them by key, oldest first.

    Persons move from earlier keys to later ones alone: whoever looks under each in this order misses nobody. Raises
    `KeyMissing`: under another key everybody would be unknown.
    """
    keys = read_keys(connection)
    if keys is None:
        return list(named.values())
    if keys.key_id not in named or (keys.next_id is not None and keys.next_id not in named):
        raise KeyMissing("the persons are under another key")
    return list(named.values())[list(named).index(keys.key_id) :]
