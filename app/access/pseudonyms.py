"""Pseudonyms (假名): a person and a request as the ledger knows them, under a key that the database does not have."""

from __future__ import annotations

import hmac
from typing import Final

# Without ONESTOP_PII_KEY the service listens on loopback alone; whoever can read this file can try out every id number.
_NO_SECRET: Final = b"onestop: a development key, known to everybody"


class Pseudonyms:
    """HMAC-SHA-256 under one key; `key_id` names the key without telling it."""

    def __init__(self, key: str | None = None) -> None:
        secret = key.encode() if key else _NO_SECRET
        self._person, self._request = _keyed(secret, b"person"), _keyed(secret, b"request")
        self._bearer = _keyed(secret, b"bearer")
        self.key_id = _keyed(secret, b"key").hexdigest()[:8]

    def person(self, person_id: str) -> str:
        """The pseudonym of a person, 64 hexadecimal digits: the same id gives the same one."""
        return _digest(self._person, person_id.encode())

    def bearer(self, issuer: str, subject: str) -> str:
        """The name of a token's bearer in logs and in the audit: one for each subject of an issuer."""
        said = f"{issuer}\n{subject}".encode()
        return f"oidc-{_digest(self._bearer, said)[:16]}"

    def fingerprint(self, values: bytes) -> str:
        """The fingerprint of a request's values, names included, which nobody can guess back."""
        return _digest(self._request, values)


def _keyed(secret: bytes, purpose: bytes) -> hmac.HMAC:
    return hmac.new(secret, purpose + b"\0", "sha256")


def _digest(keyed: hmac.HMAC, message: bytes) -> str:
    # A copy of a keyed one: the key is not worked in anew each time.
    started = keyed.copy()
    started.update(message)
    return started.hexdigest()
