"""The parts that the routes work with, put together once by `create_app` and handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from app.observe.metrics import Metrics
    from app.policies.catalogue import Catalogue


class Parts(NamedTuple):
    """One application's parts; two applications in one process share none."""

    catalogue: Catalogue
    metrics: Metrics
    logger: FilteringBoundLogger
