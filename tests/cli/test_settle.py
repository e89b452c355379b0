"""`onestop settle`: what goes in, what comes out, and with which exit status."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from app.api import answers
from app.commands import parallel, processes
from tests.cli.running import bill, inside, line, run, seen
from tests.unit.policies.small import OVERLAY, REGION, changed


def present() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


NOT_JSON = (
    b'{"type":"urn:onestop:problem:not_json","title":"The body is not JSON","status":400,'
    b'"detail":"The body is not JSON: a syntax error at line 1, column 1.","code":"not_json",'
    b'"errors":[{"pointer":"","code":"not_json",'
    b'"detail":"The body is not JSON: a syntax error at line 1, column 1."}]}\n'
)
LIMIT = 8 * 1024 * 1024


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, data: bytes) -> str:
    Path(name).write_bytes(data)
    return name


def test_one_line_comes_out_for_one_line_that_went_in_in_the_same_order():
    write("bills.ndjson", b"\n".join([line("c", "1400.00"), line("a", "2400.00"), line("b", "400.00")]) + b"\n")
    status, output, errors = inside("settle", "bills.ndjson")
    assert (status, errors) == (0, "")
    assert seen(output) == ["c 650.00", "a 900.00", "b 400.00"]


def test_an_answer_is_that_of_a_preview_without_a_ledger():
    _, output, _ = inside("settle", "-", stdin=line("b1"))
    answer = json.loads(output)
    assert (answer["settlement_id"], answer["settled_at"]) == (None, None)
    assert (answer["status"], answer["year_to_date_source"]) == ("preview", "request")
    assert output.startswith(b'{"settlement_id":null,"status":"preview","bill_id":"b1","facility_code":"H1",')


def test_an_absent_year_to_date_counts_as_zeros():
    without = {name: value for name, value in bill("b1").items() if name != "year_to_date"}
    assert inside("settle", "-", stdin=json.dumps(without).encode()) == inside("settle", "-", stdin=line("b1"))


def test_a_refused_line_gets_its_problem_document_and_stops_no_other():
    status, output, errors = inside("settle", "-", stdin=line("b1") + b"\noops\n" + line("b2") + b"\n")
    assert (status, errors) == (1, "")
    assert seen(output) == ["b1 650.00", "400 not_json", "b2 650.00"]
    assert output.split(b"\n")[1] + b"\n" == NOT_JSON


def test_all_errors_of_a_line_come_at_once():
    status, output, _ = inside("settle", "-", stdin=line("b1", prepaid="-1", cost="1"))
    assert status == 1
    assert [(error["pointer"], error["code"]) for error in json.loads(output)["errors"]] == [
        ("/cost", "field_invalid"),
        ("/prepaid", "field_invalid"),
    ]


def test_a_number_of_workers_is_at_least_one():
    result = run("settle", "-", "--workers", "0", stdin=line("b1"))
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"--workers" in result.stderr


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_blank_lines_are_skipped_and_line_ends_may_be_those_of_windows_or_missing(ending, last):
    data = ending + ending.join([line("b1"), b"", b"  \t", line("b2")]) + (ending if last else b"")
    assert (
        inside("settle", write("bills.ndjson", data))[1]
        == inside("settle", "-", stdin=line("b1") + b"\n" + line("b2"))[1]
    )


@pytest.mark.parametrize("name", ["bill.json", "bill.txt", "-"])
def test_a_document_may_spread_over_many_lines(name):
    pretty = json.dumps(bill("b1"), indent=2, ensure_ascii=False).encode()
    if name != "-":
        write(name, pretty)
    assert inside("settle", name, stdin=pretty) == inside("settle", "-", stdin=line("b1"))


@pytest.mark.parametrize("name", ["bill.json", "-"])
def test_a_broken_document_is_refused_once_and_not_line_by_line(name):
    broken = Path(__file__).parents[2].joinpath("examples/bill.json").read_bytes().replace(b'"lines": [', b'"lines": ')
    if name != "-":
        write(name, broken)
    status, output, _ = inside("settle", name, stdin=broken)
    assert (status, seen(output)) == (1, ["400 not_json"])


def test_several_files_and_standard_input_are_settled_in_the_order_given():
    write("1.ndjson", line("b1") + b"\n" + line("b2"))
    write("2.json", json.dumps(bill("b3"), indent=1).encode())
    write("3.ndjson", b"")
    status, output, _ = inside("settle", "2.json", "-", "3.ndjson", "1.ndjson", stdin=line("b4"))
    assert (status, seen(output)) == (0, ["b3 650.00", "b4 650.00", "b1 650.00", "b2 650.00"])


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \r\n"])
def test_an_empty_file_gives_nothing_and_is_no_error(data):
    assert inside("settle", write("empty.ndjson", data)) == (0, b"", "")
    assert inside("settle", "-", stdin=data) == (0, b"", "")


def test_a_line_over_the_limit_is_refused_on_its_line():
    long = b'{"bill_id":"' + b"x" * LIMIT + b'"}'
    status, output, _ = inside("settle", "-", stdin=line("b1") + b"\n" + long + b"\r\n" + line("b2"))
    assert (status, seen(output)) == (1, ["b1 650.00", "413 body_too_large", "b2 650.00"])
    assert json.loads(output.split(b"\n")[1]) == {
        "type": "urn:onestop:problem:body_too_large",
        "title": "The body is larger than 8 MiB",
        "status": 413,
        "detail": "A request has at most 8,388,608 bytes.",
        "code": "body_too_large",
        "errors": [],
    }


def test_a_line_of_just_the_limit_is_settled_and_one_more_byte_is_not():
    whole = line("b1")[:-1] + b" " * (LIMIT - len(line("b1"))) + b"}"
    assert len(whole) == LIMIT
    assert seen(inside("settle", "-", stdin=whole + b"\r\n" + line("b2"))[1]) == ["b1 650.00", "b2 650.00"]
    assert seen(inside("settle", "-", stdin=b" " + whole + b"\r\n" + line("b2"))[1]) == [
        "413 body_too_large",
        "b2 650.00",
    ]


def test_a_document_over_the_limit_is_refused_once():
    pretty = json.dumps(bill("b1"), indent=2).encode()
    assert seen(inside("settle", write("b.json", pretty[:-1] + b" \n" * LIMIT + b"}"))[1]) == ["413 body_too_large"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.ndjson"], "missing.ndjson: No such file or directory"),
        (["here.ndjson", "here.ndjson", "here.ndjson", "missing.ndjson"], "missing.ndjson: No such file or directory"),
        (["."], ".: Is a directory"),
        (["here.ndjson", "--out", "missing/out.ndjson"], "missing/out.ndjson: No such file or directory"),
        (["here.ndjson", "--out", "."], ".: Is a directory"),
        (["here.ndjson", "--out", "/dev/full"], "/dev/full: No space left on device"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line_before_anything_is_written(arguments, message):
    write("here.ndjson", line("b1"))
    assert inside("settle", *arguments) == (2, b"", f"onestop settle: {message}\n")
    assert present() == ["here.ndjson"]


def test_what_may_not_be_read_or_written_is_one_clear_line():
    if os.geteuid() == 0:
        pytest.skip("root may read and write everything")
    Path(write("secret.ndjson", line("b1"))).chmod(0)
    assert inside("settle", "secret.ndjson") == (2, b"", "onestop settle: secret.ndjson: Permission denied\n")
    Path("closed").mkdir(mode=0o500)
    assert inside("settle", "-", "--out", "closed/out", stdin=line("b1"))[::2] == (
        2,
        "onestop settle: closed/out: Permission denied\n",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "FILE"),
        (["-", "--language", "fr"], "expected zh-CN or en"),
        (["-", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_told_with_status_2(arguments, words):
    status, output, errors = inside("settle", *arguments)
    assert (status, output) == (2, b"")
    assert words in errors


def test_answers_go_to_a_file_and_nothing_to_standard_output():
    assert inside("settle", "-", "--out", "out.ndjson", stdin=line("b1") + b"\noops") == (1, b"", "")
    assert seen(Path("out.ndjson").read_bytes()) == ["b1 650.00", "400 not_json"]
    assert present() == ["out.ndjson"]


def test_a_file_can_be_settled_onto_itself_and_stays_as_private_as_it_was():
    Path(write("bills.ndjson", line("b1"))).chmod(0o640)
    assert inside("settle", "bills.ndjson", "--out", "bills.ndjson")[0] == 0
    assert seen(Path("bills.ndjson").read_bytes()) == ["b1 650.00"]
    assert stat.S_IMODE(Path("bills.ndjson").stat().st_mode) == 0o640


def test_a_symbolic_link_given_as_out_stays_one():
    Path("link").symlink_to("target")
    assert inside("settle", "-", "--out", "link", stdin=line("b1"))[0] == 0
    assert Path("link").is_symlink()
    assert seen(Path("target").read_bytes()) == ["b1 650.00"]


def test_an_out_file_keeps_what_it_held_until_the_answers_are_whole(monkeypatch):
    write("out.ndjson", b"before")

    def fails(_block, _catalogue):
        assert Path("out.ndjson").read_bytes() == b"before"
        raise processes.WorkerLost("gone")

    monkeypatch.setattr(parallel, "settle_block", fails)
    assert inside("settle", "-", "--out", "out.ndjson", stdin=line("b1")) == (2, b"", "onestop settle: gone\n")
    assert Path("out.ndjson").read_bytes() == b"before"
    assert present() == ["out.ndjson"]


def test_a_mistake_of_ours_is_answered_on_its_line_and_told_without_what_the_request_says(monkeypatch):
    def mistaken(body, catalogue):
        if b'"b2"' in body:
            raise ValueError("王小明")
        return answers.answer(body, catalogue)

    monkeypatch.setattr(parallel, "answer", mistaken)
    status, output, errors = inside("settle", "-", stdin=b"\n".join([line("b1"), line("b2"), line("b2"), line("b3")]))
    assert (status, seen(output)) == (1, ["b1 650.00", "500 internal_error", "500 internal_error", "b3 650.00"])
    assert len(errors.splitlines()) == 1
    assert errors.startswith("onestop settle: a mistake of ours, please report it: ValueError in mistaken:")
    assert "王小明" not in errors + output.decode()


@pytest.fixture
def small_packs():
    Path("packs").mkdir()
    write("packs/region.yaml", REGION.encode())
    return "packs"


SMALL_BILL: dict[str, Any] = {
    "facility": {"code": "H1", "tier": "secondary", "pooling_area": "990100"},
    "patient": {"person_id": "P1", "status": "ordinary", "pooling_area": "990100"},
}


def policy_of(result):
    status, output, errors = result
    assert (status, errors) == (0, "")
    return json.loads(output)["policy"]["id"]


def test_packs_of_a_folder_are_used_alone(small_packs):
    assert (
        policy_of(inside("settle", "-", "--packs", "packs", stdin=line("b1", **SMALL_BILL))) == "smallland@2018-01-01"
    )
    assert seen(inside("settle", "-", "--packs", "packs", stdin=line("b1"))[1]) == ["422 no_policy_in_force"]


def test_packs_of_the_environment_and_of_a_dotenv_file_are_added_to_those_that_ship(small_packs, monkeypatch):
    assert seen(inside("settle", "-", stdin=line("b1", **SMALL_BILL))[1]) == ["422 no_policy_in_force"]
    write(".env", b"ONESTOP_PACKS_DIR=packs\n")
    assert policy_of(inside("settle", "-", stdin=line("b1", **SMALL_BILL))) == "smallland@2018-01-01"
    assert policy_of(inside("settle", "-", stdin=line("b1"))) == "guangxi@2017-12-13"


def test_the_environment_goes_before_the_dotenv_file(small_packs):
    write(".env", b"ONESTOP_PACKS_DIR=nowhere\n")
    result = run("settle", "-", stdin=line("b1", **SMALL_BILL), ONESTOP_PACKS_DIR="packs")
    assert policy_of((result.returncode, result.stdout, result.stderr.decode())) == "smallland@2018-01-01"


@pytest.mark.parametrize(
    ("dotenv", "message"),
    [
        (b"ONESTOP_PACKS_DIR=nowhere", "ONESTOP_PACKS_DIR: expected a folder that exists"),
        (b"ONESTOP_LOG_FORMAT=xml", "ONESTOP_LOG_FORMAT: expected one of console, json"),
        (b"# mine\nOTHER\nONESTOP_PACKS_DIR", ".env, line 3: expected NAME=value"),
        (b"export ONESTOP_LOG_FORMAT=xml", "ONESTOP_LOG_FORMAT: expected one of console, json"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(dotenv, message):
    write(".env", dotenv)
    assert inside("settle", "-", stdin=line("b1")) == (2, b"", f"onestop settle: {message}\n")


def test_broken_packs_tell_all_their_errors_and_nothing_is_settled(small_packs):
    write("packs/region.yaml", changed(REGION, "target: 0.90", "target: 9").encode())
    write("packs/city.yaml", changed(OVERLAY, "0.72", "no").encode())
    status, output, errors = inside("settle", "-", "--packs", "packs", "--out", "out.ndjson", stdin=line("b1"))
    assert (status, output) == (2, b"")
    first, second, last = errors.splitlines()
    assert first.startswith(
        'city.yaml: basic_insurance.rate.secondary (line 8): found "no", expected a rate from 0 to 1'
    )
    assert second.startswith('region.yaml: backstop.target (line 50): found "9", expected a rate from 0 to 1')
    assert last == "onestop settle: 2 errors in the packs, nothing is settled"
    assert not Path("out.ndjson").exists()


def test_a_folder_without_packs_is_told():
    Path("packs").mkdir()
    status, output, errors = inside("settle", "-", "--packs", "packs", stdin=line("b1"))
    assert (status, output) == (2, b"")
    assert errors.splitlines() == [
        "packs: line 1: holds no pack, expected files *.yaml or *.yml",
        "onestop settle: 1 error in the packs, nothing is settled",
    ]
