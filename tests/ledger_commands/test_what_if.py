"""`onestop replay --what-if`: the bills in force under other packs, to the fen, and nothing recorded."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from app.policies.catalogue import load_folder, load_shipped

from .books import bill, dump, onestop, opened, replay, window

PACKS = Path(__file__).parents[2] / "app/policies"


def packs_with(folder: Path, **changes: str) -> Path:
    """The packs that ship, the region's file changed: old words, new words."""
    folder.mkdir()
    for file in PACKS.glob("*.yaml"):
        shutil.copy(file, folder)
    region = folder / "guangxi.yaml"
    text = region.read_text("utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    region.write_text(text, "utf-8")
    return folder


@pytest.fixture
def late_law(tmp_path):
    """The backstop's target is 95 %, not 90 %."""
    return packs_with(tmp_path / "late", **{"target: 0.90": "target: 0.95"})


@pytest.fixture
def two_bills(tmp_path, monkeypatch):
    """8000.00, then 2000.00, of one registered-poor person, secondary hospital, own county."""
    file = tmp_path / "onestop.db"
    with window(f"sqlite:///{file}") as at:
        at.settle(bill("first", "P", "8000.00"))
        at.settle(bill("second", "P", "2000.00"))
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{file}")
    return file


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_the_same_packs_give_the_same_split(ledger, tmp_path):
    ended = replay("--what-if", PACKS, "--out", tmp_path / "bills.csv")
    assert (ended.status, ended.errors) == (0, "")
    assert ended.last_line == "21 bills in force, 0 split otherwise, 0 refused; nothing recorded"
    written = rows(tmp_path / "bills.csv")
    assert len(written) == 21
    for row in written:
        assert {amount for name, amount in row.items() if name.endswith("_difference")} == {"0.00"}
    assert not list(tmp_path.glob("*.part"))


# First: 6400.00 of basic insurance (80 %), 1120.00 of medical assistance (70 % of what is left): 7520.00, 94 %. The
# target of 95 % is 7600.00: the backstop adds 80.00. Second: 1600.00 and 280.00. The target of both is 9500.00; 7600.00
# and 1880.00 are 9480.00: the backstop adds 20.00. With 90 % it never had anything to add.
BY_HAND = {
    "first": {"basic_insurance": "0.00", "medical_assistance": "0.00", "backstop": "80.00", "patient": "-80.00"},
    "second": {"basic_insurance": "0.00", "medical_assistance": "0.00", "backstop": "20.00", "patient": "-20.00"},
}


def test_a_higher_target_gives_what_a_clerk_gets_by_hand(two_bills, late_law, tmp_path):
    ended = replay("--what-if", late_law, "--out", tmp_path / "bills.csv")
    assert (ended.status, ended.errors) == (0, "")
    written = rows(tmp_path / "bills.csv")
    assert {
        row["bill_id"]: {payer: row[f"{payer}_difference"] for payer in BY_HAND["first"]} for row in written
    } == BY_HAND
    first = written[0]
    assert (first["backstop_old"], first["backstop_new"]) == ("0.00", "80.00")
    assert (first["patient_old"], first["patient_new"]) == ("480.00", "400.00")
    assert (first["tier"], first["insurance_year"], first["facility_code"]) == ("secondary", "2018", "H45102200016")
    assert len(first["person"]) == 64


def test_a_year_goes_on_from_bill_to_bill_as_the_other_packs_have_it(tmp_path, monkeypatch, late_law):
    url = f"sqlite:///{tmp_path}/onestop.db"
    # 800.00, 140.00 and 20.00 of emergency aid are 96 % of 1000.00; then 2850.00 is the target of both, 2840.00 are paid.
    with window(url) as at:
        at.settle(bill("over", "P", "1000.00", emergency_aid_approved="20.00"))
        at.settle(bill("under", "P", "2000.00"))
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    replay("--what-if", late_law, "--out", tmp_path / "bills.csv")
    assert [row["backstop_new"] for row in rows(tmp_path / "bills.csv")] == ["0.00", "10.00"]


def test_the_tables_say_who_owes_and_who_is_owed(two_bills, late_law):
    output = replay("--what-if", late_law).output
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if "│" in line]
    assert ["兜底 Backstop", "0.00", "100.00", "100.00", "owes"] in lines
    assert ["个人负担 Patient", "600.00", "500.00", "−100.00", "is owed"] in lines
    assert ["基本医疗保险 Basic insurance", "8,000.00", "8,000.00", "0.00", ""] in lines
    assert ["secondary", "兜底 Backstop", "0.00", "100.00", "100.00", "owes"] in lines
    person = next(line for line in lines if line[0].endswith("…"))
    assert (len(person[0]), person[1:]) == (13, ["600.00", "500.00", "−100.00", "is owed"])
    assert output.endswith("2 bills in force, 2 split otherwise, 0 refused; nothing recorded\n")


def test_the_json_says_the_same(two_bills, late_law):
    said = json.loads(replay("--what-if", late_law, "--format=json").output)
    assert (said["bills"], said["changed"], said["refused_count"], said["refused"]) == (2, 2, 0, [])
    assert {"payer": "backstop", "old": "0.00", "new": "100.00", "difference": "100.00"} in said["by_payer"]
    assert {"old": "600.00", "new": "500.00", "difference": "-100.00"}.items() <= said["by_person"][0].items()


def test_a_reversed_bill_does_not_count(tmp_path, monkeypatch, late_law):
    url = f"sqlite:///{tmp_path}/onestop.db"
    with window(url) as at:
        at.reverse(at.settle(bill("wrong", "P", "8000.00")))
        at.settle(bill("right", "P", "2000.00"))
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    said = json.loads(replay("--what-if", late_law, "--format=json").output)
    # 2000.00 alone: 1900.00 is the target, 1880.00 are paid.
    assert said["bills"] == 1
    assert {"payer": "backstop", "old": "0.00", "new": "20.00", "difference": "20.00"} in said["by_payer"]


def test_a_year_that_a_request_brought_is_kept(tmp_path, monkeypatch, late_law):
    url = f"sqlite:///{tmp_path}/onestop.db"
    # All of an earlier 1000.00 was covered, so that 7520.00 + 1000.00 are 94.67 % of 9000.00: 30.00 to 8550.00.
    year = {"total_cost": "1000.00", "covered": "1000.00", "backstop_base": "1000.00", "backstop_covered": "1000.00"}
    with window(url) as at:
        at.settle(bill("before", "P", "2000.00"))
        at.settle(bill("brings", "P", "8000.00", year_to_date=year))
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    replay("--what-if", late_law, "--out", tmp_path / "bills.csv")
    assert [row["backstop_new"] for row in rows(tmp_path / "bills.csv")] == ["20.00", "30.00"]


def test_a_bill_that_the_other_packs_refuse_is_listed_and_stays_as_it_is(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/onestop.db"
    with window(url) as at:
        refused = at.settle(bill("first", "P", "8000.00"))
        encounter = bill("", "")["encounter"] | {"admitted_on": "2018-09-01", "discharged_on": "2018-09-15"}
        at.settle(bill("second", "P", "2000.00", encounter=encounter))
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    later = packs_with(
        tmp_path / "later",
        **{"target: 0.90": "target: 0.95", "effective_from: 2017-12-13": "effective_from: 2018-07-01"},
    )
    for overlay in later.glob("guangxi-*.yaml"):
        overlay.unlink()
    ended = replay("--what-if", later, "--out", tmp_path / "bills.csv")
    assert ended.status == 0
    assert f"{refused} is refused by these packs (no_policy_in_force) and stays as it is" in ended.output.splitlines()
    assert ended.last_line == "2 bills in force, 1 split otherwise, 1 refused; nothing recorded"
    first, second = rows(tmp_path / "bills.csv")
    assert (first["refused"], first["patient_old"], first["patient_new"]) == ("no_policy_in_force", "480.00", "480.00")
    # On top of the 7520.00 that stay: the target is 9500.00, 7520.00 + 1880.00 are 9400.00.
    assert (second["refused"], second["backstop_new"]) == ("", "100.00")


def test_nothing_is_stored(ledger, late_law):
    before = dump(ledger)
    assert replay("--what-if", late_law).status == 0
    assert replay("--what-if", late_law, "--format=json").status == 0
    assert dump(ledger) == before


@pytest.mark.parametrize("out", ["no/such/folder.csv", "."])
def test_a_file_that_cannot_be_written_is_told_in_one_line(ledger, late_law, out):
    ended = replay("--what-if", late_law, "--out", out)
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.startswith(f"onestop replay: {out}: ")
    assert len(ended.errors.splitlines()) == 1


def test_packs_with_errors_are_refused_before_anything_is_settled(ledger, tmp_path):
    broken = packs_with(tmp_path / "broken", **{"target: 0.90": "target: ninety"})
    ended = replay("--what-if", broken, "--out", "bills.csv")
    assert (ended.status, ended.output) == (1, "")
    assert "backstop.target" in ended.errors
    assert not Path("bills.csv").exists()


def test_a_request_that_cannot_be_read_back_ends_it_and_leaves_no_file(ledger, late_law):
    with opened(ledger) as connection:
        connection.execute("UPDATE settlements SET request = x'7b' WHERE ordinal = 29")
    ended = replay("--what-if", late_law, "--out", "bills.csv")
    assert (ended.status, ended.output) == (1, "")
    assert ended.errors.startswith("onestop replay: a stored request cannot be read back")
    assert not [file for file in ledger.parent.iterdir() if "bills" in file.name]


def test_the_folders_of_these_tests_hold_the_packs_that_ship(late_law):
    assert len(load_folder(late_law).packs) == len(load_shipped().packs)
    assert onestop("packs", "check", late_law).status == 0
