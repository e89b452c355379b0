"""`onestop key`: mint, list and revoke the keys of hospitals, insurers and operations."""

from __future__ import annotations

import re
import sys
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.commands.ledgers import FOUND_EXIT, clock, fail, opened_ledger, operator, pseudonyms_of
from app.commands.progress import progress_bar

if TYPE_CHECKING:
    from rich.table import Table

    from app.store.keys import KeyRow

TABLE_WIDTH: Final = 120
_CODE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}").fullmatch
_AREA: Final = re.compile(r"[0-9]{6}").fullmatch
_ID: Final = re.compile(r"[0-9a-f]{8}").fullmatch

key_app = typer.Typer(no_args_is_help=True, help="Keys (密钥): who may ask the service, as what, and how far.")


class Role(Enum):
    """The roles of api.md."""

    his = "his"
    insurer = "insurer"
    ops = "ops"
    admin = "admin"


class Format(Enum):
    """How a list is printed."""

    table = "table"
    json = "json"


@key_app.command()
def mint(
    *,
    role: Annotated[Role, typer.Option(help="his: a hospital's system. insurer: reads backstops. ops: metrics.")],
    facility: Annotated[list[str] | None, typer.Option(help="A facility's code; for his, at least one.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="A pooling area's code; for insurer, at least one.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="The last day (UTC) on which it counts.")] = None,
) -> None:
    """Mint a key. It is printed once, alone on the last line of standard output, and stored only as a hash."""
    from app.usecases.keys import Bounds, mint_key

    facilities, areas = frozenset(facility or ()), frozenset(area or ())
    _check_bounds(role, facilities, areas)
    day = _day(expires)
    with opened_ledger("key mint", at_head=True) as ledger:
        key = mint_key(ledger, clock, Bounds(role.value, facilities, areas, day), operator())
    if day is not None and day < clock().date():
        typer.echo(f"onestop key mint: {day} is past, so the key counts on no day", err=True)
    typer.echo("Keep it: it is shown this once.", err=True)
    typer.echo(key)


@key_app.command("list")
def list_(
    output: Annotated[Format, typer.Option("--format", help="A table, or JSON for programs.")] = Format.table,
) -> None:
    """List all keys that were ever minted, with their bounds, their last day and the day of their last use."""
    from app.usecases.keys import all_keys

    with opened_ledger("key list", at_head=True) as ledger:
        rows = all_keys(ledger)
    if output is Format.json:
        typer.echo(_json(rows))
        return
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False).print(_table(rows))


@key_app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `key list` shows it.")]) -> None:
    """Revoke a key: within five seconds no worker takes it any more."""
    from app.usecases.keys import revoke_key

    if not _ID(key_id):
        # It may be a whole key, which is not to be repeated.
        fail("key revoke", "expected the id of a key, eight hexadecimal digits: `onestop key list` shows them")
    with opened_ledger("key revoke", at_head=True) as ledger:
        known = revoke_key(ledger, clock, key_id, operator())
    if known is None:
        fail("key revoke", f"there is no key {key_id}: `onestop key list` shows them", FOUND_EXIT)
    if known.revoked_at is not None:
        typer.echo(f"{key_id}: was revoked already, at {known.revoked_at}")
    else:
        typer.echo(f"{key_id}: revoked")


@key_app.command("rotate-pii")
def rotate_pii() -> None:
    """Move all persons under ONESTOP_PII_KEY, from the keys before it: ONESTOP_PII_EARLIER_KEYS.

    First start every service anew with both settings, then run this with the same two; it may be broken off and run
    again, and the services go on meanwhile. The earlier keys stay in the settings: persons are found through them.
    """
    from app.usecases.rekey_persons import KeyUnknown, rekey_persons

    pseudonyms = pseudonyms_of("key rotate-pii")
    try:
        with opened_ledger("key rotate-pii", at_head=True) as ledger, progress_bar("rows") as show:
            moved = rekey_persons(ledger, clock, pseudonyms, operator(), show)
    except KeyUnknown as error:
        fail("key rotate-pii", str(error))
    newest = pseudonyms.key_ids[-1]
    if moved is None:
        typer.echo(f"all persons are under the key {newest}: nothing to do")
    else:
        typer.echo(f"{moved.persons:,} persons moved from {moved.key_id} to {newest}, with {moved.rows:,} rows")


def _check_bounds(role: Role, facilities: frozenset[str], areas: frozenset[str]) -> None:
    needed = {Role.his: ("--facility", facilities), Role.insurer: ("--area", areas)}
    if role in needed and not needed[role][1]:
        fail("key mint", f"a key for {role.value} needs at least one {needed[role][0]}")
    if facilities and role is not Role.his:
        fail("key mint", f"--facility is for his, a key for {role.value} has no facilities")
    if areas and role is not Role.insurer:
        fail("key mint", f"--area is for insurer, a key for {role.value} has no areas")
    if not all(map(_CODE, facilities)):
        fail("key mint", "--facility: expected 1 to 64 characters, none of them a control character")
    if not all(map(_AREA, areas)):
        fail("key mint", "--area: expected six digits, such as 451000")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        fail("key mint", "--expires: expected a day such as 2027-12-31")
    return day


def _state(row: KeyRow) -> str:
    if row.revoked_at is not None:
        return f"revoked {row.revoked_at[:10]}"
    if row.expires_on is not None and row.expires_on < clock().date():
        return f"expired {row.expires_on}"
    return f"to {row.expires_on}" if row.expires_on else "in force"


def _json(rows: list[KeyRow]) -> str:
    from app.store.keys import names_of

    items = [
        row._asdict() | {"facilities": sorted(names_of(row.facilities)), "areas": sorted(names_of(row.areas))}
        for row in rows
    ]
    for item in items:
        del item["hash"]
    import msgspec

    return msgspec.json.encode(items).decode()


def _table(rows: list[KeyRow]) -> Table:
    from rich.table import Table

    from app.store.keys import names_of

    table = Table(header_style="bold")
    for name in ("Id", "Role", "Facilities, areas", "State", "Minted", "Last used"):
        table.add_column(name, no_wrap=name != "Facilities, areas", overflow="fold")
    for row in rows:
        bounds = ", ".join(sorted(names_of(row.facilities) | names_of(row.areas)))
        used = row.last_used_on.isoformat() if row.last_used_on else "never"
        table.add_row(row.key_id, row.role, bounds or "all", _state(row), row.minted_at[:10], used)
    return table
