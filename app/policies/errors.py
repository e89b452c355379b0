"""What is wrong with a folder of policy packs: every error as a value, raised together once."""

from __future__ import annotations

from typing import NamedTuple


class PackError(NamedTuple):
    """One bad value: the file's name, the path in it, the line (from 1), what was found and what was expected."""

    file: str
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """Write it as one line for people: `guangxi.yaml: backstop.target (line 70): found …, expected …`."""
        place = f"{self.path} (line {self.line})" if self.path else f"line {self.line}"
        return f"{self.file}: {place}: {self.message}"


class PacksRefused(Exception):
    """The packs cannot be used; `errors` holds everything that is wrong with them, in file order."""

    def __init__(self, errors: tuple[PackError, ...]) -> None:
        """Keep all errors; the exception's own words are one line an error."""
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        """One line an error."""
        return "\n".join(str(error) for error in self.errors)


def shortened(text: str, limit: int = 60) -> str:
    """Quote what a file holds for an error's words: on one line, printable, not too long."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return '"' + "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in shown) + '"'
