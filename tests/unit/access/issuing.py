"""An identity provider for the tests: its keys, and the tokens that it and others make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

ISSUER, AUDIENCE = "https://id.example", "onestop"
NOW = 1_800_000_000
SUBJECT = "zqx-subject-王小明"

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ENCRYPTING = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
FOR_PS = RSAKey.generate_key(2048, {"kid": "ps", "alg": "PS256"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS: list[Any] = [RSA, EC, ENCRYPTING, FOR_PS]
ALL = [*jws.JWSRegistry.recommended, "none", "PS256", "HS384", "HS512", "RS384", "RS512", "ES384", "ES512"]


def jwks(*keys: Any) -> bytes:
    return json.dumps(KeySet([*keys] or KEYS).as_dict(private=False)).encode()


def claims(**changes: Any) -> dict[str, Any]:
    usual = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": NOW - 10, "exp": NOW + 300, "onestop_role": "his",
        "onestop_facilities": ["H1", "H2"],
    }  # fmt: skip # one token
    return {name: value for name, value in (usual | changes).items() if value is not ...}


def token(key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    head = {"alg": alg, "kid": key.kid} | (header or {})
    head = {name: value for name, value in head.items() if value is not ...}
    return str(
        jwt.encode(
            head,
            claims(**changes),
            key,
            algorithms=ALL,
            registry=jws.JWSRegistry(algorithms=ALL, strict_check_header=False),
        )
    )


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def signed_with_the_public_key(alg: str = "HS256") -> str:
    """Alg confusion: the public key, which everybody knows, as the secret of an HMAC."""
    head = f"{part({'alg': alg, 'kid': 'rsa'})}.{part(claims())}"
    secret = RSA.as_pem(private=False)
    signature = hmac.new(secret, head.encode(), {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[alg]).digest()
    return f"{head}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def unsigned(alg: str) -> str:
    return f"{part({'alg': alg, 'kid': 'rsa'})}.{part(claims())}."


SHARED = OctKey.import_key("a secret that two know, and it is long enough", {"kid": "shared"})
