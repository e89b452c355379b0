"""The command line's door: the command `onestop` and its verbs."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Final

import typer

VERBS: Final = ("serve", "settle", "replay", "packs", "db", "key", "roster", "reconcile")


def command_line(*verbs: str) -> typer.Typer:
    """Make the command with some of its verbs: each is there the sooner, the fewer of the others are."""
    command = typer.Typer(
        name="onestop",
        help="One answer at the hospital's window: who pays what of a bill, to the fen, and why.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # With a callback a single verb is still one.
    command.callback()(_about)
    if "serve" in verbs:
        from app.commands.serve import SETTINGS_HELP, serve

        command.command(epilog=SETTINGS_HELP)(serve)
    if "settle" in verbs:
        from app.commands.settle import settle

        command.command()(settle)
    if "replay" in verbs:
        from app.commands.replay import replay

        command.command()(replay)
    if "packs" in verbs:
        from app.commands.packs import packs_app

        command.add_typer(packs_app, name="packs")
    if "db" in verbs:
        from app.commands.database import db_app

        command.add_typer(db_app, name="db")
    if "key" in verbs:
        from app.commands.keys import key_app

        command.add_typer(key_app, name="key")
    if "roster" in verbs:
        from app.commands.roster import roster_app

        command.add_typer(roster_app, name="roster")
    if "reconcile" in verbs:
        from app.commands.reconcile import reconcile

        command.command()(reconcile)
    return command


def _say_version(asked: bool) -> None:  # noqa: FBT001 # as typer calls it
    if asked:
        typer.echo(f"onestop {version('onestop-settlement')}")
        raise typer.Exit


# Its callback answers.
def _about(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which release this is.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command."""
    asked = sys.argv[1:2]
    command_line(*(asked if asked and asked[0] in VERBS else VERBS))()
