"""`onestop packs check` and `onestop packs show`, as people and programs see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.commands.packs import packs_app
from tests.unit.policies.small import OVERLAY, REGION, changed


def run(*arguments: str, columns: int = 80, **environment: str) -> Result:
    return CliRunner().invoke(packs_app, list(arguments), env={"COLUMNS": str(columns), **environment})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "region.yaml").write_text(REGION, encoding="utf-8")
    (tmp_path / "city.yaml").write_text(OVERLAY, encoding="utf-8")
    return tmp_path


def test_check_lists_the_packs_of_a_folder(folder: Path) -> None:
    result = run("check", str(folder))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["Pack", "Area", "From", "To", "Numbers"]
    assert lines[1].split() == ["smallland@2018-01-01", "990000", "2018-01-01", "2019-12-31", "42"]
    assert [line.strip() for line in lines[2:4]] == ["小区", "Smallland"]
    assert lines[4].strip().startswith("sha256:")
    assert lines[5].split() == ["smallland@2018-01-01", "990100", "2018-07-01", "2019-12-31", "42"]
    assert lines[-1] == "2 packs, no errors."


def test_check_tells_every_error_on_a_line_of_its_own(folder: Path) -> None:
    (folder / "region.yaml").write_text(changed(REGION, "target: 0.90", "target: 9"), encoding="utf-8")
    (folder / "city.yaml").write_text(changed(OVERLAY, "0.72", "no"), encoding="utf-8")
    result = run("check", str(folder))
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith(
        'city.yaml: basic_insurance.rate.secondary (line 8): found "no", expected a rate from 0 to 1'
    )
    assert lines[1].startswith('region.yaml: backstop.target (line 50): found "9", expected a rate from 0 to 1')
    assert lines[2:] == ["onestop packs: 2 errors, nothing is loaded"]


def test_a_folder_with_overlays_of_the_shipped_packs_is_told_how_to_be_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text('extends: guangxi@2017-12-13\narea: "451000"\n', encoding="utf-8")
    alone = run("check", str(tmp_path))
    assert alone.exit_code == 1
    assert "ONESTOP_PACKS_DIR=DIR onestop packs check" in alone.stderr
    assert run("check", ONESTOP_PACKS_DIR=str(tmp_path)).exit_code == 0


def test_check_without_a_folder_looks_at_the_packs_in_use(folder: Path) -> None:
    assert "guangxi@2017-12-13" in run("check").stdout
    both = run("check", ONESTOP_PACKS_DIR=str(folder)).stdout
    assert "guangxi@2017-12-13" in both
    assert "smallland@2018-01-01" in both


def test_show_prints_each_value_under_its_source(folder: Path) -> None:
    result = run("show", "smallland@2018-01-01", "--area", "990100", "--packs", str(folder))
    assert result.exit_code == 0
    blocks = [block.splitlines() for block in result.stdout.split("\n\n")]
    basic = next(block for block in blocks if block[0] == "assumed: set by Smallcity [overlay city.yaml]")
    assert [line.split() for line in basic[1:]] == [
        ["+", "basic_insurance.annual_cap", "120000.00", "yuan"],
        ["+", "basic_insurance.rate.secondary", "0.7200", "share"],
    ]
    law = next(block for block in blocks if block[0] == "Law 1 6")
    assert [line.split() for line in law[1:]] == [
        ["backstop.enabled", "true"],
        ["backstop.target", "0.9000", "share"],
        ["backstop.base", "total"],
        ["backstop.basis", "annual"],
    ]
    assert "critical_illness.annual_cap" in result.stdout


def shipped() -> list[tuple[str, str | None]]:
    return [("guangxi@2017-12-13", None), ("guangxi@2017-12-13", "450100"), ("shaanxi@2020-01-01", "610500")]


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize(("pack_id", "area"), shipped())
def test_show_cuts_nothing_however_wide_the_window_is(pack_id: str, area: str | None, columns: int) -> None:
    area_option = ["--area", area] if area else []
    document = json.loads(run("show", pack_id, *area_option, "--format", "json").stdout)
    table = run("show", pack_id, *area_option, columns=columns).stdout
    on_one_line = "".join(table.split())
    for number in document["numbers"]:
        line = next(line for line in table.splitlines() if number["path"] in line.split())
        assert line.split()[-1 if number["unit"] is None or number["value"] is None else -2] == (
            number["value"] or "none"
        )
        assert all("".join(words.split()) in on_one_line for words in number["source"].values())
    assert "…" not in table
    if columns >= 80:
        assert max(len(line) for line in table.splitlines() if "·" not in line and "sha256" not in line) <= columns


def test_show_as_json_says_where_each_value_comes_from(folder: Path) -> None:
    result = run("show", "smallland@2018-01-01", "--area", "990100", "--packs", str(folder), "--format", "json")
    document = json.loads(result.stdout)
    assert (document["id"], document["area"], document["effective_to"]) == (
        "smallland@2018-01-01",
        "990100",
        "2019-12-31",
    )
    numbers = {number.pop("path"): number for number in document["numbers"]}
    assert numbers["basic_insurance.rate.secondary"] == {
        "value": "0.7200", "unit": "share", "source": {"assumed": "set by Smallcity"}, "file": "city.yaml", "from_overlay": True,
    }  # fmt: skip
    assert numbers["basic_insurance.rate.primary"] == {
        "value": "0.9000", "unit": "share", "source": {"document": "Law 1", "clause": "3"}, "file": "region.yaml", "from_overlay": False,
    }  # fmt: skip


def test_an_unknown_id_lists_those_there_are() -> None:
    result = run("show", "guangxi@2018-01-01")
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr
        == "onestop packs: no pack guangxi@2018-01-01; there are: guangxi@2017-12-13, shaanxi@2020-01-01\n"
    )


def test_an_area_of_another_region_is_told() -> None:
    result = run("show", "guangxi@2017-12-13", "--area", "610500")
    assert result.exit_code == 2
    assert "guangxi@2017-12-13 does not count in area 610500" in result.stderr


def test_another_format_is_a_usage_error() -> None:
    assert run("show", "guangxi@2017-12-13", "--format", "xml").exit_code == 2
