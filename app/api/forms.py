"""The forms of single values (api.md, "Forms"): what is accepted.

One description serves three readers: the exact one here, the fast decoder's types, and the OpenAPI document.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final, NamedTuple, Protocol

from app.api.memo import Memo
from app.api.strict_json import FractionToken, IntegerToken
from app.settlement.money import json_number, plain_number

Schema = dict[str, Any]


class WrongForm(Exception):
    """The value does not have the form."""


class Form(Protocol):
    """The form of one value."""

    @property
    def expected(self) -> str:
        """What was expected, in words that end a sentence."""

    @property
    def schema(self) -> Schema:
        """The form as JSON Schema, for the OpenAPI document."""

    def read(self, value: object) -> Any:  # noqa: ANN401 # each form reads to a type of its own
        """Read a parsed JSON value, or raise `WrongForm`."""


class TextForm(NamedTuple):
    """A string of some code points without control characters and lone surrogates, compared exactly."""

    shortest: int
    longest: int

    @property
    def expected(self) -> str:
        return f"a string of {self.shortest} to {self.longest} characters without control characters"

    @property
    def schema(self) -> Schema:
        return {
            "type": "string",
            "minLength": self.shortest,
            "maxLength": self.longest,
            "pattern": "^[^\\u0000-\\u001f\\u007f]*$",
        }

    def read(self, value: object) -> str:
        if type(value) is not str or not self.shortest <= len(value) <= self.longest or _UNWANTED.search(value):
            raise WrongForm
        return value


_UNWANTED: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class AreaForm(NamedTuple):
    """An administrative division code (行政区划代码)."""

    expected: str = "a string of six digits"

    @property
    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9]{6}$", "examples": ["451000"]}

    def read(self, value: object) -> str:
        if type(value) is not str or not _AREA.fullmatch(value):
            raise WrongForm
        return value


_AREA: Final = re.compile(r"[0-9]{6}", re.ASCII)


class DateForm(NamedTuple):
    """A real day."""

    expected: str = "a day as YYYY-MM-DD"

    @property
    def schema(self) -> Schema:
        return {"type": "string", "format": "date", "examples": ["2018-06-15"]}

    def read(self, value: object) -> date:
        if type(value) is not str:
            raise WrongForm
        return _DAYS[value]


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise WrongForm
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongForm from None


_DAYS: Final = Memo(_day)


class ChoiceForm(NamedTuple):
    """One of some words, case-sensitive."""

    choices: tuple[str, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.choices)

    @property
    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.choices)}

    def read(self, value: object) -> str:
        if type(value) is not str or value not in self.choices:
            raise WrongForm
        return value


class BooleanForm(NamedTuple):
    """True or false, nothing that only looks like it."""

    expected: str = "true or false"

    @property
    def schema(self) -> Schema:
        return {"type": "boolean"}

    def read(self, value: object) -> bool:
        if type(value) is not bool:
            raise WrongForm
        return value


class CountForm(NamedTuple):
    """A JSON integer from 1 to 2147483647: no string, fraction or exponent."""

    expected: str = "an integer from 1 to 2147483647"

    @property
    def schema(self) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}

    def read(self, value: object) -> int:
        if type(value) is not IntegerToken or len(value) > len(str(MAX_COUNT)):
            raise WrongForm
        return self.check(int(value))

    def check(self, number: int) -> int:
        if not 1 <= number <= MAX_COUNT:
            raise WrongForm
        return number


MAX_COUNT: Final = 2_147_483_647


class NumberForm:
    """An exact decimal: a JSON number in any JSON form, or a string of plain digits; in units of 10^-`places`."""

    def __init__(self, places: int, *, negative: bool) -> None:
        self.places = places
        self.negative = negative
        # By what the fast decoder gives: a string, or the value of a JSON integer.
        self.plain: Memo[str | int, int] = Memo(self._read_plain)

    @property
    def expected(self) -> str:
        sign = "" if self.negative else ", not negative"
        return f"a number or a string of plain digits, with at most {self.places} decimals{sign}"

    @property
    def schema(self) -> Schema:
        pattern = "^-?[0-9]+(\\.[0-9]+)?$" if self.negative else "^([0-9]+(\\.[0-9]+)?|-0+(\\.0+)?)$"
        text: Schema = {"type": "string", "maxLength": 40, "pattern": pattern}
        return {"anyOf": [text, {"type": "number"} if self.negative else {"type": "number", "minimum": 0}]}

    def read(self, value: object) -> int:
        if type(value) is str:
            return self.plain[value]
        if type(value) is IntegerToken or type(value) is FractionToken:
            return self._checked(json_number(value, self.places))
        raise WrongForm

    def _read_plain(self, value: str | int) -> int:
        return self._checked(plain_number(value if type(value) is str else str(value), self.places))

    def _checked(self, scaled: int | None) -> int:
        if scaled is None or (scaled < 0 and not self.negative):
            raise WrongForm
        return scaled
