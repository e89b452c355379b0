"""The packs as answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api.schemas import Policies, Policy, PolicyNumber, PolicySummary
from app.api.wire import source_members

if TYPE_CHECKING:
    from app.policies.catalogue import Catalogue
    from app.settlement.pack import Pack


def policies_answer(catalogue: Catalogue) -> Policies:
    """All packs that are loaded: each region, and each pooling area's overlay."""
    return Policies(items=[_summary(pack) for pack in catalogue.packs], next_cursor=None)


def policy_answer(catalogue: Catalogue, pack: Pack) -> Policy:
    """One pack, each value with its source."""
    numbers = [
        PolicyNumber(
            path=number.path,
            value=number.text,
            unit=number.unit,
            source=source_members(number.source),
            from_overlay=number.from_overlay,
        )
        for number in catalogue.values(pack)
    ]
    return Policy(**_summary(pack).model_dump(), numbers=numbers)


def _summary(pack: Pack) -> PolicySummary:
    return PolicySummary(
        id=pack.id,
        area=pack.area,
        title=dict(pack.title),
        scheme=pack.scheme,
        effective_from=pack.effective_from,
        effective_to=pack.effective_to,
        hash=pack.hash,
    )
