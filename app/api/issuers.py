"""The identity provider whose tokens are taken beside keys: its keys are fetched, tokens remembered."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import httpx

from app.access.tokens import Issuer, Word, kid_of, read_keys, word_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from joserfc.jwk import KeySet

    from app.access.keys import Access
    from app.settings import Oidc
    from app.usecases.moments import Clock

REFRESH_SECONDS: Final = 600.0
# For a key that is not known, and after a failure: no token makes us fetch more often.
PAUSE_SECONDS: Final = 30.0
# So long the last keys go on while the provider is away.
LIFE_SECONDS: Final = 24 * 3600.0
REMEMBER_SECONDS: Final = 60
_FETCH_SECONDS: Final = 3.0
_MOST_BYTES: Final = 256 * 1024
_MOST_WORDS: Final = 10_000


class IssuerUnreachable(Exception):
    """The provider's keys were never there, or too long ago: whether a token is good cannot be said."""


class Issuers:
    """One worker's memory of the provider's keys and of the tokens it has seen."""

    def __init__(self, oidc: Oidc, clock: Clock, name: Callable[[str], str]) -> None:
        self._source = oidc.jwks
        self._issuer = Issuer(
            oidc.issuer, oidc.audience, oidc.role_claim, oidc.facilities_claim, oidc.areas_claim, oidc.roles
        )
        self._clock = clock
        self._name = name
        self._keys: KeySet | None = None
        self._loaded_at = self._tried_at = -LIFE_SECONDS
        self._loading: asyncio.Task[None] | None = None
        self._words: dict[bytes, tuple[Word, int]] = {}

    async def access_of(self, token: str) -> Access | None:
        """What a token gives now; None for one that is not good. Raises `IssuerUnreachable`."""
        now = int(self._clock().timestamp())
        mark = hashlib.sha256(token.encode()).digest()
        known = self._words.get(mark)
        if known and now < known[1]:
            return known[0].access
        kid = kid_of(token)
        if kid is None:
            return None
        word = word_of(token, await self._keys_for(kid), self._issuer, now, self._name)
        if word is None:
            return None
        if len(self._words) >= _MOST_WORDS:
            self._words.clear()
        self._words[mark] = word, min(word.until, now + REMEMBER_SECONDS)
        return word.access

    async def _keys_for(self, kid: str) -> KeySet:
        now = monotonic()
        is_known = self._keys is not None and kid in {key.kid for key in self._keys}
        is_due = not is_known or now - self._loaded_at >= REFRESH_SECONDS
        if is_due and now - self._tried_at >= PAUSE_SECONDS and self._loading is None:
            self._loading = asyncio.create_task(self._load())
        if self._loading is not None and not is_known:
            # Somebody who goes away must not take the keys from the others who wait for them.
            await asyncio.shield(self._loading)
        if self._keys is None or monotonic() - self._loaded_at >= LIFE_SECONDS:
            raise IssuerUnreachable
        return self._keys

    async def _load(self) -> None:
        self._tried_at = monotonic()
        try:
            self._keys = read_keys(await _document(self._source))
            self._loaded_at = monotonic()
        except (ValueError, OSError, httpx.HTTPError):
            # The last ones go on; whoever asks is told when there are none.
            pass
        finally:
            self._loading = None


async def _document(source: str) -> bytes:
    if not source.startswith(("https://", "http://")):
        return await asyncio.to_thread(Path(source).read_bytes)
    # No environment's proxy, no redirect: the address is the one that the operator wrote.
    async with (
        httpx.AsyncClient(timeout=_FETCH_SECONDS, trust_env=False, follow_redirects=False) as client,
        client.stream("GET", source) as answer,
    ):
        answer.raise_for_status()
        content = b""
        async for piece in answer.aiter_bytes():
            content += piece
            if len(content) > _MOST_BYTES:
                raise ValueError("more than a set of keys")
        return content
