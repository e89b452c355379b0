"""Pseudonyms (假名): a person and a request as the ledger knows them, under a key that the database does not have."""

from __future__ import annotations

import hmac
from typing import Final

# Without ONESTOP_PII_KEY the service listens on loopback alone; whoever can read this file can try out every id number.
_NO_SECRET: Final = b"onestop: a development key, known to everybody"


class Pseudonyms:
    """HMAC-SHA-256 under one key; `key_id` names the key without telling it."""

    def __init__(self, key: str | None = None) -> None:
        self._key = key.encode() if key else _NO_SECRET
        self.key_id = self._digest(b"key", b"")[:8]

    def person(self, person_id: str) -> str:
        """The pseudonym of a person, 64 hexadecimal digits: the same id gives the same one."""
        return self._digest(b"person", person_id.encode())

    def fingerprint(self, values: bytes) -> str:
        """The fingerprint of a request's values, names included, which nobody can guess back."""
        return self._digest(b"request", values)

    def _digest(self, purpose: bytes, message: bytes) -> str:
        return hmac.digest(self._key, purpose + b"\0" + message, "sha256").hex()
