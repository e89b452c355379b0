"""Tokens (OIDC): what an identity provider's signed word about somebody gives here, and what is no such word.

Only signatures that need a private key count: nobody who knows the public keys can make one, whatever its header says.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from app.access.keys import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.access.keys import Role

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
LONGEST: Final = 8 * 1024
LEEWAY_SECONDS: Final = 30
_FACILITY: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}").fullmatch
_AREA: Final = re.compile(r"[0-9]{6}").fullmatch
_REGISTRY: Final = jws.JWSRegistry(algorithms=ALGORITHMS)


class Issuer(NamedTuple):
    """An identity provider, and where its tokens say what somebody may do; `roles` are those that a token may give."""

    issuer: str
    audience: str
    role_claim: str
    facilities_claim: str
    areas_claim: str
    roles: frozenset[str]


class Word(NamedTuple):
    """What a token gives, and until when (seconds since 1970)."""

    access: Access
    until: int


def read_keys(document: bytes) -> KeySet:
    """Read a provider's public keys (JWKS, RFC 7517). Raises `ValueError`, also for a secret among them."""
    try:
        keys = KeySet.import_key_set(json.loads(document))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("expected a set of public keys (JWKS)") from error
    if not all(isinstance(key, RSAKey | ECKey) and not key.is_private for key in keys):
        raise ValueError("expected public keys alone: a private or shared one does not belong there")
    return keys


def kid_of(token: str) -> str | None:
    """Which key a token says it was signed with; None for what is no signed token."""
    if len(token) > LONGEST or token.count(".") != 2:  # noqa: PLR2004 # header, claims, signature
        return None
    try:
        header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
    except (JoseError, ValueError):
        return None
    kid = header.get("kid")
    return kid if isinstance(kid, str) and kid else None


def word_of(token: str, keys: KeySet, issuer: Issuer, now: int, name: Callable[[str], str]) -> Word | None:
    """What a token gives at a moment; None where it is not the issuer's, not for us, not in time, or gives nothing.

    `name` makes the pseudonym of a subject.
    """
    kid = kid_of(token)
    if kid is None or kid not in {key.kid for key in keys}:
        return None
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer.issuer},
        aud={"essential": True, "value": issuer.audience},
        sub={"essential": True},
        exp={"essential": True},
    )
    try:
        claims = jwt.decode(token, keys, ALGORITHMS, _REGISTRY).claims
        registry.validate(claims)
    except (JoseError, ValueError):
        return None
    access = _access(claims, issuer, name)
    return None if access is None else Word(access, int(claims["exp"]))


def _access(claims: Mapping[str, Any], issuer: Issuer, name: Callable[[str], str]) -> Access | None:
    role = _claim(claims, issuer.role_claim)
    if not isinstance(role, str) or role not in issuer.roles:
        return None
    facilities = areas = frozenset[str]()
    if role == "his":
        facilities = _names(_claim(claims, issuer.facilities_claim), _FACILITY)
    if role == "insurer":
        areas = _names(_claim(claims, issuer.areas_claim), _AREA)
    if role in ("his", "insurer") and not facilities | areas:
        return None
    return Access(name(claims["sub"]), cast("Role", role), facilities, areas)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name; a dotted one that is none itself walks into the objects."""
    if name in claims:
        return claims[name]
    found: object = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _names(value: object, form: Callable[[str], object]) -> frozenset[str]:
    """Bounds out of a claim, a string or a list of strings; none where any of them has another form."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) and form(each) for each in values):
        return frozenset()
    return frozenset(values)
