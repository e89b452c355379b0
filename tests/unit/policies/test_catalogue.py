"""Which pack is in force for an area on a day, and which folders packs come from."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

from app.policies.catalogue import catalogue_of, load_folder, load_shipped
from app.policies.errors import PacksRefused
from tests.unit.policies.small import OVERLAY, REGION, changed, load

LATER_REGION = (
    REGION.replace("name: smallland", "name: laterland")
    .replace("effective_from: 2018-01-01", "effective_from: 2020-01-01")
    .replace("effective_to: 2019-12-31\n", "")
)
ENDED_OVERLAY = changed(OVERLAY, "effective_from: 2018-07-01", "effective_from: 2018-07-01\neffective_to: 2018-12-31")
SECOND_OVERLAY = changed(OVERLAY, "effective_from: 2018-07-01", "effective_from: 2019-06-01")

IN_FORCE = [
    # area      day           id                       area of the file
    ("990100", "2017-12-31", None, None),
    ("990100", "2018-01-01", "smallland@2018-01-01", "990000"),
    ("990100", "2018-06-30", "smallland@2018-01-01", "990000"),
    ("990100", "2018-07-01", "smallland@2018-01-01", "990100"),
    ("990100", "2018-12-31", "smallland@2018-01-01", "990100"),
    ("990100", "2019-01-01", "smallland@2018-01-01", "990000"),
    ("990100", "2019-06-01", "smallland@2018-01-01", "990100"),
    ("990100", "2019-12-31", "smallland@2018-01-01", "990100"),
    ("990100", "2020-01-01", "laterland@2020-01-01", "990000"),
    ("990100", "9999-12-31", "laterland@2020-01-01", "990000"),
    ("990200", "2018-07-01", "smallland@2018-01-01", "990000"),
    ("990000", "2018-07-01", "smallland@2018-01-01", "990000"),
    ("980100", "2018-07-01", None, None),
    ("99", "2018-07-01", "smallland@2018-01-01", "990000"),
    ("", "2018-07-01", None, None),
]


@pytest.mark.parametrize(("area", "day", "pack_id", "file_area"), IN_FORCE)
def test_the_overlay_in_force_counts_else_the_regions_pack(
    area: str, day: str, pack_id: str | None, file_area: str | None
) -> None:
    catalogue = catalogue_of(load(REGION, LATER_REGION, ENDED_OVERLAY, SECOND_OVERLAY))
    pack = catalogue.in_force(area, date.fromisoformat(day))
    assert (pack and pack.id, pack and pack.area) == (pack_id, file_area)


BY_ID = [
    ("smallland@2018-01-01", None, "990000", "2018-01-01"),
    ("smallland@2018-01-01", "990100", "990100", "2019-06-01"),  # the latest of two
    ("smallland@2018-01-01", "990200", "990000", "2018-01-01"),
    ("laterland@2020-01-01", "990100", "990000", "2020-01-01"),
    ("smallland@2018-01-01", "980100", None, None),
    ("smallland@2018-07-01", None, None, None),
    ("smallland", None, None, None),
]


@pytest.mark.parametrize(("pack_id", "area", "file_area", "begins"), BY_ID)
def test_a_pack_is_found_by_its_regions_id_and_an_area(
    pack_id: str, area: str | None, file_area: str | None, begins: str | None
) -> None:
    catalogue = catalogue_of(load(REGION, LATER_REGION, ENDED_OVERLAY, SECOND_OVERLAY))
    pack = catalogue.by_id(pack_id, area)
    assert (pack and pack.area, pack and str(pack.effective_from)) == (file_area, begins)


def test_packs_stand_in_the_order_of_id_area_and_date_whatever_the_files_are_called() -> None:
    catalogue = catalogue_of(load(SECOND_OVERLAY, LATER_REGION, REGION, ENDED_OVERLAY))
    assert [(pack.id, pack.area, str(pack.effective_from)) for pack in catalogue.packs] == [
        ("laterland@2020-01-01", "990000", "2020-01-01"),
        ("smallland@2018-01-01", "990000", "2018-01-01"),
        ("smallland@2018-01-01", "990100", "2018-07-01"),
        ("smallland@2018-01-01", "990100", "2019-06-01"),
    ]
    assert catalogue.ids == ("laterland@2020-01-01", "smallland@2018-01-01")


def test_numbers_are_text_with_their_unit() -> None:
    catalogue = catalogue_of(load(REGION))
    numbers = {number.path: (number.text, number.unit) for number in catalogue.numbers(catalogue.packs[0])}
    assert numbers["critical_illness.threshold"] == ("12000.50", "yuan")
    assert numbers["critical_illness.bands[1].up_to"] == ("50000.00", "yuan")
    assert numbers["medical_assistance.statuses.low_income.rate"] == ("1.0000", "share")
    assert "critical_illness.annual_cap" not in numbers
    assert len(numbers) == 42
    values = {number.path: (number.text, number.unit) for number in catalogue.values(catalogue.packs[0])}
    assert values["critical_illness.annual_cap"] == (None, "yuan")
    assert values["backstop.enabled"] == ("true", None)
    assert values["backstop.basis"] == ("annual", None)
    assert not [path for path in values if path.startswith(("title", "name", "effective")) or "source" in path]


def test_a_catalogue_can_be_handed_to_another_process() -> None:
    catalogue = catalogue_of(load(REGION, OVERLAY))
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_a_folders_yaml_and_yml_files_are_read_and_no_others(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=REGION, b_yml=OVERLAY, c_txt="no pack", d_json="{}")
    assert [pack.area for pack in load_folder(tmp_path).packs] == ["990000", "990100"]


@pytest.mark.parametrize("make", ["empty", "missing", "a folder called x.yaml"])
def test_a_folder_without_packs_is_refused(tmp_path: Path, make: str) -> None:
    folder = tmp_path if make != "missing" else tmp_path / "missing"
    if make.startswith("a folder"):
        (tmp_path / "x.yaml").mkdir()
    with pytest.raises(PacksRefused) as refused:
        load_folder(folder)
    assert len(refused.value.errors) == 1
    assert "expected" in str(refused.value)


def test_a_folder_of_ones_own_is_added_to_the_packs_that_ship(tmp_path: Path) -> None:
    overlay = 'extends: guangxi@2017-12-13\narea: "451000"\nbasic_insurance: {source: {assumed: x}, annual_cap: 1}\n'
    catalogue = load_shipped(write(tmp_path, mine_yaml=overlay))
    pack = catalogue.in_force("451000", date(2018, 1, 1))
    assert pack is not None
    assert pack.basic_insurance.annual_cap == 100
    assert len(catalogue.packs) == len(load_shipped().packs) + 1


def test_an_empty_folder_adds_nothing_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    assert load_shipped(tmp_path) == load_shipped()
    with pytest.raises(PacksRefused):
        load_shipped(tmp_path / "missing")


def test_an_id_or_a_period_that_ships_already_is_refused(tmp_path: Path) -> None:
    region = changed(changed(REGION, "smallland", "guangxi"), "2018-01-01", "2017-12-13")
    overlay = 'extends: guangxi@2017-12-13\narea: "450100"\n'
    with pytest.raises(PacksRefused) as refused:
        load_shipped(write(tmp_path, guangxi_yaml=region, mine_yaml=overlay))
    assert [(error.file, error.path) for error in refused.value.errors] == [
        ("ONESTOP_PACKS_DIR/guangxi.yaml", "name"),
        ("mine.yaml", "effective_from"),
    ]
