"""No answer, log line or metric repeats a name, an id or anything else that somebody sent.

A settled answer names its bill and its facility, and the pointer of an unknown member its name where that is an
identifier; nothing else of a request comes back anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.service import ABSENT, JSON, PREVIEW, Service, changed, running

# One canary for each place where text can stand, found in any case and however it is escaped: ASCII letters only.
WHERE = [
    "billid", "facilitycode", "facilityname", "personid", "patientname", "linecode", "linename", "tier", "status", "category",
    "class", "area", "day", "number", "unknownvalue", "memberword", "header", "cookie", "bearer", "query", "path", "policy",
    "queryarea", "method", "agent", "requestid", "broken", "contenttype", "encoding", "host", "asset",
]  # fmt: skip
CANARY = {place: f"zqx{place}xqz" for place in WHERE}

RIGHT: dict[str, Any] = {
    "/bill_id": CANARY["billid"], "/facility/code": CANARY["facilitycode"], "/facility/name": CANARY["facilityname"],
    "/patient/person_id": CANARY["personid"], "/patient/name": CANARY["patientname"],
    "/lines/0/code": CANARY["linecode"], "/lines/0/name": CANARY["linename"], "/lines/1/code": "王" + CANARY["linecode"],
}  # fmt: skip
HEADERS = JSON | {
    "x-name": CANARY["header"], "cookie": f"session={CANARY['cookie']}", "proxy-authorization": f"Bearer {CANARY['bearer']}",
    "user-agent": CANARY["agent"], "x-request-id": CANARY["requestid"], "referer": f"http://{CANARY['host']}/",
    "x-forwarded-for": CANARY["host"], "x-forwarded-host": CANARY["host"], "forwarded": f"for={CANARY['host']}",
}  # fmt: skip
QUERY = {"person_id": CANARY["query"], CANARY["query"]: "1"}

SETTLED = {
    "as it should be": {},
    "poor": {"/patient/status": "registered_poor"},
}
REFUSED: dict[str, dict[str, Any]] = {
    "a rule on every line": {"/lines/0/amount": "1.00", "/lines/1/self_pay_ratio": "0.5"},
    "a refund too large": {"/lines/0/quantity": "-10", "/lines/0/amount": "-400.00"},
    "names too long": {f"{pointer}": CANARY["patientname"] * 40 for pointer in RIGHT},
    "control characters": {f"{pointer}": CANARY["personid"] + "\u0001" for pointer in RIGHT},
    "no names but objects": {pointer: {CANARY["memberword"]: CANARY["unknownvalue"]} for pointer in RIGHT},
    "lists": {pointer: [CANARY["unknownvalue"]] for pointer in RIGHT},
    "choices": {
        "/facility/tier": CANARY["tier"], "/patient/status": CANARY["status"], "/lines/0/category": CANARY["category"],
        "/lines/0/catalogue_class": CANARY["class"], "/encounter/type": CANARY["class"], "/encounter/cause": CANARY["class"],
    },
    "areas, days and numbers": {
        "/facility/pooling_area": CANARY["area"], "/patient/county": CANARY["area"], "/encounter/admitted_on": CANARY["day"],
        "/prepaid": CANARY["number"], "/lines/0/quantity": CANARY["number"], "/lines/0/line_no": CANARY["number"],
        "/encounter/admission_number": CANARY["number"], "/facility/designated": CANARY["number"],
    },
    "unknown members whose values are names": {
        "/x": CANARY["unknownvalue"], "/patient/x": CANARY["unknownvalue"], "/lines/0/x": [{"y": CANARY["unknownvalue"]}],
    },
    "unknown members that are no identifiers": {
        f"/{CANARY['memberword']} ": 1, f"/patient/王{CANARY['memberword']}": 1, f"/lines/0/{CANARY['memberword']}-": 1,
        f"/facility/{CANARY['memberword'] * 6}": 1, f"/year_to_date/{CANARY['memberword']}~": 1,
    },
    "instead of everything": {"": [CANARY["unknownvalue"]]},
    "no lines": {"/lines": ABSENT, "/facility": CANARY["facilityname"]},
}  # fmt: skip
TEXT = json.dumps(changed(RIGHT), ensure_ascii=False)
NO_JSON = {
    "cut short": TEXT[:-1],
    "trailing": TEXT + CANARY["broken"],
    "without quotes": TEXT.replace('"prepaid"', CANARY["broken"]),
    "twice": TEXT.replace('"prepaid":', f'"{CANARY["broken"]}": 1, "{CANARY["broken"]}": 2, "prepaid":'),
    "escapes": TEXT.replace(CANARY["patientname"], CANARY["patientname"] + "\\q"),
    "a constant": TEXT.replace('"prepaid":', '"prepaid": NaN, "y":'),
    "deep": "[" * 70 + f'"{CANARY["broken"]}"' + "]" * 70,
}

PLACES: list[tuple[str, str, dict[str, str]]] = [
    ("POST", PREVIEW, {"content-type": CANARY["contenttype"]}),
    ("POST", PREVIEW, {"content-type": f"application/json; charset={CANARY['contenttype']}"}),
    ("POST", PREVIEW, {"content-type": f"multipart/form-data; boundary={CANARY['contenttype']}"}),
    ("POST", PREVIEW, JSON | {"content-encoding": CANARY["encoding"]}),
    ("PUT", PREVIEW, JSON),
    ("GET", f"/{CANARY['path']}", {}),
    ("GET", f"/v1/settlements/{CANARY['path']}", {}),
    ("GET", f"/v1/policies/{CANARY['policy']}", {}),
    ("GET", f"/v1/policies/{CANARY['policy']}?area=450100", {}),
    ("GET", f"/v1/policies/guangxi@2017-12-13?area={CANARY['queryarea']}", {}),
    ("GET", f"/v1/policies/guangxi@2017-12-13?{CANARY['queryarea']}=1&area=450100", {}),
    ("GET", f"/v1/policies?name={CANARY['query']}", {}),
    ("GET", f"/docs/assets/{CANARY['asset']}.js", {}),
    ("GET", f"/docs?{CANARY['query']}", {}),
    ("GET", f"/openapi.json?{CANARY['query']}", {}),
    ("GET", f"/healthz?{CANARY['query']}", {"host": CANARY["host"]}),
    ("GET", f"/readyz?{CANARY['query']}", {}),
    ("PURGE", f"/{CANARY['path']}", {}),
]  # fmt: skip
NO_HTTP = [
    f"{CANARY['method'].upper()} /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    f"GET /healthz HTTP/1.1\r\n{CANARY['header']}\r\n\r\n",
    f"GET /{CANARY['path']}\x01 HTTP/1.1\r\nhost: x\r\n\r\n",
    f"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: {CANARY['header']}\r\n\r\n",
    f"POST {PREVIEW} HTTP/1.1\r\nhost: x\r\ncontent-length: {CANARY['header']}\r\n\r\n",
]


@pytest.fixture(scope="module", params=["json", "console"])
def quiet(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service of its own in each log format, with whatever these tests send in its log and its metrics."""
    with running(ONESTOP_LOG_FORMAT=request.param) as service:
        yield service


def told(answer: httpx.Response) -> str:
    """Everything of an answer, headers too, as it can be searched."""
    text = answer.content.decode("utf-8", "backslashreplace") + "".join(
        f"{name}: {value}\n" for name, value in answer.headers.items()
    )
    return text.lower()


def repeated(text: str) -> list[str]:
    return [place for place in WHERE if CANARY[place] in text.lower()]


def sent(quiet: Service, body: Any) -> httpx.Response:
    content = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    return quiet.client.post(PREVIEW, content=content, headers=HEADERS, params=QUERY)


def asked(quiet: Service, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    content = TEXT.encode() if method in ("POST", "PUT") else None
    return quiet.client.request(method, path, headers=HEADERS | headers, content=content)


@pytest.mark.parametrize("name", SETTLED)
def test_a_settled_answer_names_its_bill_and_facility_alone(quiet: Service, name: str) -> None:
    answer = sent(quiet, changed(RIGHT | SETTLED[name]))
    assert answer.status_code == 200
    assert repeated(told(answer)) == ["billid", "facilitycode"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_repeats_nothing(quiet: Service, name: str) -> None:
    answer = sent(quiet, changed(RIGHT | REFUSED[name]))
    assert answer.status_code == 422
    assert repeated(told(answer)) == []


@pytest.mark.parametrize("name", NO_JSON)
def test_what_is_no_json_is_not_repeated(quiet: Service, name: str) -> None:
    answer = sent(quiet, NO_JSON[name])
    assert answer.status_code == 400
    assert repeated(told(answer)) == []


def test_an_unknown_member_that_is_an_identifier_comes_back_in_its_pointer_and_nowhere_else(quiet: Service) -> None:
    answer = sent(quiet, changed({"/zqxword": "v", "/patient/zqxword": "v"}))
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/zqxword", "/patient/zqxword"]
    assert told(answer).count("zqxword") == 2


@pytest.mark.parametrize(("method", "path", "headers"), PLACES, ids=lambda value: str(value)[:60])
def test_paths_queries_and_headers_are_not_repeated(
    quiet: Service, method: str, path: str, headers: dict[str, str]
) -> None:
    assert repeated(told(asked(quiet, method, path, headers))) == []


@pytest.mark.parametrize("text", NO_HTTP, ids=lambda text: repr(text[:30]))
def test_what_is_no_http_is_not_repeated(quiet: Service, text: str) -> None:
    assert repeated(quiet.exchange(text.encode()).decode()) == []


def test_the_log_and_the_metrics_hold_nothing_of_all_that(quiet: Service) -> None:
    answers = [sent(quiet, changed(RIGHT | changes)) for changes in (*SETTLED.values(), *REFUSED.values())]
    answers += [sent(quiet, text) for text in NO_JSON.values()]
    answers += [asked(quiet, *place) for place in PLACES]
    for text in NO_HTTP:
        quiet.exchange(text.encode())
    answers.append(sent(quiet, changed({"/zqxword": "v", "/patient/zqxword": "v"})))
    quiet.lives()
    log = quiet.logged()
    # All of them are there, so there was something to leave out.
    assert all(answer.headers["x-request-id"] in log for answer in answers)
    assert {answer.status_code for answer in answers} == {200, 400, 404, 405, 415, 422}
    for text in (log, quiet.get("/metrics").text):
        assert "zqx" not in text.lower()
        assert "王" not in text


def test_every_log_line_is_of_the_format_that_was_asked_for(quiet: Service) -> None:
    quiet.exchange(b"no http\r\n\r\n")
    quiet.lives()
    lines = quiet.logged().splitlines()
    assert len(lines) > 2
    if lines[0].startswith("{"):
        assert all("event" in json.loads(line) for line in lines)
    else:
        assert all(line.startswith("timestamp=") and " event=" in line for line in lines)
