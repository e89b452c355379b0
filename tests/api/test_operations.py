"""For operations: health, readiness, and the policies with the source of each number."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import ONESTOP, QUIET, Service, problem, running, written

GUANGXI = "/v1/policies/guangxi@2017-12-13"
PACK = b"""\
extends: guangxi@2017-12-13
area: "450900"
title: {zh-CN: "\xe7\x8e\x89\xe6\x9e\x97", en: Yulin}
deductible:
  source: {assumed: a test}
  tiers: {secondary: {first: 123.45}}
"""


@pytest.mark.parametrize(("path", "body"), [("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"})])
def test_the_service_says_that_it_lives_and_is_ready(service: Service, path: str, body: dict[str, str]) -> None:
    answer = service.get(path)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", body)


def test_the_packs_that_ship_are_listed(service: Service) -> None:
    answer = service.get("/v1/policies").json()
    assert list(answer) == ["items", "next_cursor"]
    assert answer["next_cursor"] is None
    assert [(item["id"], item["area"], item["effective_from"], item["effective_to"]) for item in answer["items"]] == [
        ("guangxi@2017-12-13", "450000", "2017-12-13", "2020-12-31"),
        ("guangxi@2017-12-13", "450100", "2017-12-13", "2020-12-31"),
        ("shaanxi@2020-01-01", "610000", "2020-01-01", None),
        ("shaanxi@2020-01-01", "610500", "2020-01-01", None),
        ("shaanxi@2020-01-01", "610900", "2020-01-01", None),
    ]
    for item in answer["items"]:
        assert list(item) == ["id", "area", "title", "scheme", "effective_from", "effective_to", "hash"]
        assert item["title"]["zh-CN"]
        assert item["hash"].startswith("sha256:")
    assert len({item["hash"] for item in answer["items"]}) == 5


def numbers(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {number["path"]: number for number in answer["numbers"]}
    assert len(found) == len(answer["numbers"])
    return found


# One row a clause of the law: path, value, unit, clause.
LAW = [
    ("basic_insurance.rate.primary", "0.9000", "share", "二(二)3"),
    ("basic_insurance.rate.secondary", "0.7500", "share", "二(二)3"),
    ("basic_insurance.rate.tertiary_municipal", "0.6000", "share", "二(二)3"),
    ("basic_insurance.rate.tertiary_regional", "0.5500", "share", "二(二)3"),
    ("basic_insurance.preference.rate_bonus", "0.0500", "share", "二(二)3"),
    ("critical_illness.preference.threshold_factor", "0.5000", "share", "二(二)4"),
    ("critical_illness.preference.rate_bonus", "0.1000", "share", "二(二)4"),
    ("deductible.waived_for_registered_poor", "true", None, "二(二)5"),
    ("backstop.target", "0.9000", "share", "二(二)5"),
    ("catalogue_drug_ratio.threshold", "0.9500", "share", "二(二)2"),
]


@pytest.mark.parametrize(("path", "value", "unit", "clause"), LAW, ids=[row[0] for row in LAW])
def test_a_number_of_the_law_is_shown_with_its_clause(
    service: Service, path: str, value: str, unit: str | None, clause: str
) -> None:
    assert numbers(service.get(GUANGXI).json())[path] == {
        "path": path, "value": value, "unit": unit,
        "source": {"document": "桂人社发〔2017〕74号", "clause": clause}, "from_overlay": False,
    }  # fmt: skip


@pytest.mark.parametrize("path", [
    GUANGXI, GUANGXI + "?area=450100", "/v1/policies/shaanxi@2020-01-01", "/v1/policies/shaanxi@2020-01-01?area=610500",
])  # fmt: skip
def test_every_number_has_a_source(service: Service, path: str) -> None:
    shown = numbers(service.get(path).json())
    assert len(shown) > 20
    for number in shown.values():
        assert set(number["source"]) in ({"document", "clause"}, {"assumed"}), number
        assert all(number["source"].values())
        assert number["unit"] in ("yuan", "share", None)


def test_an_area_with_an_overlay_shows_its_own_numbers(service: Service) -> None:
    region, city = service.get(GUANGXI).json(), service.get(GUANGXI + "?area=450100").json()
    assert (region["area"], city["area"], city["id"]) == ("450000", "450100", region["id"])
    assert region["hash"] != city["hash"]
    first, repeat = "deductible.tiers.secondary.first", "deductible.tiers.secondary.repeat"
    assert [(shown["value"], shown["from_overlay"]) for shown in (numbers(region)[first], numbers(city)[first])] == [
        ("400.00", False), ("300.00", True),
    ]  # fmt: skip
    assert "南医保规〔2024〕16号" in numbers(city)[first]["source"]["assumed"]
    assert (numbers(city)[repeat]["value"], numbers(city)[repeat]["from_overlay"]) == ("200.00", False)


def test_an_area_without_an_overlay_shows_the_regions_numbers(service: Service) -> None:
    assert service.get(GUANGXI + "?area=450300").content == service.get(GUANGXI).content


def test_the_hash_is_the_one_of_a_settlement(service: Service) -> None:
    shown = service.get(GUANGXI).json()
    assert service.preview(written({})).json()["policy"] == {
        "id": shown["id"],
        "area": shown["area"],
        "hash": shown["hash"],
    }


def test_the_service_and_the_command_show_the_same(service: Service) -> None:
    command = [ONESTOP, "packs", "show", "guangxi@2017-12-13", "--area", "450100", "--format", "json"]
    shown = subprocess.run(command, capture_output=True, env=os.environ | QUIET, timeout=60, check=True).stdout
    ours = service.get(GUANGXI + "?area=450100").json()
    theirs = json.loads(shown)
    for number in theirs["numbers"]:
        del number["file"]
    assert theirs == ours


@pytest.mark.parametrize(("path", "expected"), [
    ("/v1/policies/guangxi", (404, "not_found", [])),
    ("/v1/policies/guangxi@2017-12-14", (404, "not_found", [])),
    ("/v1/policies/Guangxi@2017-12-13", (404, "not_found", [])),
    (GUANGXI + "?area=610500", (404, "not_found", [])),
    (GUANGXI + "?area=45010", (422, "field_invalid", ["/area"])),
    (GUANGXI + "?area=4501000", (422, "field_invalid", ["/area"])),
    (GUANGXI + "?area=", (422, "field_invalid", ["/area"])),
    (GUANGXI + "?area=45010x", (422, "field_invalid", ["/area"])),
    (GUANGXI + "?area=450100%0A", (422, "field_invalid", ["/area"])),
    (GUANGXI + "?area=%EF%BC%94%EF%BC%95%EF%BC%90%EF%BC%91%EF%BC%90%EF%BC%90", (422, "field_invalid", ["/area"])),
])  # fmt: skip
def test_a_policy_that_is_not_there_and_an_area_that_is_none(
    service: Service, path: str, expected: tuple[int, str, list[str]]
) -> None:
    assert problem(service.get(path)) == expected


def test_packs_of_ones_own_are_added_to_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "yulin.yaml").write_bytes(PACK)
    with running(ONESTOP_PACKS_DIR=str(tmp_path)) as service:
        assert len(service.get("/v1/policies").json()["items"]) == 6
        shown = numbers(service.get(GUANGXI + "?area=450900").json())["deductible.tiers.secondary.first"]
        assert (shown["value"], shown["source"], shown["from_overlay"]) == ("123.45", {"assumed": "a test"}, True)
        settled = service.preview(
            written({"/patient/pooling_area": "450900", "/facility/pooling_area": "450900"})
        ).json()
        assert (settled["policy"]["area"], settled["deductible"]["amount"]) == ("450900", "123.45")
        assert service.metrics()["onestop_policy_packs"] == 6
