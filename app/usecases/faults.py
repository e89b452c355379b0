"""What is wrong with a ledger: each fault named, the first thousand kept, all of them counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from app.store.settlements import PersonYear

MOST_SHOWN: Final = 1_000

# Whose fault it is: of a record, or of one of the small tables beside them.
Kind = Literal["settlement", "reversal", "correction", "person-year", "open-bill", "pack"]


class Fault(NamedTuple):
    """One fault: of what, its id, whose year it belongs to, shortened ("" where of nobody's), and what is wrong."""

    kind: Kind
    record_id: str
    person_year: str
    what: str


@dataclass(slots=True)
class Faults:
    """The faults found so far; no more than a thousand of them are kept, however many there are."""

    found: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, fault: Fault) -> None:
        """Count a fault, and keep it while there is room."""
        self.count += 1
        if len(self.found) < MOST_SHOWN:
            self.found.append(fault)

    def join(self, others: Faults) -> None:
        """Take over what somebody else has found."""
        self.count += others.count
        self.found += others.found[: MOST_SHOWN - len(self.found)]


_SHOWN_DIGITS: Final = 12


def shortened(person_year: PersonYear) -> str:
    """A person-year for people's eyes: the pseudonym's first digits, the year, the scheme."""
    person, year, scheme = map(str, person_year)
    return " ".join(filter(None, (f"{person[:_SHOWN_DIGITS]}…", year, scheme)))
