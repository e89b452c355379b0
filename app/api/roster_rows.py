"""The rows of a roster (身份标注) that somebody sends: in the contract's forms, each error by its row and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.api.forms import ChoiceForm, Form, WrongForm
from app.api.request_form import AREA, DAY, IDENTIFIER
from app.exchange.uploads import BEYOND, csv_rows, parquet_rows
from app.settlement.bill import STATUSES
from app.store.roster import RosterEntry
from app.usecases.check_roster import UNLISTED
from app.usecases.import_roster import RowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FORMS: Final[dict[str, Form]] = {
    "person_id": IDENTIFIER,
    "status": ChoiceForm(tuple(status for status in STATUSES if status != UNLISTED)),
    "county": AREA,
    "valid_from": DAY,
    "valid_to": DAY,
}
NAMES: Final = tuple(_FORMS)
READERS: Final = {".csv": csv_rows, ".parquet": parquet_rows}


def roster_rows(path: Path, pseudonym: Callable[[str], str]) -> Iterator[RosterEntry | RowError]:
    """Read a file's rows, numbered from 1. Raises `WrongTable` for a file that is none of ours."""
    for number, row in enumerate(READERS[path.suffix.lower()](path, NAMES), 1):
        errors: list[RowError] = []
        values: dict[str, Any] = {}
        for name, form in _FORMS.items():
            text = row.get(name)
            if name == "valid_to" and text in ("", None):
                values[name] = None
                continue
            try:
                values[name] = form.read(text)
            except WrongForm:
                errors.append(RowError(number, name, form.expected))
        if BEYOND in row:
            errors.append(RowError(number, "", f"{len(NAMES)} columns"))
        if not errors and values["valid_to"] is not None and values["valid_to"] < values["valid_from"]:
            errors.append(RowError(number, "valid_to", "a day not before valid_from"))
        if errors:
            yield from errors
        else:
            person = pseudonym(values.pop("person_id"))
            yield RosterEntry(number, person, **values)
