"""Reconciliations over HTTP: what matches, what is missing where, which amounts differ; recorded, signed and marked."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.api.asked import BACKSTOPPED, RUNS, a_bill, recorded
from tests.api.service import JSON, Service, problem, running
from tests.keys import ADMIN, admit, bearer, minted

PERIOD = {"from": "2020-01-01", "to": "2099-12-31"}
DAY = "2026-11-24"
BACKSTOP = "884.00"
Row = dict[str, str]


class Reconciled(Service):
    url: str


@pytest.fixture
def service(tmp_path: Any) -> Any:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    with running(ONESTOP_DATABASE_URL=url) as started:
        started.__class__ = Reconciled
        assert isinstance(started, Reconciled)
        started.url = url
        yield started


def settle(service: Service, bill_id: str, **changes: Any) -> str:
    """A bill of facility H1 in 450300 whose backstop pays 884.00."""
    return recorded(service, a_bill(**(BACKSTOPPED | {"/bill_id": bill_id} | changes)))


def row(bill_id: str, amount: str = BACKSTOP, facility: str = "H1", date: str = DAY) -> Row:
    return {"facility": facility, "bill_id": bill_id, "amount": amount, "date": date}


def as_json(rows: list[Row]) -> tuple[bytes, str]:
    return json.dumps({"rows": rows}).encode(), "application/json"


def as_csv(rows: list[Row]) -> tuple[bytes, str]:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["date", "amount", "bill_id", "facility"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8"


def as_parquet(rows: list[Row]) -> tuple[bytes, str]:
    columns = {name: pa.array([each[name] for each in rows], pa.string()) for name in ("facility", "bill_id", "date")}
    columns["date"] = columns["date"].cast(pa.date32())
    columns["amount"] = pa.array([Decimal(each["amount"]) for each in rows], pa.decimal128(18, 2))
    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), out)
    return out.getvalue(), "application/vnd.apache.parquet"


FORMATS: dict[str, Callable[[list[Row]], tuple[bytes, str]]] = {"json": as_json, "csv": as_csv, "parquet": as_parquet}


def post(service: Service, sent: tuple[bytes, str], key: str = ADMIN, **query: str) -> httpx.Response:
    content, kind = sent
    headers = bearer(key) | {"content-type": kind}
    return service.client.post(RUNS, params=PERIOD | query, content=content, headers=headers)


def counts(run: dict[str, Any]) -> dict[str, tuple[int, str, str]]:
    kinds = ("matched", "missing_here", "missing_there", "amount_differs", "total")
    return {kind: (run[kind]["bills"], run[kind]["here"], run[kind]["there"]) for kind in kinds}


@pytest.mark.parametrize("form", FORMATS)
def test_each_bill_falls_into_its_kind(service: Reconciled, form: str) -> None:
    for bill_id in ("same", "differs", "forgotten"):
        settle(service, bill_id)
    rows = [row("same"), row("differs", "884.01"), row("invented", "10.00"), row("same", BACKSTOP, "H9")]
    answer = post(service, FORMATS[form](rows))
    assert answer.status_code == 201, answer.text
    run = answer.json()
    assert counts(run) == {
        "matched": (1, "884.00", "884.00"),
        "missing_here": (2, "0.00", "894.00"),
        "missing_there": (1, "884.00", "0.00"),
        "amount_differs": (1, "884.00", "884.01"),
        "total": (5, "2652.00", "2662.01"),
    }
    assert [(each["kind"], each["facility"], each["bill_id"], each["difference"]) for each in run["differences"]] == [
        ("amount_differs", "H1", "differs", "0.01"), ("missing_there", "H1", "forgotten", "-884.00"),
        ("missing_here", "H1", "invented", "10.00"), ("missing_here", "H9", "same", "884.00"),
    ]  # fmt: skip # one bill an entry
    assert (run["rows_here"], run["rows_there"], run["marked"]) == (3, 4, None)
    report = list(csv.DictReader(io.StringIO(service.get(run["report"]).text)))
    assert [each["bill_id"] for each in report] == ["differs", "forgotten", "invented", "same"]
    assert report[0] | {"settlement_id": ""} == {
        "kind": "amount_differs", "facility": "H1", "bill_id": "differs", "here": "884.00", "there": "884.01",
        "difference": "0.01", "settlement_id": "",
    }  # fmt: skip # one row


def test_a_settlement_its_reversal_and_the_next_under_the_key_are_added_up(service: Reconciled) -> None:
    first = settle(service, "twice")
    service.client.post(f"/v1/settlements/{first}/reversal", content=b'{"reason": "r"}', headers=JSON)
    gone = settle(service, "gone")
    service.client.post(f"/v1/settlements/{gone}/reversal", content=b'{"reason": "r"}', headers=JSON)
    settle(service, "twice")
    rows = [row("twice"), row("twice", "-884.00"), row("twice", "884")]
    run = post(service, as_json(rows)).json()
    assert counts(run)["matched"] == counts(run)["total"] == (1, "884.00", "884.00")
    assert (run["rows_here"], run["rows_there"]) == (5, 3)


def test_the_run_is_recorded_and_its_hash_is_over_what_it_says(service: Reconciled) -> None:
    settle(service, "B1")
    answer = post(service, as_json([row("B1"), row("B2", "1.00")]))
    run = answer.json()
    assert answer.headers["location"] == f"{RUNS}/{run['reconciliation_id']}"
    assert service.get(answer.headers["location"]).content == answer.content
    assert service.get(RUNS).json() == {"items": [run], "next_cursor": None}
    signed = {name: run[name] for name in list(run)[: list(run).index("hash")]}
    text = json.dumps(signed, ensure_ascii=False, separators=(",", ":"))
    assert run["hash"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    book = b"H1\tB1\t88400\nH1\tB2\t100\n"
    assert run["books"]["there"] == f"sha256:{hashlib.sha256(book).hexdigest()}"
    assert run["books"]["here"] == f"sha256:{hashlib.sha256(book.splitlines(keepends=True)[0]).hexdigest()}"


def test_what_matches_is_marked_with_the_insurers_reference_and_shown_everywhere(service: Reconciled) -> None:
    same, other = settle(service, "same"), settle(service, "other")
    rows = as_json([row("same"), row("other", "1.00")])
    insurer = minted(service.url, "insurer", areas=("450300",))
    run = post(service, rows, insurer, mark="refused", reference="R-1").json()
    assert run["marked"] == {"payment": "refused", "reference": "R-1", "backstops": 1}
    assert post(service, rows, insurer, mark="refused", reference="R-1").json()["marked"]["backstops"] == 0
    again = post(service, rows, insurer, mark="paid", reference="R-2").json()
    assert again["marked"]["backstops"] == 1
    listed = {item["settlement_id"]: item["payment"] for item in service.get("/v1/backstops").json()["items"]}
    assert listed == {same: "paid", other: None}
    summary = service.get("/v1/backstops/summary").json()
    assert (summary["total"]["backstop"], summary["total"]["paid"], summary["total"]["refused"]) == (
        "1768.00",
        "884.00",
        "0.00",
    )
    history = service.get(f"/v1/backstops/{same}").json()["payments"]
    assert [(each["payment"], each["reference"], each["reconciliation_id"]) for each in history] == [
        ("refused", "R-1", run["reconciliation_id"]), ("paid", "R-2", again["reconciliation_id"]),
    ]  # fmt: skip # one word an entry


def test_bounds_decide_what_is_compared_and_who_sees_the_run(service: Reconciled) -> None:
    settle(service, "mine")
    settle(service, "theirs", **{"/facility/code": "H2"})
    settle(service, "far", **{
        "/patient/pooling_area": "451000", "/patient/county": "451022", "/facility/pooling_area": "451000", "/facility/county": "451022",
    })  # fmt: skip # one bill
    his = minted(service.url, "his", facilities=("H1",))
    insurer = minted(service.url, "insurer", areas=("451000",))
    of_his = post(service, as_json([]), his).json()
    assert [each["bill_id"] for each in of_his["differences"]] == ["far", "mine"]
    of_insurer = post(service, as_json([]), insurer).json()
    assert [each["bill_id"] for each in of_insurer["differences"]] == ["far"]
    path = f"{RUNS}/{of_his['reconciliation_id']}"
    same = minted(service.url, "his", facilities=("H1",))
    for key, status in ((his, 200), (same, 200), (ADMIN, 200), (insurer, 404)):
        assert service.get(path, headers=bearer(key)).status_code == status
        assert service.get(f"{path}/report", headers=bearer(key)).status_code == status
    assert [each["hash"] for each in service.get(RUNS, headers=bearer(insurer)).json()["items"]] == [of_insurer["hash"]]
    assert problem(post(service, as_json([]), insurer, payer="basic_insurance")) == (403, "forbidden", [])
    assert problem(post(service, as_json([]), his, mark="paid", reference="R")) == (403, "forbidden", [])


def test_another_payers_books_are_compared_alike(service: Reconciled) -> None:
    settle(service, "B1")
    run = post(service, as_json([row("B1", "320.00")]), payer="basic_insurance").json()
    assert counts(run)["matched"] == (1, "320.00", "320.00")


BROKEN: dict[str, tuple[list[Any], list[str]]] = {
    "an unknown member": ([row("B") | {"x": "1"}], ["/rows/0/x"]),
    "missing members": ([{"facility": "H1"}], ["/rows/0/bill_id", "/rows/0/amount", "/rows/0/date"]),
    "wrong forms": ([row("", "1.001", "", "2026-02-30")], ["/rows/0/facility", "/rows/0/bill_id", "/rows/0/amount", "/rows/0/date"]),
    "a day outside the period": ([row("B"), row("B", date="2019-12-31"), row("B", date="2100-01-01")], ["/rows/1/date", "/rows/2/date"]),
    "no object": ([row("B"), 7, None], ["/rows/1", "/rows/2"]),
    "a boolean amount": ([row("B") | {"amount": True}], ["/rows/0/amount"]),
    "a control character": ([row("B\u0001")], ["/rows/0/bill_id"]),
}  # fmt: skip # one mistake a line


@pytest.mark.parametrize("name", BROKEN)
def test_rows_of_another_form_are_refused_and_nothing_is_recorded(service: Reconciled, name: str) -> None:
    rows, pointers = BROKEN[name]
    assert problem(post(service, as_json(rows))) == (422, "field_invalid", pointers)
    assert service.get(RUNS).json()["items"] == []


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b'{"rows": {}}', b'{"rows": [}', b'{"rows": [1,]}', b'{"rows": [] } x', b'{"x": 1, "rows": []}', b'{"rows": [], "x": 1}',
    b'{"rows": [NaN]}', b'{"rows": ["\xff"]}', b'{"rows": [{"a": 1, "a": 2}]}', b'{"rows": [' + b"[" * 70 + b"]" * 70 + b"]}",
    b'{"rows": ["' + b"x" * 40_000, b'\xef\xbb\xbf{"rows": []}',
])  # fmt: skip
def test_what_is_no_json_of_rows_is_refused(service: Service, content: bytes) -> None:
    assert problem(post(service, (content, "application/json"))) == (400, "not_json", [""])


@pytest.mark.parametrize(("content", "kind"), [
    (b"", "text/csv"), (b"facility,bill_id,amount\r\nH,B,1\r\n", "text/csv"), (b"\xff", "text/csv"),
    (b"facility,bill_id,amount,date,date\r\n", "text/csv"), (b'facility,bill_id,amount,date\r\n"H', "text/csv"),
    (b"PAR1", "application/vnd.apache.parquet"), (b"", "application/vnd.apache.parquet"),
])  # fmt: skip
def test_what_is_no_table_of_rows_is_refused(service: Service, content: bytes, kind: str) -> None:
    assert problem(post(service, (content, kind))) == (422, "field_invalid", [""])


def test_a_parquet_file_of_floats_is_refused(service: Reconciled) -> None:
    out = io.BytesIO()
    table = pa.table({"facility": ["H1"], "bill_id": ["B"], "amount": [0.1], "date": [DAY]})
    pyarrow.parquet.write_table(table, out)
    answer = post(service, (out.getvalue(), "application/vnd.apache.parquet"))
    assert problem(answer) == (422, "field_invalid", [""])
    assert "amount" in answer.json()["detail"]


def test_an_empty_line_of_a_table_is_no_row_and_a_short_one_is_refused(service: Reconciled) -> None:
    head = b"facility,bill_id,amount,date\r\n"
    assert post(service, (head + b"\r\nH1,B,1,2026-11-24\r\n\r\n", "text/csv")).json()["rows_there"] == 1
    assert problem(post(service, (head + b"H1,B,1\r\n", "text/csv"))) == (422, "field_invalid", ["/rows/0/date"])
    assert problem(post(service, (head + b"H1,B,1,2026-11-24,5\r\n", "text/csv"))) == (
        422,
        "field_invalid",
        ["/rows/0"],
    )


@pytest.mark.parametrize(("query", "pointer"), [
    ({"from": "2026-1-1"}, "/from"), ({"to": "2026-02-30"}, "/to"), ({"to": "2019-01-01"}, "/to"), ({"payer": "patient"}, "/payer"),
    ({"mark": "paid"}, "/reference"), ({"reference": "R"}, "/reference"), ({"mark": "lost", "reference": "R"}, "/mark"),
    ({"mark": "paid", "reference": "R\u0001"}, "/reference"), ({"mark": "paid", "reference": "R", "payer": "basic_insurance"}, "/mark"),
])  # fmt: skip
def test_parameters_of_another_form_are_refused(service: Service, query: dict[str, str], pointer: str) -> None:
    assert problem(post(service, as_json([]), **query)) == (422, "field_invalid", [pointer])


def test_another_content_type_is_refused(service: Service) -> None:
    assert problem(post(service, (b"", "text/plain"))) == (415, "unsupported_media_type", [])
