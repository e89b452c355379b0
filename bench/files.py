"""Part B: `onestop settle` from file to file, beside msgspec and the bare loop, and its peak memory."""

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import msgspec

from bench.bills import bench_bills, stream_bills
from bench.processes import Run, cores, module, onestop, peak_memory, timed
from bench.product import answers_to
from bench.report import Goal, Table
from bench.timing import in_rounds

LINES, SMALL_LINES = 100, 5
DIFFERENT_SMALL_BILLS = 2_000
FLOOR = "msgspec decode + bare loop + encode, 1 core"
APART = "two onestop settle apart, a core each"
MIB = 2**20


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """A file of lines, written as they come."""
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)


def write_bills(path: Path, count: int) -> None:
    """Bills of 100 lines, all different."""
    write_lines(path, map(msgspec.json.encode, stream_bills(LINES, count)))


def write_small_bills(path: Path, count: int) -> None:
    """Any number of bills of 5 lines; two thousand different ones, again and again."""
    bills = [msgspec.json.encode(bill) for bill in stream_bills(SMALL_LINES, DIFFERENT_SMALL_BILLS)]
    write_lines(path, islice(cycle(bills), count))


def write_template(path: Path) -> None:
    """The product's answer of middling size: what the floor encodes for every bill."""
    answers = sorted(answers_to(bench_bills(LINES)), key=len)
    path.write_bytes(answers[len(answers) // 2])


def settle(source: Path, workers: int) -> list[str]:
    # To standard output: with --out the command waits until the disk has all of it, which the floor does not.
    return onestop("settle", str(source), "--workers", str(workers))


def measure(
    bills: int, rounds: int, memory_bills: list[int], say: Callable[[str], None]
) -> tuple[list[Table], list[Goal]]:
    """Speed at 100 lines a bill, then memory at 5 lines a bill."""
    with tempfile.TemporaryDirectory(prefix="onestop-bench-") as folder:
        speed, goals = measure_speed(Path(folder), bills, rounds, say)
        memory = measure_memory(Path(folder), memory_bills, say)
    return [speed, memory], goals


def seconds_a_run(runs: list[Run]) -> float:
    """Seconds for runs side by side, shared among them."""
    return timed(*runs) / len(runs)


def measure_speed(folder: Path, bills: int, rounds: int, say: Callable[[str], None]) -> tuple[Table, list[Goal]]:
    """Bills a second with one core, two, and all, and of the floor with one."""
    source, target, template = folder / "bills.ndjson", folder / "answers.ndjson", folder / "template.json"
    say(f"files: writing {bills:,} bills of {LINES} lines")
    write_bills(source, bills)
    write_template(template)
    usable = cores()
    runs: dict[str, list[Run]] = {
        f"onestop settle, {count} core{'s' if count > 1 else ''}": [(settle(source, count), usable[:count], target)]
        for count in sorted({1, min(2, len(usable)), len(usable)})
    }
    if len(usable) > 1:
        runs[APART] = [(settle(source, 1), [core], folder / f"{core}.ndjson") for core in usable[:2]]
    runs[FLOOR] = [(module("bench.file_floor", str(source), str(template)), usable[:1], target)]
    seconds = in_rounds("files", {name: partial(seconds_a_run, run) for name, run in runs.items()}, rounds, say)
    table = Table(
        f"onestop settle: {bills:,} bills of {LINES} lines from file to file",
        ("", "bills a second", "MB/s read", "× one core", "of the floor, a core"),
        note="From the start of the process to its end, and held to so many cores. The floor checks types and amounts "
        "alone, and encodes an answer of equal size that has the bill's payers but a fixed explanation. Two apart "
        "share nothing but the machine: more than they do two cores can't give here.",
    )
    one = "onestop settle, 1 core"
    for name, run in runs.items():
        chosen = {core for _, used, _ in run for core in used}
        speed = paired(seconds[one], seconds[name])
        share = paired(seconds[FLOOR], seconds[name]) / len(chosen)
        table.row(
            name,
            f"{bills / median(seconds[name]):,.0f}",
            f"{source.stat().st_size / 1e6 / median(seconds[name]):,.0f}",
            f"{speed:.2f}",
            f"{share:.2f}",
        )
    return table, goals_of(seconds, one)


def goals_of(seconds: dict[str, list[float]], one: str) -> list[Goal]:
    """What issue 2 promises of the command."""
    goals = [
        Goal("onestop settle on one core, as a share of the msgspec floor", paired(seconds[FLOOR], seconds[one]), 0.5)
    ]
    two = "onestop settle, 2 cores"
    if two in seconds:
        goals.append(Goal("onestop settle on two cores, as a multiple of one", paired(seconds[one], seconds[two]), 1.8))
        share = paired(seconds[FLOOR], seconds[two]) / 2
        goals.append(Goal("onestop settle on two cores, as a share of the msgspec floor, a core", share, 0.5))
    return goals


def paired(slow: list[float], fast: list[float]) -> float:
    """How many times as fast: the median of the rounds' own ratios."""
    return median(a / b for a, b in zip(slow, fast, strict=True))


def measure_memory(folder: Path, counts: list[int], say: Callable[[str], None]) -> Table:
    """The most memory that the command and its workers hold, for few and for many bills."""
    table = Table(
        f"onestop settle: peak memory, bills of {SMALL_LINES} lines, all cores",
        ("bills", "file, MB", "peak memory, MiB"),
        note="The sum over the process and its workers, shared pages counted once (PSS), sampled every 50 ms.",
    )
    source = folder / "small.ndjson"
    for count in counts:
        say(f"files: peak memory at {count:,} bills")
        write_small_bills(source, count)
        peak = peak_memory(onestop("settle", str(source)))
        table.row(f"{count:,}", f"{source.stat().st_size / 1e6:,.0f}", f"{peak / MIB:,.0f}")
        source.unlink()
    return table
