"""The parts that the routes work with, put together once by `create_app` and handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastapi import Response

from app.api import problems

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from app.observe.metrics import Metrics
    from app.policies.catalogue import Catalogue


class Parts(NamedTuple):
    """One application's parts; two applications in one process share none."""

    catalogue: Catalogue
    metrics: Metrics
    logger: FilteringBoundLogger

    def refuse(self, document: problems.Document) -> Response:
        """Answer with a problem document, and count it."""
        self.metrics.refused(document.code)
        # Whoever was too slow with one body will not be sooner with the next.
        headers = {"connection": "close"} if document.code == problems.BODY_TIMEOUT.code else None
        return Response(document.body, document.status, headers, problems.MEDIA_TYPE)
