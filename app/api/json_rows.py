"""The rows of a JSON file that is too large to be read at once: `{"rows": [{…}, {…}]}`, row by row."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final, NoReturn

from app.api.strict_json import NotJson, parse_next

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE: Final = 1024 * 1024
# No row is longer: its values have at most 64 characters each.
_LONGEST: Final = 16 * 1024
_HEAD: Final = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*"rows"[ \t\n\r]*:[ \t\n\r]*\[[ \t\n\r]*')
_BETWEEN: Final = re.compile(r"[ \t\n\r]*(,[ \t\n\r]*|\][ \t\n\r]*\}[ \t\n\r]*)")


def json_rows(path: Path) -> Iterator[object]:
    """Each row as `strict_json.parse` gives it. Raises `NotJson`, also for another object than one of rows."""
    text = _Text(path)
    text.fill()
    head = _HEAD.match(text.text)
    if head is None:
        _refuse('an object with "rows" alone, and an array in it')
    text.at = head.end()
    if text.text[text.at : text.at + 1] == "]":
        text.finish(text.at)
        return
    while True:
        if len(text.text) - text.at < _LONGEST:
            text.fill()
        value, text.at = parse_next(text.text, text.at)
        yield value
        if len(text.text) - text.at < _LONGEST:
            text.fill()
        between = _BETWEEN.match(text.text, text.at)
        if between is None:
            _refuse("a comma, or the end of the array and of the object")
        if between[1][0] == "]":
            text.finish(text.at)
            return
        text.at = between.end()


class _Text:
    """A window on the file's text."""

    def __init__(self, path: Path) -> None:
        self._pieces = _pieces(path)
        self.text = ""
        self.at = 0

    def fill(self) -> None:
        """Drop what was read, and read on."""
        self.text = self.text[self.at :]
        self.at = 0
        while len(self.text) < _LONGEST and (piece := next(self._pieces, "")):
            self.text += piece

    def finish(self, at: int) -> None:
        """See that behind the array there is the object's end, and nothing more."""
        rest = self.text[at:] + next(self._pieces, "")
        if not re.fullmatch(r"[ \t\n\r]*\][ \t\n\r]*\}[ \t\n\r]*", rest):
            _refuse("the end of the array and of the object, and nothing behind it")


def _pieces(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                if text := decoder.decode(piece):
                    yield text
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8.") from None


def _refuse(expected: str) -> NoReturn:
    raise NotJson(f"The body is not JSON as it is read here: expected {expected}.")
