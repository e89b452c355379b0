"""The keyring: keys are remembered for seconds, looked up once however many ask, and go on while the ledger is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from app.access.keys import Access, hash_of, id_of, new_key
from app.api import keyring
from app.api.keyring import FRESH_SECONDS, STALE_SECONDS, Keyring
from app.store.ledger import LedgerUnreachable
from app.usecases.keys import KnownKey

KEY = new_key()
TODAY = datetime(2026, 11, 24, tzinfo=UTC)
ACCESS = Access(str(id_of(KEY)), "ops", expires_on=date(2026, 11, 24))


class Ledger:
    """Counts how often it is asked; can be away, slow, or have the key revoked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = self.is_revoked = False

    async def find(self, key_id: str) -> KnownKey | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise LedgerUnreachable("away")
        return None if self.is_revoked or key_id != id_of(KEY) else KnownKey(hash_of(KEY), ACCESS)


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1_000.0]
    monkeypatch.setattr(keyring, "monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_a_key_is_looked_up_once_for_all_who_ask(pass_time: Callable[[float], None]) -> None:
    async def run() -> None:
        ledger = Ledger()
        ring = Keyring(ledger.find, lambda: TODAY)
        assert await asyncio.gather(*[ring.access_of(KEY) for _ in range(50)]) == [ACCESS] * 50
        pass_time(FRESH_SECONDS * 0.9)
        assert await ring.access_of(KEY) == ACCESS
        assert ledger.asked == 1

    asyncio.run(run())


def test_a_revocation_holds_when_the_memory_is_stale(pass_time: Callable[[float], None]) -> None:
    async def run() -> None:
        ledger = Ledger()
        ring = Keyring(ledger.find, lambda: TODAY)
        await ring.access_of(KEY)
        ledger.is_revoked = True
        pass_time(FRESH_SECONDS)
        # This one is answered from memory, and has it looked up behind its back.
        assert await ring.access_of(KEY) == ACCESS
        await asyncio.sleep(0.01)
        assert await ring.access_of(KEY) is None
        ledger.is_revoked = False
        pass_time(STALE_SECONDS)
        assert await ring.access_of(KEY) == ACCESS
        ledger.is_revoked = True
        pass_time(STALE_SECONDS)
        assert await ring.access_of(KEY) is None

    asyncio.run(run())


def test_a_known_key_goes_on_while_the_ledger_is_away_and_an_unknown_one_is_not_decided(
    pass_time: Callable[[float], None],
) -> None:
    async def run() -> None:
        ledger = Ledger()
        ring = Keyring(ledger.find, lambda: TODAY)
        await ring.access_of(KEY)
        ledger.is_away = True
        for _ in range(3):
            pass_time(STALE_SECONDS)
            assert await ring.access_of(KEY) == ACCESS
        with pytest.raises(LedgerUnreachable):
            await ring.access_of(new_key())
        ledger.is_away, ledger.is_revoked = False, True
        pass_time(STALE_SECONDS)
        assert await ring.access_of(KEY) is None

    asyncio.run(run())


@pytest.mark.parametrize(("day", "access"), [(24, ACCESS), (25, None)])
def test_a_key_counts_through_its_last_day(day: int, access: Access | None) -> None:
    now = datetime(2026, 11, day, 23, 59, tzinfo=UTC)
    assert asyncio.run(Keyring(Ledger().find, lambda: now).access_of(KEY)) == access


def test_the_id_alone_does_not_open_and_no_key_is_not_even_looked_up() -> None:
    async def run() -> None:
        ledger = Ledger()
        ring = Keyring(ledger.find, lambda: TODAY)
        other = KEY[:-1] + ("A" if KEY[-1] != "A" else "B")
        assert await ring.access_of(other) is None
        assert await ring.access_of(KEY) == ACCESS
        for text in ("", "x", KEY + "x", KEY.upper(), "a.b.c"):
            assert await ring.access_of(text) is None
        assert ledger.asked == 1

    asyncio.run(run())


def test_a_flood_of_ids_that_nobody_minted_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_MOST", 10)

    async def run() -> None:
        ring = Keyring(Ledger().find, lambda: TODAY)
        for _ in range(100):
            assert await ring.access_of(new_key()) is None
        assert len(ring._seen) <= 10

    asyncio.run(run())


def test_somebody_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    async def run() -> None:
        ring = Keyring(Ledger().find, lambda: TODAY)
        first, second = (asyncio.create_task(ring.access_of(KEY)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == ACCESS

    asyncio.run(run())
