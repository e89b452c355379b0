"""What the insurer adds up equals the ledger to the fen: by day, month, facility, tier and area, in any format."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow.parquet
import pytest

from tests.api.service import Service
from tests.insurer.books import AREAS, GROUPS, Amounts, added_up, insured, records
from tests.keys import bearer, minted

# `make soak` takes ten thousand.
COUNT = int(os.environ.get("ONESTOP_BACKSTOPS", "800"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Insured(Service):
    url: str


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Insured]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('insurer')}/onestop.db"
    else:
        url = request.getfixturevalue("postgresql").create()
    with insured(url, COUNT) as service:
        service.__class__ = Insured
        assert isinstance(service, Insured)
        service.url = url
        yield service


def fen(text: Any) -> int:
    value = Decimal(text) * 100
    assert value == int(value)
    return int(value)


def csv_rows(content: bytes) -> list[dict[str, Any]]:
    return [
        {name: value or None for name, value in row.items()} for row in csv.DictReader(io.StringIO(content.decode()))
    ]


def ndjson_rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def parquet_rows(content: bytes) -> list[dict[str, Any]]:
    rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    return [{name: None if value is None else str(value) for name, value in row.items()} for row in rows]


READ: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "csv": csv_rows, "ndjson": ndjson_rows, "parquet": parquet_rows,
}  # fmt: skip


def summed(rows: list[dict[str, Any]], name: str) -> dict[str, Amounts]:
    group = {
        "day": lambda row: row["day"], "month": lambda row: row["day"][:7], "facility": lambda row: row["facility_code"],
        "tier": lambda row: row["tier"], "pooling_area": lambda row: row["pooling_area"],
    }[name]  # fmt: skip
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for place, column in enumerate(("total_cost", "covered_before", "backstop")):
            sums[group(row)][place] += fen(row[column])
    return {key: (each[0], each[1], each[2]) for key, each in sums.items()}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("to", READ)
def test_an_exports_sums_equal_the_ledgers(ledger: Insured, to: str, group: str) -> None:
    rows = READ[to](ledger.get("/v1/backstops/export", params={"format": to}).content)
    assert len(rows) == len(records(ledger.url))
    assert summed(rows, group) == added_up(ledger.url, GROUPS[group])


@pytest.mark.parametrize("group", GROUPS)
def test_the_summarys_sums_equal_the_ledgers_and_add_up(ledger: Insured, group: str) -> None:
    answer = ledger.get("/v1/backstops/summary", params={"group_by": group}).json()
    found = {
        item["group"]: tuple(fen(item[name]) for name in ("total_cost", "covered_before", "backstop"))
        for item in answer["items"]
    }
    assert found == added_up(ledger.url, GROUPS[group])
    assert list(found) == sorted(found)
    for name in ("total_cost", "covered_before", "backstop", "paid", "refused"):
        assert sum(fen(item[name]) for item in answer["items"]) == fen(answer["total"][name])
    kinds = [row["sign"] for row in records(ledger.url)]
    assert (answer["total"]["settlements"], answer["total"]["reversals"]) == (kinds.count(1), kinds.count(-1))
    assert kinds.count(-1) > COUNT // 100


def test_sums_of_periods_add_up_to_the_whole(ledger: Insured) -> None:
    days = sorted(added_up(ledger.url, GROUPS["day"]))
    middle = days[len(days) // 2]

    def total(**period: str) -> int:
        return fen(ledger.get("/v1/backstops/summary", params=period).json()["total"]["backstop"])

    following = days[days.index(middle) + 1]
    assert total(to=middle) + total(**{"from": following}) == total()
    assert 0 != total(to=middle) != total()


def test_an_insurer_sees_its_areas_and_no_others(ledger: Insured) -> None:
    key = bearer(minted(ledger.url, "insurer", areas=AREAS[:1]))
    rows = csv_rows(ledger.get("/v1/backstops/export", headers=key).content)
    assert {row["pooling_area"] for row in rows} == set(AREAS[:1])
    assert summed(rows, "month") == added_up(ledger.url, GROUPS["month"], AREAS[:1])
    summary = ledger.get("/v1/backstops/summary", params={"group_by": "pooling_area"}, headers=key).json()
    assert [item["group"] for item in summary["items"]] == [AREAS[0]]
    outside = ledger.get("/v1/backstops", params={"pooling_area": AREAS[1]}, headers=key).json()
    assert outside == {"items": [], "next_cursor": None}


def test_the_list_walked_in_pages_is_the_export(ledger: Insured) -> None:
    walked: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ledger.get("/v1/backstops", params={"limit": 97} | ({"cursor": cursor} if cursor else {})).json()
        walked += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert walked == ndjson_rows(ledger.get("/v1/backstops/export", params={"format": "ndjson"}).content)
    assert len({(item["settlement_id"], item["kind"]) for item in walked}) == len(walked)
    assert [item["day"] for item in walked] == sorted(item["day"] for item in walked)


def test_without_the_reversed_there_is_what_is_in_force(ledger: Insured) -> None:
    whole = ndjson_rows(ledger.get("/v1/backstops/export", params={"format": "ndjson"}).content)
    kept = ndjson_rows(
        ledger.get("/v1/backstops/export", params={"format": "ndjson", "include_reversed": "false"}).content
    )
    assert kept == [item for item in whole if item["status"] == "settled"]
    assert sum(fen(item["backstop"]) for item in kept) == sum(fen(item["backstop"]) for item in whole)
    assert 0 < len(kept) < len(whole)
