"""Keys (密钥): what a caller shows, what it may do with it, and how far that reaches."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import date

Role = Literal["his", "insurer", "ops", "admin"]

_FORM: Final = re.compile(r"onestop_([0-9a-f]{8})_[A-Za-z0-9_-]{43}").fullmatch


class Access(NamedTuple):
    """What a key gives: a role, its bounds, and the last day (UTC) on which it counts; None for no end.

    `key_id` names the key, or the bearer of a token, in logs and in the audit; it tells nothing of either.
    """

    key_id: str
    role: Role
    facilities: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    expires_on: date | None = None

    def counts_on(self, day: date) -> bool:
        """Whether it has not expired."""
        return self.expires_on is None or day <= self.expires_on

    @property
    def own_facilities(self) -> frozenset[str] | None:
        """The facilities (定点医疗机构) whose records exist for it; None for all."""
        return None if self.role == "admin" else self.facilities

    @property
    def own_areas(self) -> frozenset[str] | None:
        """The pooling areas (统筹地区) whose records exist for it; None for all."""
        return None if self.role == "admin" else self.areas

    def has_facility(self, code: str) -> bool:
        """Whether a facility is within its bounds."""
        return is_within(code, self.own_facilities)


def is_within(value: str, bounds: frozenset[str] | None) -> bool:
    """Whether bounds include a value; None has no bounds."""
    return bounds is None or value in bounds


def new_key() -> str:
    """A new key: its id is in its middle, 256 bits of chance behind it."""
    return f"onestop_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def id_of(key: str) -> str | None:
    """The id of a key; None for a text that is none."""
    found = _FORM(key)
    return None if found is None else found[1]


def hash_of(key: str) -> str:
    """What is stored of a key. Nobody guesses 256 bits, so no slow hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_same(key: str, hashed: str) -> bool:
    """Whether a key is the one that was hashed; takes the same time for every other one."""
    return hmac.compare_digest(hash_of(key), hashed)
