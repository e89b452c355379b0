"""`make lint` fails on a known vulnerability, and says so where it could not ask."""

from __future__ import annotations

import pytest

from tools import vulnerabilities
from tools.vulnerabilities import verdict

SOUND: dict[str, object] = {"name": "a", "version": "1", "vulns": []}
UNKNOWN: dict[str, object] = {"name": "b", "skip_reason": "not found"}
HURT: dict[str, object] = {
    "name": "c",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}],
}


@pytest.mark.parametrize(("found", "told", "lines"), [
    ([SOUND], 0, ["vulnerabilities: none known in 1 dependencies"]),
    ([SOUND, UNKNOWN], 0, ["vulnerabilities: 1 of 2 dependencies could not be asked about from here"]),
    ([SOUND, UNKNOWN, HURT], 1, ["c 2: PYSEC-1, fixed in 3"]),
    ([HURT | {"vulns": [{"id": "PYSEC-2"}]}], 1, ["c 2: PYSEC-2, fixed in none yet"]),
])  # fmt: skip
def test_what_is_found_decides(found: list[dict[str, object]], told: int, lines: list[str]) -> None:
    assert verdict(found) == (told, lines)


@pytest.mark.parametrize("known", ["PYSEC-1", "CVE-1"])
def test_an_exception_is_named_by_any_of_its_ids(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    monkeypatch.setattr(vulnerabilities, "EXCEPTIONS", {known: "a reason"})
    assert verdict([HURT])[0] == 0


def test_every_exception_has_its_reason() -> None:
    assert all(vulnerabilities.EXCEPTIONS.values())
