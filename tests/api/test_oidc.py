"""Tokens of an identity provider over HTTP: its keys from a file or an address, renewed, and never the subject anywhere."""

from __future__ import annotations

import asyncio
import http.server
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.tokens import read_keys
from app.api import issuers
from app.api.issuers import PAUSE_SECONDS, REFRESH_SECONDS, Issuers, IssuerUnreachable
from app.settings import Oidc
from tests.api.asked import AREA, BACKSTOPPED, FACILITY, a_bill, recorded
from tests.api.service import JSON, Service, problem, running
from tests.keys import ADMIN, admit, bearer
from tests.unit.access.issuing import AUDIENCE, EC, ISSUER, NOW, RSA, SUBJECT, jwks, token


class Provider:
    """Serves its public keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.document = jwks()
        self.asked = 0
        self.redirects = False

    @contextmanager
    def serving(self) -> Iterator[str]:
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                if provider.redirects and self.path != "/there":
                    self.send_response(302)
                    self.send_header("location", "/there")
                    self.end_headers()
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(provider.document)

            def log_message(self, *_: Any) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/keys"
            finally:
                server.shutdown()


def settings(source: str) -> dict[str, str]:
    return {"ONESTOP_OIDC_ISSUER": ISSUER, "ONESTOP_OIDC_AUDIENCE": AUDIENCE, "ONESTOP_OIDC_JWKS": source}


def seconds() -> int:
    return int(datetime.now(UTC).timestamp())  # noqa: TID251 # a token is made by whoever has a clock


def now(**changes: Any) -> dict[str, Any]:
    at = seconds()
    return {"iat": at - 5, "exp": at + 300} | changes


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "jwks.json").write_bytes(jwks())
    url = f"sqlite:///{folder}/onestop.db"
    with running(ONESTOP_DATABASE_URL=url, **settings(str(folder / "jwks.json"))) as service:
        yield service


def ask(service: Service, text: str, path: str = "/v1/settlements") -> httpx.Response:
    return service.client.get(path, headers=bearer(text))


def test_a_token_has_the_rights_and_the_bounds_of_its_claims(trusting: Service) -> None:
    inside, outside = recorded(trusting, a_bill(**BACKSTOPPED)), recorded(trusting, a_bill(**{"/facility/code": "H9"}))
    his = token(**now(onestop_facilities=[FACILITY]))
    assert ask(trusting, his, f"/v1/settlements/{inside}").status_code == 200
    assert problem(ask(trusting, his, f"/v1/settlements/{outside}")) == (404, "not_found", [])
    assert problem(ask(trusting, his, "/metrics")) == (403, "forbidden", [])
    insurer = token(EC, "ES256", **now(onestop_role="insurer", onestop_areas=[AREA]))
    assert ask(trusting, insurer, f"/v1/backstops/{inside}").status_code == 200
    elsewhere = token(EC, "ES256", **now(onestop_role="insurer", onestop_areas=["451000"]))
    assert problem(ask(trusting, elsewhere, f"/v1/backstops/{inside}")) == (404, "not_found", [])
    assert ask(trusting, ADMIN, "/metrics").status_code == 200


@pytest.mark.parametrize("changes", [{"exp": NOW - 10**9}, {"aud": "x"}, {"onestop_role": "admin"}], ids=str)
def test_a_token_that_is_not_good_is_as_no_key(trusting: Service, changes: dict[str, Any]) -> None:
    answer = ask(trusting, token(**now(**changes)))
    assert problem(answer) == (401, "unauthorized", [])
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_remembered_token_ends_with_its_time(trusting: Service) -> None:
    short = token(**now(exp=seconds() - 28))
    assert ask(trusting, short).status_code == 200
    time.sleep(2.5)
    assert ask(trusting, short).status_code == 401


def test_the_log_and_the_audit_know_the_bearer_by_a_pseudonym_alone(trusting: Service, tmp_path: Path) -> None:
    answer = ask(trusting, token(**now()))
    name = trusting.logged_of(answer)["key"]
    assert name.startswith("oidc-")
    assert len(name) == len("oidc-") + 16
    (line,) = [
        each
        for each in trusting.get("/v1/audit", params={"key": name}).json()["items"]
        if each["request_id"] == answer.headers["x-request-id"]
    ]
    assert (line["role"], line["action"]) == ("his", "settlements.listed")
    again = ask(trusting, token(**now(jti="another")))
    assert trusting.logged_of(again)["key"] == name
    other = ask(trusting, token(**now(sub="somebody else")))
    assert trusting.logged_of(other)["key"] != name
    for text in (trusting.logged(), trusting.get("/metrics").text, trusting.get("/v1/audit").text):
        assert SUBJECT not in text
        assert "zqx" not in text


def test_without_the_settings_a_token_is_as_no_key(service: Service) -> None:
    assert problem(ask(service, token(**now()))) == (401, "unauthorized", [])


def test_a_new_key_of_the_provider_is_found_without_a_restart_and_old_ones_go_on_while_it_is_away() -> None:
    provider = Provider()
    provider.document = jwks(RSA)
    with provider.serving() as address, running(**settings(address)) as service:
        assert ask(service, token(**now())).status_code == 200
        assert provider.asked == 1
        for _ in range(20):
            assert ask(service, token(EC, "ES256", **now())).status_code == 401
        assert provider.asked == 1  # no token makes it ask more often
    # The provider is away by now; that it was never there is another thing.
    with running(**settings(address)) as service:
        answer = ask(service, token(**now()))
        assert problem(answer) == (503, "issuer_unreachable", [])
        assert answer.headers["retry-after"] == "5"
        assert service.get("/metrics").status_code == 200


class Clockwork:
    """The provider's part alone, with a time that goes on as we like."""

    def __init__(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1e6
        monkeypatch.setattr(issuers, "monotonic", lambda: self.at)
        oidc = Oidc(ISSUER, AUDIENCE, address, "onestop_role", "onestop_facilities", "", frozenset(("his",)))
        self.issuers = Issuers(oidc, lambda: datetime.fromtimestamp(NOW, UTC), str)

    async def opens(self, key: Any, alg: str) -> bool:
        return await self.issuers.access_of(token(key, alg, jti=str(self.at))) is not None


def test_keys_are_fetched_anew_for_a_new_one_and_every_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    provider.document = jwks(RSA)

    async def run(address: str) -> None:
        clock = Clockwork(address, monkeypatch)
        assert await clock.opens(RSA, "RS256")
        provider.document = jwks(EC)
        assert not await clock.opens(EC, "ES256")
        clock.at += PAUSE_SECONDS
        assert await clock.opens(EC, "ES256")
        assert not await clock.opens(RSA, "RS256")
        assert provider.asked == 2
        provider.document = jwks(RSA)
        clock.at += REFRESH_SECONDS
        # Answered with what is known, and renewed behind its back.
        assert await clock.opens(EC, "ES256")
        await asyncio.sleep(0.2)
        assert not await clock.opens(EC, "ES256")
        provider.document = b"broken"
        clock.at += REFRESH_SECONDS
        assert await clock.opens(RSA, "RS256")
        await asyncio.sleep(0.2)
        assert await clock.opens(RSA, "RS256")
        clock.at += 24 * 3600
        with pytest.raises(IssuerUnreachable):
            await clock.opens(RSA, "RS256")

    with provider.serving() as address:
        asyncio.run(run(address))


@pytest.mark.parametrize("trouble", ["a redirect", "too long"])
def test_an_address_that_gives_something_else_gives_no_keys(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    provider = Provider()
    provider.redirects = trouble == "a redirect"
    if trouble == "too long":
        provider.document = provider.document[:-1] + b" " * 300_000 + b"}"
        assert read_keys(provider.document)

    async def run(address: str) -> None:
        with pytest.raises(IssuerUnreachable):
            await Clockwork(address, monkeypatch).opens(RSA, "RS256")

    with provider.serving() as address:
        asyncio.run(run(address))


def test_nothing_of_a_token_is_stored(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(jwks())
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    text = token(**now())
    with running(ONESTOP_DATABASE_URL=url, **settings(str(tmp_path / "jwks.json"))) as service:
        service.client.post("/v1/settlements", json=a_bill(), headers=JSON | bearer(text))
    with sqlite3.connect(tmp_path / "onestop.db") as connection:
        dump = "\n".join(connection.iterdump())
    assert "oidc-" in dump
    assert not [part for part in (*text.split("."), SUBJECT, "zqx") if part in dump]
