"""The tables of `onestop settle --explain` and of `make run`, as people see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from app.commands.tables import answer_table
from tests.cli.running import inside, line

HERE = Path(__file__).parent / "tables"
ANSWERS = json.loads(HERE.joinpath("answers.json").read_text("utf-8"))


def shown(answer, language, width, number=1):
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(answer_table(answer, language, number))
    return captured.get()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("name", ["settled", "refused"])
def test_an_answer_is_shown_as_this_table(name, language, width):
    expected = HERE.joinpath(f"{name}.{language}.{width}.txt").read_text("utf-8")
    assert shown(ANSWERS[name], language, width, number=3) == expected


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_no_line_is_wider_than_the_window_and_no_word_is_lost(language, width):
    table = shown(ANSWERS["settled"], language, width)
    assert max(cell_len(each) for each in table.splitlines()) <= width
    why = "".join("".join(each.split("│")[4].split()) for each in table.splitlines() if each.count("│") == 5)
    for stage in ANSWERS["settled"]["stages"][1:]:
        assert "".join(stage["text"][language].split()) in why
    assert "…" not in table


def test_a_number_is_never_folded():
    for width in range(60, 121, 7):
        for each in ("4,851.62", "5,587.62", "5,028.86", "4,560.52", "1,027.10", "10,000.00"):
            assert each in shown(ANSWERS["settled"], "zh-CN", width)


def test_a_problem_without_places_is_shown_in_its_own_words():
    problem = {"status": 413, "code": "body_too_large", "detail": "A request has at most 8 bytes.", "errors": []}
    assert shown(problem, "en", 80, number=7).splitlines() == [
        "Request 7 is refused (413 body_too_large)",
        "A request has at most 8 bytes.",
    ]


def test_signs_that_mean_a_style_elsewhere_are_shown_as_they_are():
    answer = ANSWERS["settled"] | {"bill_id": "[red]:warning:[/]"}
    assert "账单 [red]:warning:[/] · " in shown(answer, "zh-CN", 80)


def test_explain_prints_a_table_for_each_answer_and_counts_them():
    status, output, errors = inside(
        "settle", "-", "--explain", "--language", "en", stdin=line("b1") + b"\noops\n" + line("b2")
    )
    titles = [each for each in output.decode().splitlines() if each.startswith(("Bill", "Request"))]
    assert (status, errors) == (1, "")
    assert titles == [
        "Bill b1 · insurance year 2018 · policy guangxi@2017-12-13 · area 450000",
        "Request 2 is refused (400 not_json)",
        "Bill b2 · insurance year 2018 · policy guangxi@2017-12-13 · area 450000",
    ]


def test_explain_speaks_chinese_unless_told_otherwise():
    output = inside("settle", "-", "--explain", stdin=line("b1"))[1].decode()
    row = next(each for each in output.splitlines() if "个人负担" in each)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "个人负担", "650.00", "46.43%", "各方支付后的余额，扣除预交金应补 650.00 元",
    ]  # fmt: skip


def test_explain_goes_to_a_file_too():
    assert inside("settle", "-", "--explain", "--out", "table.txt", stdin=line("b1"))[:2] == (0, b"")
    assert "个人负担" in Path("table.txt").read_text("utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_problem_of_the_whole_request_says_so():
    problem = {"status": 400, "code": "not_json", "errors": [{"pointer": "", "code": "not_json", "detail": "No."}]}
    assert [cell.strip() for cell in shown(problem, "en", 80).splitlines()[5].strip("│").split("│")] == [
        "the whole request", "not_json", "No.",
    ]  # fmt: skip


def test_what_the_patient_pays_stands_out_and_what_nobody_pays_steps_back():
    console = Console(width=120, force_terminal=True, color_system="standard", legacy_windows=False)
    with console.capture() as captured:
        console.print(answer_table(ANSWERS["settled"], "en"))
    rows = captured.get().splitlines()
    assert "\x1b[1mPatient" in next(each for each in rows if "Patient" in each)
    assert "\x1b[2mEmergency aid" in next(each for each in rows if "Emergency aid" in each)
    assert "\x1b[" not in next(each for each in rows if "Backstop" in each)
