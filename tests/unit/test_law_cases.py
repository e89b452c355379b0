"""The law's cases: every row of tests/cases/ settles as it was worked out by hand."""

from __future__ import annotations

import pytest

from tests.unit.law_cases import PAYERS, SUBJECTS, Catalogues, LawCase, differences, law_cases, settled, shipped

ALL = law_cases()
CATALOGUES = Catalogues(shipped())


@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_case_settles_as_worked_out_by_hand(case: LawCase) -> None:
    assert differences(case, settled(case, CATALOGUES.of(case))) == []


@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_case_names_who_pays(case: LawCase) -> None:
    assert "patient" in case.expect["payers"]
    assert set(case.expect["payers"]) <= set(PAYERS)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in ALL}) == len(ALL) > 100


def test_every_subject_has_cases() -> None:
    assert {case.name.partition("/")[0] for case in ALL} == set(SUBJECTS)


def test_a_wrong_expectation_is_told() -> None:
    case = ALL[0]
    wrong = LawCase(case.name, "other@2017-12-13", case.request, {"payers": {"patient": "0.01"}}, case.overlay)
    told = differences(wrong, settled(case, CATALOGUES.of(case)))
    assert any(line.startswith("policy.id: expected other@2017-12-13") for line in told)
    assert any(line.startswith("payers.patient: expected 0.01") for line in told)
