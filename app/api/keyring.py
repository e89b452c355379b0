"""What the keys that callers show give, looked up in the ledger and remembered for seconds.

A revocation holds on every worker within `STALE_SECONDS`. While the ledger is away, keys that were known go on:
whoever could revoke one could not record that either.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from app.access.keys import Access, id_of, is_same
from app.store.ledger import LedgerBusy, LedgerUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.usecases.keys import KnownKey
    from app.usecases.moments import Clock

FRESH_SECONDS: Final = 2.0
STALE_SECONDS: Final = 4.0
# Ids that nobody minted are remembered too; a million of them must not be.
_MOST: Final = 10_000
# A key has a third of that; spaces around one may be any number.
_LONGEST: Final = 200


class _Seen(NamedTuple):
    key: KnownKey | None
    at: float


class _Shown(NamedTuple):
    access: Access
    until: float


class Keyring:
    """One worker's memory of keys."""

    def __init__(self, find: Callable[[str], Awaitable[KnownKey | None]], clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._asked: dict[str, asyncio.Task[KnownKey | None]] = {}
        self._shown: dict[bytes, _Shown] = {}

    def remembered(self, credentials: bytes) -> Access | None:
        """What the same credentials gave in the last seconds, without asking anybody; None where nothing is known."""
        shown = self._shown.get(credentials)
        if shown is None or monotonic() >= shown.until:
            return None
        access = shown.access
        # Most keys never expire, and the day costs more than all else here.
        return access if access.expires_on is None or access.counts_on(self._clock().date()) else None

    def remember(self, credentials: bytes, access: Access) -> None:
        """Remember what credentials give, for as long as the key behind them is fresh."""
        seen = self._seen.get(access.key_id)
        if seen is None or seen.key is None or len(credentials) > _LONGEST:
            return
        if len(self._shown) >= _MOST:
            self._shown.clear()
        self._shown[credentials] = _Shown(access, seen.at + FRESH_SECONDS)

    async def access_of(self, key: str) -> Access | None:
        """What a key gives today; None for one that is unknown, revoked or expired. Raises as `Ledger.read`."""
        key_id = id_of(key)
        if key_id is None:
            return None
        known = await self._known(key_id)
        if known is None or not is_same(key, known.hash) or not known.access.counts_on(self._clock().date()):
            return None
        return known.access

    async def _known(self, key_id: str) -> KnownKey | None:
        seen = self._seen.get(key_id)
        age = monotonic() - seen.at if seen else STALE_SECONDS
        if seen and age < FRESH_SECONDS:
            return seen.key
        asked = self._asked.get(key_id) or self._ask(key_id)
        if seen and age < STALE_SECONDS:
            # Nobody waits for what is only to be refreshed.
            return seen.key
        try:
            # Somebody who goes away must not take the answer from the others who wait for it.
            return await asyncio.shield(asked)
        except (LedgerUnreachable, LedgerBusy, OutcomeUnknown):
            if seen and seen.key:
                self._seen[key_id] = seen._replace(at=monotonic() - FRESH_SECONDS)
                return seen.key
            raise

    def _ask(self, key_id: str) -> asyncio.Task[KnownKey | None]:
        task = self._asked[key_id] = asyncio.create_task(self._look_up(key_id))
        # Where all who waited have gone, nobody asks how it went.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _look_up(self, key_id: str) -> KnownKey | None:
        began = monotonic()
        try:
            found = await self._find(key_id)
        finally:
            del self._asked[key_id]
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[key_id] = _Seen(found, began)
        return found
