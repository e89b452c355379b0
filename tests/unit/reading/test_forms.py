"""The forms of a request's members (api.md, "Forms"): what each takes and refuses, at which pointer and in which order."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from app.api.objects import MAX_FINDINGS
from app.api.request_form import REQUEST as REQUEST_FORM
from app.api.wire import Malformed, read_exactly
from app.settlement.year import YearToDate
from tests.unit.settlement.requests import ABSENT, REQUEST, Json, answered, changed, refusals


class Number(NamedTuple):
    """A number that goes into the body exactly as it is written here."""

    token: str


def body_of(changes: Json) -> bytes:
    """The request with changes, its numbers as written and its members in the order they were added."""
    tokens: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, Number):
            tokens.append(value.token)
            return f"\x00{len(tokens) - 1}\x00"
        if isinstance(value, dict):
            return {name: marked(member) for name, member in value.items()}
        return [marked(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(marked(changed(changes)))
    for index, token in enumerate(tokens):
        text = text.replace(f'"\\u0000{index}\\u0000"', token)
    return text.encode()


def read(changes: Json) -> Any:
    return read_exactly(body_of(changes))


def pointers(changes: Json) -> list[str]:
    found = read(changes)
    if not isinstance(found, Malformed):
        return []
    assert {finding.code for finding in found.findings} == {"field_invalid"}
    return [finding.pointer for finding in found.findings]


def refuses(pointer: str, *values: object) -> None:
    for value in values:
        assert pointers({pointer: value}) == [pointer], repr(value)[:60]


# Of each number: where it stands, how many decimals it may have, whether it may be negative.
NUMBERS = {
    "/lines/0/quantity": (4, True),
    "/lines/0/unit_price": (6, True),
    "/lines/0/amount": (2, True),
    "/lines/0/ceiling_price": (6, True),
    "/lines/0/self_pay_ratio": (4, True),
    "/emergency_aid_approved": (2, False),
    "/prepaid": (2, False),
    **{f"/year_to_date/{name}": (2, False) for name in YearToDate._fields},
}
N = Number
NUMBER_FORMS = [
    # (value, smallest number of decimals at which it is taken or None, whether it is negative)
    ("0", 0, False),
    ("-0", 0, False),
    ("-0.00", 0, False),
    ("007", 0, False),
    ("12", 0, False),
    ("12.5", 1, False),
    ("12.50", 1, False),
    ("12.500000000000000000000000000000000000", 1, False),
    ("12.34", 2, False),
    ("12.345", 3, False),
    ("12.3456", 4, False),
    ("12.345678", 6, False),
    ("12.3456789", None, False),
    ("0.000001", 6, False),
    ("-0.01", 2, True),
    ("-1", 0, True),
    ("999999999999999", 0, False),
    ("-999999999999999", 0, True),
    ("999999999999999.99", 2, False),
    ("1000000000000000", None, False),
    ("-1000000000000000", None, True),
    ("0000000000000000000000000000000000000001", 0, False),  # 40 characters
    ("00000000000000000000000000000000000000001", None, False),  # 41
    ("1.00000000000000000000000000000000000000", 0, False),  # 40
    ("1.000000000000000000000000000000000000000", None, False),  # 41
    ("", None, False),
    (" ", None, False),
    (" 1", None, False),
    ("1 ", None, False),
    ("1\n", None, False),
    ("+1", None, False),
    ("--1", None, False),
    ("-", None, False),
    (".5", None, False),
    ("5.", None, False),
    ("1.2.3", None, False),
    ("1e2", None, False),
    ("1E2", None, False),
    ("1_000", None, False),
    ("1,000", None, False),
    ("0x10", None, False),
    ("１２", None, False),
    ("١٢", None, False),
    ("12\u0000", None, False),
    ("NaN", None, False),
    ("Infinity", None, False),
    ("½", None, False),
    ("−1", None, True),  # a minus sign that is no hyphen
    (N("0"), 0, False),
    (N("-0"), 0, False),
    (N("-0.0e5"), 0, False),
    (N("12"), 0, False),
    (N("12.5"), 1, False),
    (N("12.500"), 1, False),
    (N("1e2"), 0, False),
    (N("1E+2"), 0, False),
    (N("1.25e1"), 1, False),
    (N("125e-2"), 2, False),
    (N("1e-2"), 2, False),
    (N("1e-6"), 6, False),
    (N("1e-7"), None, False),
    (N("10e-7"), 6, False),
    (N("-1e-2"), 2, True),
    (N("0e999999999999999999999"), 0, False),
    (N("0.000e-99999999999999999"), 0, False),
    (N("1e14"), 0, False),
    (N("1e15"), None, False),
    (N("-1e15"), None, True),
    (N("1e400"), None, False),
    (N("1e5000000"), None, False),
    (N("1e-5000000"), None, False),
    (N("1e9999999999999999999"), None, False),
    (N("1e-9999999999999999999"), None, False),
    (N("9" * 5000), None, False),
    (N("1" + "0" * 5000 + "e-5000"), 0, False),
    (N("0." + "0" * 5000 + "1e5001"), 0, False),
    (N("12." + "0" * 5000), 0, False),
    (N("1e00000000000000000000002"), 0, False),
    (N("1e-00000000000000000000002"), 2, False),
    (N("1234567890123.45"), 2, False),
    (N("1234567890123456.78"), None, False),
    (N("999999999999999.999999"), 6, False),
    (True, None, False),
    (False, None, False),
    ([], None, False),
    (["1"], None, False),
    ({}, None, False),
]


@pytest.mark.parametrize("pointer", NUMBERS)
def test_a_number_has_its_form(pointer: str) -> None:
    places, negative = NUMBERS[pointer]
    for value, needed, below_zero in NUMBER_FORMS:
        fine = needed is not None and needed <= places and (negative or not below_zero)
        assert pointers({pointer: value}) == ([] if fine else [pointer]), repr(value)[:60]


@pytest.mark.parametrize(
    ("value", "fen"),
    [
        ("12.3", 1230), ("-12.34", -1234), ("0012.34000", 1234), ("-0.00", 0), (N("12.34"), 1234), (N("1e2"), 10000),
        (N("1.234e1"), 1234), (N("1234e-2"), 1234), (N("12340000000000000000e-18"), 1234), (N("-1E-2"), -1),
        (N("-0"), 0), ("999999999999999.99", 99999999999999999), (N("0e99"), 0), (N("0.5"), 50),
    ],
)  # fmt: skip
def test_a_number_is_read_exactly(value: object, fen: int) -> None:
    assert read({"/lines/0/amount": value}).bill.lines[0][6] == fen


TEXTS = {
    "/bill_id": (1, 64), "/facility/code": (1, 64), "/patient/person_id": (1, 64), "/lines/0/code": (1, 64),
    "/facility/name": (0, 200), "/patient/name": (0, 200), "/lines/0/name": (0, 200),
}  # fmt: skip


@pytest.mark.parametrize("pointer", TEXTS)
def test_a_text_has_its_form(pointer: str) -> None:
    shortest, longest = TEXTS[pointer]
    for value, fine in [
        ("", shortest == 0),
        ("x", True),
        (" ", True),
        ("x" * longest, True),
        ("x" * (longest + 1), False),
        ("建" * longest, True),
        ("\U0001f600" * longest, True),  # one code point each, two UTF-16 units, four bytes
        ("\U0001f600" * (longest + 1), False),
        ("e\u0301" * (longest // 2), True),
        ("e\u0301" * (longest // 2 + 1), False),
        ("a:b", True),
        ('"\\/', True),
        ("\u0080\u009f\u00a0\u2028\ufeff\uffff", True),  # only U+0000–U+001F and U+007F are unwanted
        ("a\u0000", False),
        ("\u001f", False),
        ("a\nb", False),
        ("\t", False),
        ("a\u007fb", False),
        ("a\ud800", False),
        ("\udfffa", False),
        (N("5"), False),
        (N("5.5"), False),
        (True, False),
        ([], False),
        ({}, False),
    ]:
        assert pointers({pointer: value}) == ([] if fine else [pointer]), repr(value)[:60]


def test_texts_are_taken_as_they_are() -> None:
    request = read({"/bill_id": "  Ａe\u0301 ", "/patient/person_id": "é", "/lines/0/code": "x "})
    assert (request.bill.bill_id, request.person_id, request.bill.lines[0][1]) == ("  Ａe\u0301 ", "é", "x ")


AREAS = ["/facility/pooling_area", "/facility/county", "/patient/pooling_area", "/patient/county"]


@pytest.mark.parametrize("pointer", AREAS)
def test_an_area_is_six_digits(pointer: str) -> None:
    assert [pointers({pointer: fine}) for fine in ("450200", "000000")] == [[], []]
    refuses(
        pointer,
        "45020",
        "4502000",
        "45020a",
        "",
        " 450200",
        "450200\n",
        "４５０２００",
        "٤٥٠٢٠٠",
        N("450200"),
        "-45020",
    )  # fmt: skip


@pytest.mark.parametrize("pointer", ["/encounter/admitted_on", "/encounter/discharged_on"])
def test_a_date_is_a_real_day(pointer: str) -> None:
    for fine in ("2018-06-15", "2020-02-29", "0001-01-01", "9999-12-31"):
        assert pointers({pointer: fine}) == [], fine
    refuses(
        pointer,
        "2018-02-29", "2018-13-01", "2018-00-10", "2018-06-31", "0000-01-01", "2018-6-15", "18-06-15", "20180615",
        "2018/06/15", "2018-06-15T00:00:00", "2018-06-15Z", " 2018-06-15", "2018-06-15\n", "2018-W24-5", "2018-166",
        "2018-06-1５", "2018-06-٠١", "1529020800", "", N("20180615"), True, {}, [],
    )  # fmt: skip


CHOICES = {
    "/facility/tier": "primary secondary tertiary_municipal tertiary_regional",
    "/patient/status": "registered_poor extremely_poor low_income severely_disabled low_income_family ordinary",
    "/encounter/type": "inpatient maternity_inpatient chronic_outpatient",
    "/encounter/referral": "not_required approved emergency none",
    "/encounter/cause": "illness maternity work_injury third_party",
    "/lines/0/category": "drug herbal_drug treatment surgery examination laboratory material bed nursing other",
    "/lines/0/catalogue_class": "A B C",
}


@pytest.mark.parametrize("pointer", CHOICES)
def test_a_choice_is_one_of_its_words(pointer: str) -> None:
    for fine in CHOICES[pointer].split():
        assert pointers({pointer: fine}) == []
        assert pointers({pointer: fine.swapcase()}) == [pointer]
        assert pointers({pointer: f"{fine} "}) == [pointer]
    refuses(pointer, "", "D", "unknown", N("1"), True, [], {}, ["A"])


@pytest.mark.parametrize("pointer", ["/facility/designated", "/lines/0/essential_medicine"])
def test_a_boolean_is_true_or_false(pointer: str) -> None:
    assert pointers({pointer: True}) == pointers({pointer: False}) == []
    refuses(pointer, "true", "True", "yes", "", N("1"), N("0"), [], {})


@pytest.mark.parametrize("pointer", ["/lines/0/line_no", "/encounter/admission_number"])
def test_a_count_is_a_json_integer(pointer: str) -> None:
    for fine in ("1", "4", "2147483647"):
        assert pointers({pointer: N(fine)}) == [], fine
    refuses(
        pointer,
        N("0"), N("-0"), N("-1"), N("2147483648"), N("9" * 5000), N("1.0"), N("1e0"), N("1E2"), N("10e-1"), N("1.5"),
        "1", "", True, [], {},
    )  # fmt: skip


NULLABLE = {
    "/facility/name", "/facility/county", "/patient/name", "/patient/county",
    "/lines/0/name", "/lines/0/ceiling_price", "/lines/0/self_pay_ratio",
}  # fmt: skip
OPTIONAL = NULLABLE | {
    "/facility/designated", "/encounter/type", "/encounter/admission_number", "/encounter/referral",
    "/encounter/cause", "/lines/0/essential_medicine", "/year_to_date", "/emergency_aid_approved", "/prepaid",
    *(f"/year_to_date/{name}" for name in YearToDate._fields),
}  # fmt: skip
REQUIRED = [
    "/bill_id", "/facility", "/facility/code", "/facility/tier", "/facility/pooling_area", "/patient",
    "/patient/person_id", "/patient/status", "/patient/pooling_area", "/encounter", "/encounter/admitted_on",
    "/encounter/discharged_on", "/lines", "/lines/0/line_no", "/lines/0/code", "/lines/0/category",
    "/lines/0/catalogue_class", "/lines/0/quantity", "/lines/0/unit_price", "/lines/0/amount",
]  # fmt: skip


def test_the_tables_name_every_member() -> None:
    members = {f"/{name}" for name in REQUEST}
    members |= {
        f"/{name}/{each}" for name in ("facility", "patient", "encounter", "year_to_date") for each in REQUEST[name]
    }
    members |= {f"/lines/0/{name}" for name in REQUEST["lines"][0]}
    assert members == OPTIONAL | set(REQUIRED)


@pytest.mark.parametrize("pointer", sorted(OPTIONAL) + REQUIRED)
def test_null_means_absent_only_where_the_contract_says_so(pointer: str) -> None:
    assert pointers({pointer: None}) == ([] if pointer in NULLABLE else [pointer])


@pytest.mark.parametrize("pointer", REQUIRED)
def test_a_required_member_is_missed_at_its_own_pointer(pointer: str) -> None:
    assert pointers({pointer: ABSENT}) == [pointer]


@pytest.mark.parametrize("pointer", sorted(OPTIONAL))
def test_an_optional_member_may_be_absent(pointer: str) -> None:
    assert pointers({pointer: ABSENT}) == []


def test_what_is_absent_has_its_default() -> None:
    request = read(dict.fromkeys(sorted(OPTIONAL, reverse=True), ABSENT))
    bill = request.bill
    assert (bill.facility.county, bill.facility.designated, bill.patient.county) == (None, True, None)
    assert bill.encounter[2:] == ("inpatient", 1, "not_required", "illness")
    assert bill.lines[0][7:] == (None, None, False)
    assert (request.year_to_date, bill.emergency_aid_approved, bill.prepaid) == (None, 0, 0)


def test_null_is_read_as_absent() -> None:
    assert read(dict.fromkeys(NULLABLE)) == read(dict.fromkeys(NULLABLE, ABSENT))


def test_an_empty_year_is_zeros_and_an_absent_one_is_none() -> None:
    assert read({"/year_to_date": {}}).year_to_date == (0,) * 12
    assert read({"/year_to_date": ABSENT}).year_to_date is None


@pytest.mark.parametrize("pointer", ["/facility", "/patient", "/encounter", "/year_to_date", "/lines/0", "/lines/2"])
def test_a_mistyped_object_reports_only_itself(pointer: str) -> None:
    refuses(pointer, [], "x", N("1"), True, [{}])


def test_a_mistyped_array_reports_only_itself() -> None:
    refuses("/lines", {}, "x", N("1"), False, None, {"0": {}})


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"1.5", b"true", b"[{}]"])
def test_a_mistyped_request_reports_the_root(body: bytes) -> None:
    document = answered(body)
    assert (document["status"], [(error["pointer"], error["code"]) for error in document["errors"]]) == (
        422, [("", "field_invalid")],
    )  # fmt: skip


UNKNOWN_NAMES = {
    # the name of an unknown member of the facility, and where it is pointed at
    "x": "/facility/x",
    "_": "/facility/_",
    "Code": "/facility/Code",
    "x9_Y": "/facility/x9_Y",
    "x" * 64: "/facility/" + "x" * 64,
    "x" * 65: "/facility",
    "9x": "/facility",
    "": "/facility",
    "张三": "/facility",
    "é": "/facility",
    "x１": "/facility",
    "a-b": "/facility",
    "a b": "/facility",
    "code ": "/facility",
    "code\n": "/facility",
    "a/b": "/facility",
    "a~b": "/facility",
    "a.b": "/facility",
    "\ud800": "/facility",
    "\u0000": "/facility",
}


@pytest.mark.parametrize(("name", "pointer"), UNKNOWN_NAMES.items(), ids=map(ascii, UNKNOWN_NAMES))
def test_an_unknown_member_is_pointed_at_unless_its_name_might_be_somebodys(name: str, pointer: str) -> None:
    facility = REQUEST["facility"] | {name: 1}
    document = answered(changed({"/facility": facility}))
    assert [(error["pointer"], error["code"]) for error in document["errors"]] == [(pointer, "field_invalid")]
    assert not name or pointer != "/facility" or name not in json.dumps(document, ensure_ascii=False)


@pytest.mark.parametrize(
    ("parent", "pointer"),
    [
        ("", ""),
        ("/patient", "/patient"),
        ("/encounter", "/encounter"),
        ("/year_to_date", "/year_to_date"),
        ("/lines/1", "/lines/1"),
    ],
)
def test_in_every_object_the_unknown_is_pointed_at(parent: str, pointer: str) -> None:
    assert pointers({f"{parent}/unknown": 1, f"{parent}/张三": 1}) == [f"{pointer}/unknown", pointer]


def test_in_one_object_unknown_members_as_written_then_missing_then_wrong() -> None:
    changes = {
        "/facility": {"z": 1, "county": "1", "a": 1, "designated": 1, "不": 1, "m": 1, "code": ""},
    }
    assert pointers(changes) == [
        "/facility/z", "/facility/a", "/facility", "/facility/m",
        "/facility/tier", "/facility/pooling_area",
        "/facility/code", "/facility/county", "/facility/designated",
    ]  # fmt: skip


def test_every_unknown_member_is_reported_also_at_one_pointer() -> None:
    assert pointers({"/facility/一": 1, "/facility/二": 1, "/facility/三": 1}) == ["/facility"] * 3


def test_objects_stand_in_the_order_of_the_example_and_lines_in_that_of_the_array() -> None:
    changes = {
        "/zzz": 1,
        "/prepaid": "x",
        "/bill_id": ABSENT,
        "/lines/2/amount": "x",
        "/lines/2/new": 1,
        "/lines/0/amount": ABSENT,
        "/lines/0/quantity": "x",
        "/lines/1": 5,
        "/year_to_date/local_subsidy_paid": "-1",
        "/year_to_date/total_cost": "x",
        "/year_to_date/old": "x",
        "/encounter/cause": "x",
        "/encounter/admitted_on": "x",
        "/patient": ABSENT,
        "/facility/county": "x",
        "/facility/code": 1,
        "/emergency_aid_approved": None,
    }
    assert pointers(changes) == [
        "/zzz", "/bill_id", "/patient",
        "/facility/code", "/facility/county",
        "/encounter/admitted_on", "/encounter/cause",
        "/lines/0/amount", "/lines/0/quantity", "/lines/1", "/lines/2/new", "/lines/2/amount",
        "/year_to_date/old", "/year_to_date/total_cost", "/year_to_date/local_subsidy_paid",
        "/emergency_aid_approved", "/prepaid",
    ]  # fmt: skip


def test_wrong_forms_of_a_line_stand_in_the_order_of_the_example() -> None:
    names = list(REQUEST["lines"][0])
    assert pointers({"/lines/0": {name: {} for name in reversed(names)}}) == [f"/lines/0/{name}" for name in names]


def test_an_empty_object_misses_all_that_is_required() -> None:
    assert pointers({"": {}}) == ["/bill_id", "/facility", "/patient", "/encounter", "/lines"]


def test_no_more_than_a_hundred_are_looked_for() -> None:
    assert len(pointers({"/lines": [{}] * 5000})) == MAX_FINDINGS == 100


def test_no_answer_repeats_a_value() -> None:
    changes = {
        "/patient/person_id": "Secret\u0000", "/patient/name": "Secret" * 40, "/bill_id": ["Secret"],
        "/facility/tier": "Secret", "/encounter/admitted_on": "Secret", "/lines/0/amount": "Secret",
        "/lines/0/line_no": "Secret", "/patient/Secret Name": "Secret",
    }  # fmt: skip
    document = answered(changed(changes))
    assert len(document["errors"]) == 8
    assert "Secret" not in json.dumps(document)


def test_the_forms_of_a_request_are_shown_in_the_order_of_the_example() -> None:
    def names(schema: Json) -> Json:
        members = schema["properties"].items()
        return {name: names(member) if "properties" in member else None for name, member in members}

    shown = names(REQUEST_FORM.schema)
    assert list(shown) == list(REQUEST)
    for name in ("facility", "patient", "encounter", "year_to_date"):
        assert list(shown[name]) == list(REQUEST[name])


def test_the_plain_request_settles() -> None:
    assert refusals(REQUEST) == []
