"""The command line's door: the command `onestop` and its verbs."""

from __future__ import annotations

import typer

from app.commands.database import db_app
from app.commands.packs import packs_app
from app.commands.replay import replay
from app.commands.serve import serve
from app.commands.settle import settle

app = typer.Typer(
    name="onestop",
    help="One answer at the hospital's window: who pays what of a bill, to the fen, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(settle)
app.command()(replay)
app.add_typer(packs_app, name="packs")
app.add_typer(db_app, name="db")


def main() -> None:
    """Run the command."""
    app()
