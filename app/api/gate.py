"""The gate before every route: whose key it is, and whether that role may do this."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from app.access.rules import roles_for
from app.api import ledger_requests, problems
from app.api.memo import Memo
from app.store.audit import By
from app.store.ledger import LedgerBusy, LedgerUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.routing import APIRoute
    from starlette.types import Receive, Scope, Send

    from app.access.keys import Access, Role
    from app.api.issuers import Issuers
    from app.api.state import Parts

_ACCESS: Final = "onestop.access"
REQUEST_ID: Final = "onestop.request_id"
_SCHEME: Final = b"bearer "


def put_gate(route: APIRoute, parts: Parts) -> None:
    """Let a route be used by the roles of its rule alone. Raises `NoRule` for a route that nobody has thought of."""
    method = next(iter(route.methods or ()))
    assert route.methods == {method}, "each of our routes has one method"
    roles = roles_for(method, route.path_format)
    if roles is None:
        return
    inner = route.app

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        credentials = header_of(scope, b"authorization") or b""
        access = parts.keyring.remembered(credentials) or await _access(credentials, parts)
        if isinstance(access, problems.Document):
            await _refused(parts, access)(scope, receive, send)
            return
        scope[_ACCESS] = access
        if access.role not in roles:
            await _refused(parts, _not_for(roles))(scope, receive, send)
            return
        await inner(scope, receive, send)

    route.app = gate


def access_of(request: Request) -> Access:
    """What the key of a request gives; there is one behind every gate."""
    access: Access = request.scope[_ACCESS]
    return access


def by_of(request: Request) -> By:
    """Who asks, as the audit has it."""
    access, client = access_of(request), request.scope.get("client")
    return By(access.key_id, access.role, _ADDRESS[client[0]] if client else "", request.scope.get(REQUEST_ID, ""))


def key_id_in(scope: Scope) -> str | None:
    """The id of the key that a request came in with, for the log."""
    access: Access | None = scope.get(_ACCESS)
    return access.key_id if access else None


def header_of(scope: Scope, wanted: bytes) -> bytes | None:
    """The first header of a name as it came: Starlette decodes all of them for each that is asked for."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None


async def _access(credentials: bytes, parts: Parts) -> Access | problems.Document:
    if credentials[: len(_SCHEME)].lower() != _SCHEME:
        return problems.document(problems.UNAUTHORIZED, "Send Authorization: Bearer and a key of `onestop key mint`.")
    shown = credentials[len(_SCHEME) :].decode("latin-1").strip()
    try:
        # A token has dots, a key has none.
        if parts.issuers is not None and "." in shown:
            access = await _bearer(parts.issuers, shown)
        else:
            access = await parts.keyring.access_of(shown)
            if access is not None:
                parts.keyring.remember(credentials, access)
    except (LedgerUnreachable, LedgerBusy, OutcomeUnknown) as error:
        return ledger_requests.not_recorded(error)
    if isinstance(access, problems.Document):
        return access
    if access is None:
        return problems.document(problems.UNAUTHORIZED, "The key is unknown, revoked or expired.")
    return access


async def _bearer(issuers: Issuers, token: str) -> Access | problems.Document | None:
    from app.api.issuers import IssuerUnreachable  # noqa: PLC0415 # its libraries are loaded where tokens are taken

    try:
        return await issuers.access_of(token)
    except IssuerUnreachable:
        return problems.document(problems.ISSUER_UNREACHABLE, "The provider's keys could not be fetched; a key works.")


def _not_for(roles: frozenset[Role]) -> problems.Document:
    return problems.document(problems.FORBIDDEN, f"This needs a key with the role {' or '.join(sorted(roles))}.")


def _refused(parts: Parts, document: problems.Document) -> Response:
    response = parts.refuse(document)
    if document.status == problems.UNAUTHORIZED.status:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _address(client: str) -> str:
    # What a proxy hands on may be any text; an address is what is meant.
    try:
        return str(ip_address(client.partition("%")[0]))
    except ValueError:
        return ""


_ADDRESS: Final[Memo[str, str]] = Memo(_address)
