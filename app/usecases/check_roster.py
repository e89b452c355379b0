"""What the roster (身份标注) says of a bill's status: told in the answer, or the bill is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from app.settlement.refusals import Refusal
from app.settlement.settle import Refused

if TYPE_CHECKING:
    from datetime import date

    from app.settlement.bill import Bill
    from app.store.roster import RosterWord

RosterMode = Literal["off", "check", "enforce"]

# Who is not on the roster is this.
UNLISTED: Final = "ordinary"
STATUS_NOT_ON_ROSTER: Final = Refusal(
    "status_not_on_roster", "The roster says another status for this person on the day of discharge."
)


class StatusCheck(NamedTuple):
    """A bill's status beside the roster's on the day of discharge; all None where no roster was ever imported."""

    roster_status: str | None
    agrees: bool
    as_of: date | None
    hash: str | None


def check_status(bill: Bill, word: RosterWord | None) -> StatusCheck:
    """Compare a bill's status with what the roster says (三(一)1: 身份标注)."""
    if word is None:
        return StatusCheck(None, bill.patient.status == UNLISTED, None, None)
    status = word.status or UNLISTED
    return StatusCheck(status, status == bill.patient.status, word.as_of, word.hash)


def refused_by_roster(check: StatusCheck, mode: RosterMode) -> Refused | None:
    """The refusal of a bill whose status the roster does not know, where the roster is enforced."""
    if mode != "enforce" or check.agrees:
        return None
    return Refused([STATUS_NOT_ON_ROSTER.at("patient", "status")])
