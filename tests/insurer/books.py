"""A ledger that random people have settled and reversed bills in, and what its records add up to, by hand."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.store.ledger import Ledger
from app.store.tables import reversals, settlements
from tests.api.service import Service, running
from tests.keys import admit
from tests.ledger_commands.books import Window, bill

AREAS = ("451000", "450100", "450900")
TIERS = ("primary", "secondary", "tertiary_municipal", "tertiary_regional")
STATUSES = ("registered_poor", "registered_poor", "registered_poor", "ordinary")
BEFORE = (
    "paid_basic_insurance", "paid_critical_illness", "paid_medical_assistance", "paid_emergency_aid",
    "paid_second_reimbursement",
)  # fmt: skip

Amounts = tuple[int, int, int]


class Clock(Window):
    """A window whose day goes on by minutes, so that some months pass."""

    def _clock(self) -> Any:
        self.now += timedelta(minutes=31)
        return self.now


def fill(url: str, count: int, seed: int = 1) -> None:
    """Settle and reverse, some thousand people, four hospitals an area."""
    chance = random.Random(seed)
    at = Clock(url)
    latest: dict[str, str] = {}
    for number in range(count):
        if latest and chance.random() < 0.15:
            at.reverse(latest.pop(chance.choice(sorted(latest))))
            continue
        person, area, hospital = f"P{chance.randrange(count // 3 + 1)}", chance.choice(AREAS), chance.randrange(4)
        made = bill(f"B{number}", person, f"{chance.randrange(10_000, 4_000_000) / 100:.2f}")
        made["facility"] |= {
            "code": f"H{area}-{hospital}", "tier": TIERS[hospital], "pooling_area": area, "county": None,
        }  # fmt: skip # one facility
        made["patient"] |= {"status": chance.choice(STATUSES), "pooling_area": area, "county": None}
        latest[person] = at.settle(made)
    at.ledger.close()


@contextmanager
def insured(url: str, count: int) -> Iterator[Service]:
    """A service on such a ledger."""
    admit(url)
    fill(url, count)
    with running(ONESTOP_DATABASE_URL=url) as service:
        yield service


Group = Callable[[dict[str, Any]], str]

GROUPS: dict[str, Group] = {
    "day": lambda row: str(row["at"])[:10],
    "month": lambda row: str(row["at"])[:7],
    "facility": lambda row: str(row["facility_code"]),
    "tier": lambda row: str(row["tier"]),
    "pooling_area": lambda row: str(row["pooling_area"]),
}


def records(url: str) -> list[dict[str, Any]]:
    """Each settlement with a backstop and each reversal of one, as the tables have them, in fen, with their sign."""
    ledger = Ledger(url)
    with ledger.engine.connect() as connection:
        rows = {row["settlement_id"]: dict(row) for row in connection.execute(select(settlements)).mappings()}
        taken_back = [dict(row) for row in connection.execute(select(reversals)).mappings()]
    ledger.close()
    found = [row | {"at": row["settled_at"], "sign": 1} for row in rows.values()]
    found += [rows[each["settlement_id"]] | {"at": each["reversed_at"], "sign": -1} for each in taken_back]
    return [row for row in found if row["paid_backstop"]]


def added_up(url: str, group: Group, areas: tuple[str, ...] = AREAS) -> dict[str, Amounts]:
    """Total cost, what was covered before, and the backstop, in fen, by group."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for row in records(url):
        if row["pooling_area"] in areas:
            into = sums[group(row)]
            into["total"] += row["sign"] * row["total"]
            into["covered"] += row["sign"] * sum(row[name] for name in BEFORE)
            into["backstop"] += row["sign"] * row["paid_backstop"]
    return {name: (each["total"], each["covered"], each["backstop"]) for name, each in sums.items()}
