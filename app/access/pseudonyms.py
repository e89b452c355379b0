"""Pseudonyms (假名): a person and a request as the ledger knows them, under keys that the database does not have.

The ids themselves are stored nowhere, so a later key works on what the earlier one made of them: a pseudonym under the
second key is the HMAC of the pseudonym under the first. Whoever has learnt an earlier key alone can try out nothing.
"""

from __future__ import annotations

import hmac
from typing import Final

# Without ONESTOP_PII_KEY the service listens on loopback alone; whoever can read this file can try out every id number.
_NO_SECRET: Final = b"onestop: a development key, known to everybody"


class Pseudonyms:
    """HMAC-SHA-256 under one key, or under several on top of each other, the oldest first.

    A key of None is none: the one that everybody knows. `key_ids` name each key without telling it, and with it those
    that came before: without these, or in another order, it would make other pseudonyms.
    """

    def __init__(self, *keys: str | None) -> None:
        self._keys = [_Key(key) for key in keys or (None,)]
        self.key_ids = tuple(digest[:8] for digest in self._under_each(_KEY, b""))

    def person(self, person_id: str) -> str:
        """The pseudonym of a person under the newest key, 64 hexadecimal digits: the same id gives the same one."""
        return self.persons(person_id)[-1]

    def persons(self, person_id: str) -> tuple[str, ...]:
        """The pseudonyms of a person under each key, the oldest first."""
        return self._under_each(_PERSON, person_id.encode())

    def named(self, person_id: str) -> dict[str, str]:
        """The pseudonyms of a person by the ids of their keys, the oldest first."""
        return dict(zip(self.key_ids, self.persons(person_id), strict=True))

    def fingerprints(self, values: bytes) -> tuple[str, ...]:
        """The fingerprints of a request's values, names included, under each key: nobody can guess them back."""
        return self._under_each(_REQUEST, values)

    def person_moved(self, pseudonym: str, key_id: str, next_id: str) -> str:
        """The pseudonym of the same person under a later key. Raises `ValueError` for keys that are not in order."""
        return self._moved(_PERSON, pseudonym, key_id, next_id)

    def fingerprint_moved(self, fingerprint: str, key_id: str, next_id: str) -> str:
        """The fingerprint of the same request under a later key. Raises as `person_moved`."""
        return self._moved(_REQUEST, fingerprint, key_id, next_id)

    def bearer(self, issuer: str, subject: str) -> str:
        """The name of a token's bearer in logs and in the audit: one for each subject of an issuer."""
        said = f"{issuer}\n{subject}".encode()
        return f"oidc-{_digest(self._keys[-1].keyed[_BEARER], said)[:16]}"

    def _under_each(self, purpose: bytes, message: bytes) -> tuple[str, ...]:
        first, *later = self._keys
        found = [_digest(first.keyed[purpose], message)]
        for key in later:
            found.append(_digest(key.keyed[purpose], found[-1].encode()))
        return tuple(found)

    def _moved(self, purpose: bytes, digest: str, key_id: str, next_id: str) -> str:
        begin, end = self.key_ids.index(key_id), self.key_ids.index(next_id)
        if begin >= end:
            raise ValueError("a later key is expected")
        for key in self._keys[begin + 1 : end + 1]:
            digest = _digest(key.keyed[purpose], digest.encode())
        return digest


_PERSON: Final = b"person"
_REQUEST: Final = b"request"
_BEARER: Final = b"bearer"
_KEY: Final = b"key"


class _Key:
    def __init__(self, key: str | None) -> None:
        secret = key.encode() if key else _NO_SECRET
        self.keyed = {purpose: _keyed(secret, purpose) for purpose in (_PERSON, _REQUEST, _BEARER, _KEY)}


def _keyed(secret: bytes, purpose: bytes) -> hmac.HMAC:
    return hmac.new(secret, purpose + b"\0", "sha256")


def _digest(keyed: hmac.HMAC, message: bytes) -> str:
    # A copy of a keyed one: the key is not worked in anew each time.
    started = keyed.copy()
    started.update(message)
    return started.hexdigest()
