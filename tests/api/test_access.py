"""Who may do what: every route of the document with every kind of key, inside and outside of its bounds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access import rules
from app.access.rules import NoRule, roles_for
from app.store.ledger import Ledger
from app.usecases.keys import revoke_key
from tests.api.asked import AREA, FACILITY, ROUTES, Asked, a_bill, recorded
from tests.api.service import Service, problem, running
from tests.keys import ADMIN, ADMIN_ID, MINTED, SOMEBODY, admit, bearer, minted

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text("utf-8"))
OPERATIONS = [f"{method.upper()} {path}" for path, operations in DOCUMENT["paths"].items() for method in operations]
LINES = [
    line for line in Path(__file__).with_name("access_matrix.md").read_text("utf-8").splitlines() if line[:1] == "|"
]
HEAD, _, *ROWS = ([cell.strip() for cell in line.strip("|").split("|")] for line in LINES)
MATRIX = {row[0]: dict(zip(HEAD[1:], row[1:], strict=True)) for row in ROWS}
WITHIN_SECONDS = 5.0


class Guarded(Service):
    """A service, and a key of each kind."""

    keys: dict[str, str | None]
    url: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    url = f"sqlite:///{tmp_path_factory.mktemp('access')}/onestop.db"
    admit(url)
    past = date(2026, 1, 1)
    with running(ONESTOP_DATABASE_URL=url) as service:
        service.__class__ = Guarded
        assert isinstance(service, Guarded)
        service.url = url
        service.keys = {
            "none": None,
            "garbage": "onestop_bbbbbbbb_" + "B" * 43,
            "expired": minted(url, "admin", expires=past),
            "revoked": revoked(url, minted(url, "admin")),
            "ops": minted(url, "ops"),
            "insurer inside": minted(url, "insurer", areas=("451000", AREA)),
            "insurer outside": minted(url, "insurer", areas=("451000",)),
            "his inside": minted(url, "his", facilities=("H2", FACILITY)),
            "his outside": minted(url, "his", facilities=("H2",)),
            "admin": minted(url, "admin"),
        }
        yield service


def revoked(url: str, key: str) -> str:
    ledger = Ledger(url)
    assert revoke_key(ledger, lambda: MINTED, key.split("_")[1], SOMEBODY) is not None
    ledger.close()
    return key


def ask(service: Service, method: str, asked: Asked, key: str | None) -> httpx.Response:
    # A client of its own: the tests' usual one is the administrator.
    return httpx.request(
        method, service.base + asked.path, content=asked.body, trust_env=False, timeout=60,
        headers=asked.headers | (bearer(key) if key else {}),
    )  # fmt: skip # one call


def test_every_route_of_the_document_has_a_row_and_no_other_has() -> None:
    assert sorted(MATRIX) == sorted(OPERATIONS) == sorted(ROUTES)


def test_the_table_has_a_column_for_every_kind_of_key(guarded: Guarded) -> None:
    assert HEAD[1:] == list(guarded.keys)


@pytest.mark.parametrize("route", OPERATIONS)
def test_a_route_answers_each_key_as_the_table_says(guarded: Guarded, route: str) -> None:
    method = route.partition(" ")[0]
    found = {}
    for kind, key in guarded.keys.items():
        answer = ask(guarded, method, ROUTES[route](guarded), key)
        found[kind] = str(answer.status_code)
        if answer.status_code in (401, 403, 404):
            code = {401: "unauthorized", 403: "forbidden", 404: "not_found"}[answer.status_code]
            assert problem(answer) == (answer.status_code, code, [])
        assert answer.headers.get("www-authenticate") == ("Bearer" if answer.status_code == 401 else None)
    assert found == MATRIX[route]


@pytest.mark.parametrize("route", OPERATIONS)
def test_the_document_says_who_may(route: str) -> None:
    method, _, path = route.partition(" ")
    operation = DOCUMENT["paths"][path][method.lower()]
    roles = sorted({kind.split()[0] for kind, status in MATRIX[route].items() if status not in ("401", "403")})
    if MATRIX[route]["none"] == "200":
        assert "security" not in operation
        assert not {"401", "403"} & set(operation["responses"])
    else:
        assert operation["x-onestop-roles"] == roles
        assert operation["security"] == [{"key": []}, {"token": []}]
        assert {"401", "403"} <= set(operation["responses"])


def test_a_route_without_a_rule_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {route: roles for route, roles in rules.RULES.items() if route != ("GET", "/metrics")}
    monkeypatch.setattr(rules, "RULES", kept)
    with pytest.raises(NoRule, match="says nothing of GET /metrics"):
        roles_for("GET", "/metrics")


@pytest.mark.parametrize("header", [
    "", "Bearer", "Basic {key}", "{key}", "bearer{key}", "Bearer {key}x", "Bearer onestop_{id}_", "Bearer {key} {key}",
    "Bearer onestop_AAAAAAAA_{secret}", "Token {key}", "Bearer \xe9", "Bearer a.b.c",
])  # fmt: skip
def test_only_a_whole_key_opens(service: Service, header: str) -> None:
    secret = ADMIN.rpartition("_")[2]
    sent = header.format(key=ADMIN, id=ADMIN_ID, secret=secret).encode("latin-1")
    answer = httpx.get(f"{service.base}/metrics", headers={b"authorization": sent}, trust_env=False)
    assert problem(answer) == (401, "unauthorized", [])


@pytest.mark.parametrize("header", ["bearer {key}", "BEARER {key}", "Bearer  {key}"])
def test_the_scheme_is_read_as_http_reads_it(service: Service, header: str) -> None:
    answer = httpx.get(f"{service.base}/metrics", headers={"authorization": header.format(key=ADMIN)}, trust_env=False)
    assert answer.status_code == 200


def test_a_list_leaves_out_what_lies_outside(guarded: Guarded) -> None:
    of_both = [recorded(guarded, a_bill(**{"/facility/code": code})) for code in ("H2", FACILITY)]

    def listed(kind: str) -> list[str]:
        asked = Asked("/v1/settlements?limit=1000")
        return [item["settlement_id"] for item in ask(guarded, "GET", asked, guarded.keys[kind]).json()["items"]]

    assert [each in listed("admin") for each in of_both] == [True, True]
    assert [each in listed("his inside") for each in of_both] == [True, True]
    assert [each in listed("his outside") for each in of_both] == [True, False]
    asked = Asked(f"/v1/settlements?facility={FACILITY}")
    assert ask(guarded, "GET", asked, guarded.keys["his outside"]).json()["items"] == []


def test_a_correction_that_touches_later_bills_of_others_needs_a_key_for_all(guarded: Guarded) -> None:
    mine = a_bill(**{"/facility/code": "H2"})
    theirs = a_bill(**{"/patient/person_id": mine["patient"]["person_id"]})
    first, _ = recorded(guarded, mine), recorded(guarded, theirs)
    body = json.dumps({"reason": "r", "request": mine | {"prepaid": "1.00"}}).encode()
    asked = Asked(f"/v1/settlements/{first}/correction", body)
    assert problem(ask(guarded, "POST", asked, guarded.keys["his outside"])) == (403, "forbidden", [])
    assert ask(guarded, "POST", asked, guarded.keys["his inside"]).status_code == 201


def test_a_revocation_holds_within_five_seconds_on_every_worker(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    key = minted(url, "ops")
    with running("--workers", "2", ONESTOP_DATABASE_URL=url) as service:
        clients = [httpx.Client(base_url=service.base, headers=bearer(key), trust_env=False) for _ in range(16)]
        assert {client.get("/metrics").status_code for client in clients} == {200}
        revoked(url, key)
        ended = time.monotonic() + WITHIN_SECONDS
        while time.monotonic() < ended:
            for client in clients:  # it is asked all the time, so it is never forgotten
                client.get("/metrics")
            time.sleep(0.1)
        assert {client.get("/metrics").status_code for client in clients} == {401}
        for client in clients:
            client.close()


def test_the_log_names_the_key_by_its_id(guarded: Guarded) -> None:
    key = guarded.keys["ops"]
    assert key is not None
    answer = ask(guarded, "GET", Asked("/metrics"), key)
    assert guarded.logged_of(answer)["key"] == key.split("_")[1]
    refused = ask(guarded, "GET", Asked("/metrics"), guarded.keys["garbage"])
    assert "key" not in guarded.logged_of(refused)
    log = guarded.logged()
    assert not [kind for kind, each in guarded.keys.items() if each and each.split("_", 2)[2] in log]
