"""Unique names and ids through every route, right and wrong, with every kind of key: they are found nowhere again.

Looked for in every answer and its headers, every log line, the metrics, every export and report, and in every byte of
the database. A new route is asked by itself, since the routes are those of the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from tests.api import asked
from tests.api.asked import ROUTES, Asked
from tests.api.service import JSON, Service, running
from tests.keys import ADMIN, admit, bearer, minted
from tests.ledger_commands.books import onestop
from tests.store.databases import postgresql_databases

MARK = "zqxcanary"
NAMES = {
    "/patient/name": "zqxcanarypatient王小明", "/facility/name": "zqxcanaryhospital", "/lines/0/name": "zqxcanaryline", "/lines/1/name": "zqxcanaryother",
}  # fmt: skip
PERSON = "zqxcanaryperson"
HEADERS = {
    "cookie": "session=zqxcanarycookie", "user-agent": "zqxcanaryagent", "referer": "http://zqxcanaryreferer/", "x-name": "zqxcanaryheader",
    "x-forwarded-for": "zqxcanaryforwarded", "forwarded": "for=zqxcanaryforwarded", "x-request-id": "zqxcanaryrequest", "traceparent": "zqxcanarytrace",
}  # fmt: skip
QUERY = {"person_id": "zqxcanaryperson1", "zqxcanaryparameter": "zqxcanaryvalue", "cursor": "zqxcanarycursor"}
WRONG_BODIES = [
    b"zqxcanarybody", b'{"zqxcanarymember ": "zqxcanaryvalue"}', b'["zqxcanaryvalue"]', b'{"reason": ["zqxcanaryvalue"]}', b'{"rows": [{"facility": ["zqxcanaryvalue"]}]}',
    json.dumps({"patient": {"name": "zqxcanaryname", "person_id": ["zqxcanaryperson"]}, "zqxcanary member": 1}).encode(),
]  # fmt: skip


class Place(NamedTuple):
    """A service under test, its address, and all bytes of its database."""

    service: Service
    url: str


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/onestop.db"
        return
    with postgresql_databases() as databases:
        yield databases.create()


@pytest.fixture(params=[("sqlite", "json"), ("sqlite", "console"), ("postgresql", "json")], ids=" ".join)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    kind, log_format = request.param
    monkeypatch.setattr(asked, "NAMES", NAMES)
    monkeypatch.setattr(asked, "PERSON", PERSON)
    with database(kind, tmp_path) as url:
        admit(url)
        monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
        roster = tmp_path / "roster.csv"
        roster.write_text(
            "person_id,status,county,valid_from,valid_to\nzqxcanaryperson1,low_income,450321,2018-01-01,\n", "utf-8"
        )
        assert onestop("roster", "import", roster).status == 0
        with running(ONESTOP_DATABASE_URL=url, ONESTOP_LOG_FORMAT=log_format, ONESTOP_ROSTER="check") as service:
            yield Place(service, url)


def kept(url: str) -> str:
    """Everything that the database has."""
    if url.startswith("sqlite"):
        files = Path(url.removeprefix("sqlite:///")).parent.glob("onestop.db*")
        return b"".join(file.read_bytes() for file in files).decode("utf-8", "replace")
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = []
        for (name,) in names:
            for row in connection.execute(f"SELECT * FROM {name}".encode()):
                found += [
                    bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in row
                ]
        return "\n".join(found)


def sent(place: Place, method: str, what: Asked, key: str | None) -> Iterator[httpx.Response]:
    """The request as it is right, and wrong in some ways."""
    base, headers = place.service.base, what.headers | HEADERS | (bearer(key) if key else {})

    def ask(path: str, body: bytes | None, more: dict[str, str] | None = None) -> httpx.Response:
        given = {name.encode(): value.encode() for name, value in (headers | (more or {})).items()}
        return httpx.request(method, base + path, content=body, headers=given, trust_env=False, timeout=60)

    joint = "&" if "?" in what.path else "?"
    yield ask(what.path, what.body)
    for name, value in QUERY.items():
        yield ask(f"{what.path}{joint}{name}={value}", what.body)
    yield ask(f"{what.path.partition('?')[0]}/zqxcanarypath", what.body)
    if what.body is not None:
        for body in WRONG_BODIES:
            yield ask(what.path, body)
        yield ask(what.path, what.body, {"content-type": "text/zqxcanarytype"})


def found(text: str) -> list[str]:
    """Where a canary stands, with what is around it."""
    lowered = text.lower()
    places = [at for at in range(len(lowered)) if lowered.startswith(MARK, at)] if MARK in lowered else []
    return [text[max(0, at - 60) : at + 60] for at in places[:5]] + (["王小明"] if "王小明" in text else [])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_canary_is_found_again(place: Place, record_property: Any) -> None:
    keys = {
        "none": None, "garbage": "zqxcanarykey", "token": "zqxcanary.zqxcanarytoken.zqxcanary", "ops": minted(place.url, "ops"),
        "insurer": minted(place.url, "insurer", areas=(asked.AREA,)), "his": minted(place.url, "his", facilities=(asked.FACILITY,)),
        "admin": ADMIN,
    }  # fmt: skip # one key an entry
    answers = 0
    for route, ask in ROUTES.items():
        for kind, key in keys.items():
            for answer in sent(place, route.partition(" ")[0], ask(place.service), key):
                said = answer.content.decode("utf-8", "replace") + str(answer.headers)
                assert found(said) == [], (route, kind, answer.status_code)
                assert answer.status_code < 500, (route, kind, answer.text)
                answers += 1
    service = place.service
    wanted = service.get("/v1/settlements", params={"person_id": "zqxcanaryperson1"})
    assert found(wanted.text) == []
    for text in (service.logged(), service.get("/metrics").text, kept(place.url)):
        assert len(text) > 1_000
        assert found(text) == []
    assert answers > 1_000
    record_property("counted answers without a canary", answers)


def test_a_canary_that_is_kept_would_be_found(place: Place) -> None:
    """What is looked for is really sent, and looking really finds: a bill's own id comes back and is kept."""
    bill = asked.a_bill(**{"/bill_id": "zqxcanarybill"})
    assert PERSON in bill["patient"]["person_id"]
    answer = place.service.client.post("/v1/settlements", content=json.dumps(bill), headers=JSON)
    assert found(answer.text)
    assert found(kept(place.url))
