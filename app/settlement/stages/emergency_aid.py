"""§5.5: emergency aid (疾病应急救助)."""

from __future__ import annotations

from typing import Final

from app.settlement.money import Fen
from app.settlement.pack import Source
from app.settlement.result import Reason, StageName, StageResult

STAGE: Final[StageName] = "emergency_aid"
SOURCE: Final = Source(assumed="approved by the aid agency for this stay, as the bill says")


def emergency_aid(approved: Fen, burden: Fen) -> StageResult:
    """Pay what the aid agency has approved for this stay, as far as a burden is left (桂人社发〔2017〕74号 二(二)6).

    The amount comes with the bill and not from the pack, and so does its source.
    """
    reason: Reason
    if approved == 0:
        reason = "none_approved"
    elif burden == 0:
        reason = "nothing_left"
    else:
        reason = "applied"
    inputs = {"approved": approved, "burden": burden}
    return StageResult(STAGE, reason, min(approved, burden), None, SOURCE, inputs, {})
