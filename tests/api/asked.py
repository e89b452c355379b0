"""How each route of the document is asked for, about a bill of one facility: what the access tests send."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.api.service import ABSENT, JSON, Service, changed

NUMBERS = itertools.count(1)
RUNS = "/v1/reconciliations"
# Whose bills these are; the canaries' test puts its own here.
PERSON = "A"
NAMES: dict[str, Any] = {}
FACILITY, AREA = "H1", "450300"
# A poor patient whose treatment is outside of the catalogue: only the backstop looks at it.
BACKSTOPPED = {"/patient/status": "registered_poor", "/lines/1/catalogue_class": "C"}


class Asked(NamedTuple):
    """A request: its path with all that is in it, and its body."""

    path: str
    body: bytes | None = None
    headers: dict[str, str] = JSON


def a_bill(**changes: Any) -> Any:
    number = next(NUMBERS)
    own = {"/bill_id": f"A{number}", "/patient/person_id": f"{PERSON}{number}", "/year_to_date": ABSENT}
    return changed(own | NAMES | changes)


def recorded(service: Service, bill: Any) -> str:
    answer = service.client.post("/v1/settlements", content=json.dumps(bill), headers=JSON)
    assert answer.status_code == 201, answer.text
    settlement_id: str = answer.json()["settlement_id"]
    return settlement_id


def _settling(path: str) -> Callable[[Service], Asked]:
    return lambda _: Asked(path, json.dumps(a_bill()).encode())


def _reading(service: Service) -> Asked:
    return Asked(f"/v1/settlements/{recorded(service, a_bill())}")


def _reversing(service: Service) -> Asked:
    return Asked(f"/v1/settlements/{recorded(service, a_bill())}/reversal", b'{"reason": "entered twice"}')


def _correcting(service: Service) -> Asked:
    bill = a_bill()
    body = {"reason": "wrong", "request": bill | {"prepaid": "1.00"}}
    return Asked(f"/v1/settlements/{recorded(service, bill)}/correction", json.dumps(body).encode())


def _backstop(service: Service) -> Asked:
    return Asked(f"/v1/backstops/{recorded(service, a_bill(**BACKSTOPPED))}")


def _reconciling(_: Service) -> Asked:
    row = {"facility": FACILITY, "bill_id": "X", "amount": "1.00", "date": "2026-11-24"}
    return Asked(f"{RUNS}?from=2026-11-01&to=2026-11-30", json.dumps({"rows": [row]}).encode())


def a_run(service: Service) -> str:
    """The path of a run that the administrator has made."""
    asked = _reconciling(service)
    answer = service.client.post(asked.path, content=asked.body, headers=JSON)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def _plain(path: str) -> Callable[[Service], Asked]:
    return lambda _: Asked(path)


ROUTES: dict[str, Callable[[Service], Asked]] = {
    "GET /healthz": _plain("/healthz"),
    "GET /readyz": _plain("/readyz"),
    "GET /metrics": _plain("/metrics"),
    "POST /v1/settlements/preview": _settling("/v1/settlements/preview"),
    "POST /v1/settlements": _settling("/v1/settlements"),
    "GET /v1/settlements": _plain("/v1/settlements"),
    "GET /v1/settlements/{settlement_id}": _reading,
    "POST /v1/settlements/{settlement_id}/reversal": _reversing,
    "POST /v1/settlements/{settlement_id}/correction": _correcting,
    "GET /v1/backstops": _plain("/v1/backstops"),
    "GET /v1/backstops/summary": _plain("/v1/backstops/summary"),
    "GET /v1/backstops/export": _plain("/v1/backstops/export"),
    "GET /v1/backstops/{settlement_id}": _backstop,
    "POST /v1/reconciliations": _reconciling,
    "GET /v1/reconciliations": _plain(RUNS),
    "GET /v1/reconciliations/{reconciliation_id}": lambda service: Asked(a_run(service)),
    "GET /v1/reconciliations/{reconciliation_id}/report": lambda service: Asked(f"{a_run(service)}/report"),
    "GET /v1/roster/benefits": _plain("/v1/roster/benefits?year=2018"),
    "GET /v1/roster/benefits/export": _plain("/v1/roster/benefits/export?year=2018"),
    "GET /v1/policies": _plain("/v1/policies"),
    "GET /v1/policies/{policy_id}": _plain("/v1/policies/guangxi@2017-12-13"),
    "GET /v1/audit": _plain("/v1/audit"),
}
