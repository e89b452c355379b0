"""A route that is handed the request as it came: nothing to look for, nothing to convert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Match

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send


class WholeRequestRoute(APIRoute):
    """In the document as any other; at work Starlette's own, without FastAPI's search for parameters.

    For an endpoint of one path that takes the request alone and gives a `Response`: the search costs a tenth of a
    preview, and finding the route by a pattern some hundredths. Exceptions go up to `Observed`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 # FastAPI's own
        super().__init__(path, endpoint, **options)
        assert not self.param_convertors, "one path"
        self._methods = frozenset(self.methods or ())

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is ours and the method too; any other is looked at as usual."""
        if scope["path"] == self.path and scope["method"] in self._methods and not scope.get("root_path"):
            return Match.FULL, {"route": self, "endpoint": self.endpoint, "path_params": {}}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say which methods there are."""
        if scope["method"] in self._methods:
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)
