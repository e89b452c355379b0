"""What the bench says: tables and goals, for the terminal and for docs/benchmarks.md."""

import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as RichTable

PEERS = ("fastapi", "msgspec", "openfisca-core", "pydantic", "uvicorn", "zen-engine")


@dataclass(frozen=True)
class Goal:
    """What was promised, beside what was measured."""

    text: str
    measured: float
    wanted: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted


@dataclass
class Table:
    """A table of measurements; all but the first column are figures."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    note: str = ""

    def row(self, *cells: str) -> None:
        self.rows.append(cells)


def goals_table(goals: Iterable[Goal]) -> Table:
    """The goals as a table."""
    table = Table("Goals", ("goal", "wanted", "measured", "met"))
    for goal in goals:
        sign = "≥" if goal.at_least else "≤"
        table.row(goal.text, f"{sign} {goal.wanted:g}", f"{goal.measured:.2f}", "yes" if goal.met else "no")
    return table


def show(console: Console, table: Table) -> None:
    """Print a table."""
    drawn = RichTable(box=SIMPLE)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row)
    console.print(f"\n[bold]{table.title}[/bold]", drawn, table.note, sep="\n", highlight=False)


def markdown(table: Table) -> str:
    """A table for the document."""
    lines = [
        f"## {table.title}",
        "",
        "| " + " | ".join(table.columns) + " |",
        "| --- |" + " ---: |" * (len(table.columns) - 1),
        *("| " + " | ".join(row) + " |" for row in table.rows),
    ]
    return "\n".join([*lines, "", table.note, ""] if table.note else [*lines, ""])


def machine() -> str:
    """The machine in one line, without its name or paths."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{processor()}, {cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, {python}"


def processor() -> str:
    """The processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found.group(1).strip() if found else platform.processor() or "unknown processor"


def versions() -> str:
    """The versions of the peers and of what the floors are built from."""
    return ", ".join(f"{name} {version(name)}" for name in PEERS)


HEAD = """# Benchmarks

Written by `python -m bench --write`; measured side by side in one run: every contender in every round, in turning
order, the median of the rounds. Each peer has given the same payers as the product on every bench bill before it was
timed. How each is built: `bench/`.

- Command: `{command}`
- Machine: {machine}
- Versions: {versions}
"""


def write_document(path: Path, command: str, tables: Iterable[Table]) -> None:
    """Rewrite docs/benchmarks.md."""
    head = HEAD.format(command=command, machine=machine(), versions=versions())
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([head, *(markdown(table) for table in tables)]), encoding="utf-8")
