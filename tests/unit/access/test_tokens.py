"""Tokens of an identity provider: what a good one gives, and all that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.access.keys import Access
from app.access.tokens import LEEWAY_SECONDS, Issuer, kid_of, read_keys, word_of
from tests.unit.access.issuing import (
    AUDIENCE,
    EC,
    ENCRYPTING,
    FOR_PS,
    ISSUER,
    NOW,
    RSA,
    SHARED,
    STRANGER,
    claims,
    jwks,
    part,
    signed_with_the_public_key,
    token,
    unsigned,
)

KEYS = read_keys(jwks())
OURS = Issuer(ISSUER, AUDIENCE, "onestop_role", "onestop_facilities", "onestop_areas", frozenset(("his", "insurer")))


def read(text: str, issuer: Issuer = OURS, now: int = NOW) -> Access | None:
    word = word_of(text, KEYS, issuer, now, lambda subject: f"oidc-{len(subject)}")
    return None if word is None else word.access


HIS = Access("oidc-15", "his", frozenset(("H1", "H2")))


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (FOR_PS, "PS256"), (EC, "ES256")])
def test_a_good_token_gives_its_role_and_bounds(key: Any, alg: str) -> None:
    assert read(token(key, alg)) == HIS


@pytest.mark.parametrize(("changes", "access"), [
    ({"onestop_facilities": "H1"}, Access("oidc-15", "his", frozenset(("H1",)))),
    ({"aud": ["another", AUDIENCE]}, HIS),
    ({"onestop_role": "insurer", "onestop_areas": ["451000"]}, Access("oidc-15", "insurer", frozenset(), frozenset(("451000",)))),
    ({"exp": NOW - LEEWAY_SECONDS + 1}, HIS), ({"nbf": NOW + LEEWAY_SECONDS}, HIS), ({"iat": NOW + LEEWAY_SECONDS}, HIS),
    ({"iat": ...}, HIS),
], ids=lambda value: str(value) if isinstance(value, dict) else "")  # fmt: skip
def test_what_a_token_may_say(changes: dict[str, Any], access: Access) -> None:
    assert read(token(**changes)) == access


@pytest.mark.parametrize("changes", [
    {"exp": NOW - LEEWAY_SECONDS}, {"exp": ...}, {"exp": "tomorrow"}, {"exp": None}, {"nbf": NOW + LEEWAY_SECONDS + 1}, {"nbf": "x"},
    {"iat": NOW + LEEWAY_SECONDS + 1}, {"aud": "another"}, {"aud": ["another"]}, {"aud": ...}, {"aud": {"x": AUDIENCE}}, {"aud": []},
    {"iss": "https://id.example.evil"}, {"iss": ISSUER + "/"}, {"iss": ...}, {"sub": ...}, {"sub": 7}, {"sub": None},
    {"onestop_role": ...}, {"onestop_role": "admin"}, {"onestop_role": "ops"}, {"onestop_role": ["his"]}, {"onestop_role": "HIS"},
    {"onestop_facilities": ...}, {"onestop_facilities": []}, {"onestop_facilities": ""}, {"onestop_facilities": ["H1", 2]},
    {"onestop_facilities": ["H1", "\u0001"]}, {"onestop_facilities": {"H1": 1}}, {"onestop_facilities": "x" * 65},
    {"onestop_role": "insurer"}, {"onestop_role": "insurer", "onestop_areas": ["4510"]},
], ids=str)  # fmt: skip
def test_a_token_that_is_not_for_us_gives_nothing(changes: dict[str, Any]) -> None:
    assert read(token(**changes)) is None


GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")
FORGED = {
    "the public key as a shared secret": signed_with_the_public_key(),
    "the same, longer": signed_with_the_public_key("HS512"),
    "no signature": unsigned("none"),
    "no signature, said otherwise": unsigned("None"),
    "no signature, cut off": f"{HEAD}.{BODY}.",
    "a shared key": token(SHARED, "HS256"),
    "a shared key under a known name": token(SHARED, "HS256", {"kid": "rsa"}),
    "another one's key under a known name": token(STRANGER),
    "an unknown key": token(header={"kid": "unknown"}),
    "no key named": token(header={"kid": ...}),
    "a key named by a number": f"{part({'alg': 'RS256', 'kid': 1})}.{BODY}.{SIGNATURE}",
    "another algorithm than it was signed with": f"{part({'alg': 'PS256', 'kid': 'rsa'})}.{BODY}.{SIGNATURE}",
    "an algorithm of another kind of key": f"{part({'alg': 'ES256', 'kid': 'rsa'})}.{BODY}.{SIGNATURE}",
    "an algorithm that is not on the list": token(RSA, "RS512"),
    "a key that is for encrypting": token(RSA, "RS256", {"kid": "enc"}),
    "a key that is for another algorithm": f"{part({'alg': 'RS256', 'kid': 'ps'})}.{BODY}.{SIGNATURE}",
    "other claims": f"{HEAD}.{part(claims(onestop_facilities=['H9']))}.{SIGNATURE}",
    "another head": f"{part({'alg': 'RS256', 'kid': 'rsa', 'typ': 'JWT'})}.{BODY}.{SIGNATURE}",
    "a bit of the signature": f"{HEAD}.{BODY}.{'A' if SIGNATURE[0] != 'A' else 'B'}{SIGNATURE[1:]}",
    "an extension that must be understood": f"{part({'alg': 'RS256', 'kid': 'rsa', 'crit': ['x'], 'x': 1})}.{BODY}.{SIGNATURE}",
    "a key of its own": token(STRANGER, header={"jwk": STRANGER.as_dict(private=False)}),
    "an address of keys": token(STRANGER, header={"jku": "https://evil.example/keys"}),
    "two parts": f"{HEAD}.{BODY}",
    "five parts": f"{GOOD}.a.b",
    "JSON": json.dumps({"payload": BODY, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}),
    "no claims": f"{HEAD}.{part([])}.{SIGNATURE}",
    "garbage": "a.b.c",
    "nothing": "..",
    "not ASCII": f"{HEAD}.{BODY}.é",
    "very long": token(x="x" * 8_192),
}  # fmt: skip # one forgery a line


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_gives_nothing(name: str) -> None:
    assert read(FORGED[name]) is None


def test_a_key_that_is_for_encrypting_does_not_sign() -> None:
    forged = token(RSA, "RS256").replace(HEAD, part({"alg": "RS256", "kid": ENCRYPTING.kid}))
    assert read(forged) is None


def test_claims_are_found_where_the_settings_say() -> None:
    nested = OURS._replace(role_claim="realm_access.role", facilities_claim="https://x.example/hospitals")
    told: dict[str, Any] = {"realm_access": {"role": "his"}, "https://x.example/hospitals": ["H1"]}
    text = token(**told)
    assert read(text, nested) == Access("oidc-15", "his", frozenset(("H1",)))
    assert read(token(realm_access="his"), nested) is None


def test_an_administrator_comes_by_a_token_only_where_the_operator_says_so() -> None:
    text = token(onestop_role="admin")
    assert read(text) is None
    assert read(text, OURS._replace(roles=frozenset(("admin",)))) == Access("oidc-15", "admin")


@pytest.mark.parametrize("document", [
    b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": 7}', b'{"keys": [{"kty": "RSA"}]}', b"not json", b'{"keys": [7]}',
])  # fmt: skip
def test_what_is_no_set_of_keys_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="expected a set of public keys"):
        read_keys(document)


@pytest.mark.parametrize("key", [SHARED.as_dict(private=True), RSA.as_dict(private=True)], ids=["shared", "private"])
def test_a_secret_among_the_public_keys_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="public keys alone"):
        read_keys(json.dumps({"keys": [key]}).encode())


def test_the_key_is_named_in_the_head_alone() -> None:
    assert kid_of(GOOD) == "rsa"
    assert kid_of("a.b.c") is None
