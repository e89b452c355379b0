"""A route that is handed the request as it came: nothing to look for, nothing to convert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from starlette.requests import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send


class WholeRequestRoute(APIRoute):
    """In the document as any other; at work Starlette's own, without FastAPI's search for parameters.

    For an endpoint that takes the request alone and gives a `Response`: the search costs a tenth of a preview.
    Exceptions go up to `Observed`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 # FastAPI's own
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = app
