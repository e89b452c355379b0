"""No number or switch of a shipped pack can change unseen: each is moved by the smallest step, a law case must fail.

Run with `-s` to see which case guards which number.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import yaml

from app.policies.catalogue import catalogue_of
from app.policies.loader import PackFile, PacksRefused, load_packs
from tests.unit.law_cases import Catalogues, LawCase, differences, law_cases, settled, shipped

SMALLEST = {"yuan": Decimal("0.01"), "share": Decimal("0.0001")}
# The C parser, where there is one: this file writes and reads every pack some hundred times.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
CASES = law_cases()
FILES = shipped()
UNCHANGED = Catalogues(FILES)
EXPECTED = {case.name: settled(case, UNCHANGED.of(case)) for case in CASES}

# The stages that a changed number of a block shows in; the block's own where it is not named here.
SHOWN_IN = {"scope": ("basic_insurance",), "chronic_outpatient": ("deductible", "basic_insurance")}


class Place(NamedTuple):
    """A number where it is written: the region, the file, its path there, and what it is now."""

    pack: str
    file: str
    path: str
    text: str
    unit: str


def values_as_written() -> list[Place]:
    """Every value of every file; one that several overlays leave alone counts once, in its region's file."""
    catalogue = catalogue_of(load_packs(FILES))
    values = [(pack.id, value) for pack in catalogue.packs for value in catalogue.values(pack)]
    places = [Place(pack, each.file, each.path, each.text or "", each.unit or "") for pack, each in values]
    return [place for place in dict.fromkeys(places) if place.text]


PLACES = [place for place in values_as_written() if place.unit]
# The name of who pays the backstop is the only value that no settlement shows.
SWITCHES = [place for place in values_as_written() if not place.unit and not place.path.endswith(".payer")]
OTHERWISE: dict[str, str | bool] = {
    "true": False,
    "false": True,
    "total": "in_catalogue",
    "annual": "per_bill",
}


def changed_files(place: Place, value: str | bool) -> list[PackFile]:
    """All files, with this one value in this one file replaced."""
    return [_changed(file, place.path, value) if file.name == place.file else file for file in FILES]


def _changed(file: PackFile, path: str, value: str | bool) -> PackFile:
    document: Any = yaml.load(file.content, Loader=LOADER)
    *parents, last = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
    inside = document
    for key in parents:
        inside = inside[key]
    assert last in inside
    inside[last] = value
    return file._replace(content=yaml.dump(document, Dumper=DUMPER, allow_unicode=True).encode())


def failing(place: Place, value: str | bool) -> list[tuple[LawCase, dict[str, Any]]] | None:
    """The cases that fail with the changed value, and what comes out; None where the loader refuses the value."""
    changed = Catalogues(changed_files(place, value))
    try:
        answers = [(case, settled(case, changed.of(case))) for case in CASES if case.pack == place.pack]
    except PacksRefused:
        return None
    return [(case, document) for case, document in answers if differences(case, document)]


def shown(place: Place, case: LawCase, document: dict[str, Any]) -> bool:
    """Whether the answer's stages (or the drug ratio, which is no stage) tell of the change."""
    block = place.path.partition(".")[0]
    before = EXPECTED[case.name]
    if block == "catalogue_drug_ratio":
        return bool(document[block] != before[block])
    names = SHOWN_IN.get(block, (block,))
    stages = zip(before["stages"], document["stages"], strict=True)
    told = [
        old["inputs"] != new["inputs"] or old["rate"] != new["rate"] for old, new in stages if old["stage"] in names
    ]
    return any(told)


def at_the_edge(place: Place, number: Decimal) -> bool:
    """Whether the contract itself refuses the number: below 0, above 1, or above the law's 40 %."""
    if place.path == "second_reimbursement.rate":
        return number > Decimal("0.40")
    return number < 0 or (place.unit == "share" and number > 1)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.file}:{place.path}")
def test_a_law_case_fails_when_this_number_changes(place: Place) -> None:
    step = SMALLEST[place.unit]
    tried = 0
    for number in (Decimal(place.text) + step, Decimal(place.text) - step):
        found = failing(place, str(number))
        if found is None:
            assert at_the_edge(place, number), f"the loader refuses {number} as {place.path}"
            continue
        tried += 1
        assert found, f"{place.path} of {place.file} may become {number} and no case fails"
        unseen = [case.name for case, document in found if not shown(place, case, document)]
        assert unseen == [], f"{place.path} of {place.file} becomes {number}, and no stage tells of it"
        print(f"\n{place.file}: {place.path} {place.text} → {number}: {', '.join(case.name for case, _ in found)}")
    assert tried, "the loader refuses both neighbours of the number, so nothing was proved"


@pytest.mark.parametrize("place", SWITCHES, ids=lambda place: f"{place.file}:{place.path}")
def test_a_law_case_fails_when_this_switch_is_turned(place: Place) -> None:
    found = failing(place, OTHERWISE[place.text])
    assert found, f"{place.path} of {place.file} may be turned and no case fails"
    print(f"\n{place.file}: {place.path} turned: {', '.join(case.name for case, _ in found)}")


def test_the_walk_sees_every_number_that_the_files_hold() -> None:
    """Counted in the files' own text, with nothing of the loader in between."""
    written = 0
    for file in FILES:
        text = re.sub(r"#.*", "", file.content.decode())
        text = re.sub(r"(source|assumed|effective_\w+|area|extends|title|zh-CN|en):[^\n]*(\n {6,}[^:\n]+$)*", "", text)
        written += len(re.findall(r": [0-9.]+(?=[,}\s])", text))
    assert len(PLACES) == written
