"""For operations, and for whoever asks which rules are in force: health, metrics, policies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from app.api import problems
from app.api.openapi import answers
from app.api.policies import policies_answer, policy_answer
from app.api.readiness import missing
from app.api.schemas import Area, Health, Policies, Policy
from app.api.vitals import say_at_once

if TYPE_CHECKING:
    from app.api.state import Parts


def router(parts: Parts) -> APIRouter:
    """Make the routes of this audience."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz")
    async def is_it_alive() -> Health:
        """Say that the process lives."""
        return Health(status="ok")

    @routes.get("/readyz", responses=answers({200: Health}, 503))
    async def is_it_ready() -> Response:
        """Say that bills can be settled and recorded: packs loaded, ledger reachable, its schema and key known."""
        # Behind nobody: whoever has much to do is not to be taken for one that can do nothing.
        found = await asyncio.get_running_loop().run_in_executor(parts.vitals_thread, missing, parts)
        if found is not None:
            return parts.refuse(found)
        return Response(Health(status="ready").model_dump_json(), media_type="application/json")

    @routes.get("/metrics", response_class=PlainTextResponse)
    def read_the_metrics() -> Response:
        """Give the metrics in Prometheus's text format."""
        say_at_once(parts)
        return PlainTextResponse(parts.metrics.render(), media_type="text/plain; version=0.0.4")

    @routes.get("/v1/policies")
    def list_the_policies() -> Policies:
        """List the packs that are loaded: each region, and each pooling area's overlay."""
        return policies_answer(parts.catalogue)

    @routes.get("/v1/policies/{policy_id}", responses=answers({200: Policy}, 404, 422))
    def read_a_policy(policy_id: str, area: Area = None) -> Response:
        """Give one pack, each number with its source; with `area` as it counts in that pooling area."""
        pack = parts.catalogue.by_id(policy_id, area)
        if pack is None:
            document = problems.document(problems.NOT_FOUND, "There is no such policy pack; /v1/policies lists them.")
            return parts.refuse(document)
        return Response(policy_answer(parts.catalogue, pack).model_dump_json(), media_type="application/json")

    return routes
