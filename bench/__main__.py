"""`python -m bench`: measure the core, the command and the preview beside their floors and peers, and print tables."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bench import core, files, insurers, ledgers, operations, previews
from bench.report import Goal, Table, goals_table, machine, show, write_document

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
FEW, MANY = 10_000, 1_000_000
PAGE_WIDTH = 120  # where no terminal gives one


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", choices=("core", "files", "previews", "ledger", "insurers", "operations"), help="measure one part"
    )
    parser.add_argument("--quick", action="store_true", help="a few short rounds: does it run, not how fast")
    parser.add_argument("--full", action="store_true", help=f"also the memory at {MANY:,} bills (some minutes, 2 GB)")
    parser.add_argument("--write", action="store_true", help="rewrite docs/benchmarks.md")
    chosen = parser.parse_args()
    if chosen.write and (chosen.only or chosen.quick):
        parser.error("--write records a whole run: not with --only or --quick")
    return chosen


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """One moving line on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("bench") as status:
            yield status.update
    else:
        yield lambda text: print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure what was asked for, print it, and write it down if asked to."""
    chosen = options()
    memory = [FEW // 10, FEW] if chosen.quick else [FEW, MANY] if chosen.full else [FEW]
    with progress() as say:
        parts: dict[str, Callable[[], tuple[list[Table], list[Goal]]]] = {
            "core": lambda: core.measure(3 if chosen.quick else 11, say),
            "files": lambda: files.measure(*((500, 1) if chosen.quick else (FEW, 11)), memory, say),
            "previews": lambda: previews.measure(*((1, 0.5) if chosen.quick else (7, 2.0)), say),
            "ledger": lambda: ledgers.measure(
                *((1, 1.0) if chosen.quick else (5, 4.0)), MANY if chosen.full else 0, say
            ),
        }
        if chosen.full or chosen.only == "insurers":
            rows = FEW if chosen.quick else MANY
            parts["insurers"] = lambda: insurers.measure(rows, 1 if chosen.quick else 3, say)
        if chosen.full or chosen.only == "operations":
            parts["operations"] = lambda: operations.measure(6.0 if chosen.quick else 60.0, say)
        results = [part() for name, part in parts.items() if chosen.only in (None, name)]
    tables = [table for found, _ in results for table in found]
    tables.insert(0, goals_table(goal for _, goals in results for goal in goals))
    console = Console() if sys.stdout.isatty() else Console(width=PAGE_WIDTH)
    console.print(machine())
    for table in tables:
        show(console, table)
    if chosen.write:
        command = " ".join(["python -m bench", *sys.argv[1:]])
        write_document(DOCUMENT, command, tables)
        console.print(f"\nWritten: {DOCUMENT.relative_to(DOCUMENT.parents[1])}")


if __name__ == "__main__":
    main()
