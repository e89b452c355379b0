"""Values at and beyond the edge of each form, and names that no object has."""

from __future__ import annotations

from typing import Any

from tests.oracle.calculation.request import YEAR_TO_DATE_FIELDS

from .json_forms import Raw
from .names import MONEY_FIELDS

WRONG_NUMBERS: tuple[Any, ...] = (
    *map(Raw, ("1e400", "-1e400", "1e5000000", "1e-5000000", "1e9999999999999999999", "1e-9999999999999999999")),
    *map(
        Raw, ("0e9999999999999999999", "1" * 5_000, f"1{'0' * 5_000}e-5000", f"0.{'0' * 5_000}1e5001", "1e15", "1E14")
    ),
    *map(Raw, ("999999999999999.99", "-999999999999999", "1000000000000000", "0.0000001", "0.00001", "1e-7", "1.005")),
    *map(Raw, ("1e0000000000000000000000002", f"1e{'9' * 5_000}", f"1e-{'9' * 5_000}", f"0e{'9' * 5_000}")),
    *("1_000", " 1 ", "1 ", "+1", "１２.5", "٣", "1e2", "1E2", "", "-", ".5", "5.", "NaN", "Infinity", "0x1F", "1,000"),
    *("--1", "1.2.3", "1.5\n", "1\u0000", "一", "1\u00a0", "²", "-0.00", "0" * 39 + "1", "0" * 40 + "1", "1.0000000"),
    *(
        "9" * 40,
        "1" + "0" * 15,
        "0." + "0" * 38,
        "0." + "0" * 37 + "1",
        "1" + "0" * 14 + ".00",
        "\ud800",
        "1." + "0" * 38,
    ),
    *(None, True, False, [], {}, [1], ["1"]),
)
WRONG_TEXTS: tuple[Any, ...] = (
    *("", "x" * 64, "x" * 65, "𠮷" * 64, "𠮷" * 65, "姓" * 200, "姓" * 201, " a ", "a\tb", "a\u0000b", "\x7f", "\x1f"),
    *("\x80", "\u2028", "\ud800", "x\udfff", "\udc00\ud800", "\ufeff", "e\u0301", "a\nb", "\ufffe", "\U0010ffff"),
    *(None, True, 0, Raw("12.5"), [], {}, ["x"]),
)
WRONG_AREAS: tuple[Any, ...] = (
    *("45020", "4502000", "４５０２００", "45020a", "450200\n", " 450200", "450200 ", "", "٤٥٠٢٠٠", "000000", "\ud800"),
    *(None, 450200, Raw("4502e2"), True, [], {}),
)
WRONG_DATES: tuple[Any, ...] = (
    *("2018-6-1", "2018-02-29", "2020-02-29", "2018-02-30", "20180601", "2018-06-01T00:00:00", "2018-06-01\n"),
    *("２０18-06-01", "0000-01-01", "0001-01-01", "9999-12-31", "2018-W01-1", "1527811200", "2018/06/01", ""),
    *("2018-13-01", "2018-00-10", "+2018-06-01", "-018-06-01", "2018-06-00", " 2018-06-01", "2018-152"),
    *(None, 20180601, Raw("1527811200.5"), True, [], {}),
)
WRONG_ORDINALS: tuple[Any, ...] = (
    *("1", "", "one", 0, -1, 2_147_483_647, 2_147_483_648, 10**30, None, True, False, [], {}),
    *map(Raw, ("1.0", "1e0", "-0", "0", "1E1", "9" * 5_000, "1e400", "-1")),
)
WRONG_BOOLEANS: tuple[Any, ...] = ("true", "", 0, 1, None, Raw("1.0"), [], {}, "false")
WRONG_NAMES_OF_KINDS: tuple[Any, ...] = (
    *("", "Inpatient", "inpatient ", "A\u0000", "a", "Ａ", "ordinary", "primary", "drug", "emergency", "\ud800"),
    *(None, True, 0, Raw("1.5"), [], {}, ["A"], {"A": 1}),
)
WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys((*MONEY_FIELDS, *YEAR_TO_DATE_FIELDS), WRONG_NUMBERS),
    **dict.fromkeys(("bill_id", "code", "person_id", "name"), WRONG_TEXTS),
    **dict.fromkeys(("pooling_area", "county"), WRONG_AREAS),
    **dict.fromkeys(("admitted_on", "discharged_on"), WRONG_DATES),
    **dict.fromkeys(("line_no", "admission_number"), WRONG_ORDINALS),
    **dict.fromkeys(("designated", "essential_medicine"), WRONG_BOOLEANS),
    **dict.fromkeys(
        ("tier", "status", "type", "referral", "cause", "category", "catalogue_class"), WRONG_NAMES_OF_KINDS
    ),
    **dict.fromkeys(("facility", "patient", "encounter", "year_to_date"), (None, [], "x", True, Raw("1.5"), {}, 0)),
    "lines": (None, {}, "x", True, 0, {"0": {}}, [], [[]], [None], ["x", {}], [{}, {}]),
}
UNKNOWN_NAMES = (
    *(
        "nope",
        "Bill_id",
        "bill_id_",
        "_",
        "x" * 64,
        "x" * 65,
        "x1",
        "1x",
        "",
        "a b",
        "a/b~c",
        "a-b",
        "张三",
        "é",
        "a.b",
    ),
    *("\ud800", "a\u0000", "__proto__", "settlement_id", "name ", "ｎame", "x\n", "0", "_" * 65),
)
