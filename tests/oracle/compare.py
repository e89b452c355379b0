"""Settles generated bills with the product and with the oracle, and shows where they differ.

`python -m tests.oracle.compare --bills 100000 --seed 1 --workers 2`; exit status 1 on any difference.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import generate
from .calculation.answer import answer
from .calculation.packs import Packs
from .differences import Outcome, compare_one

BILLS_A_DIRECTORY = 2_500
DEADLINE_SECONDS = 1_800
SHOWN = 20


@dataclass(frozen=True)
class Job:
    seed: int
    bills: int
    command: tuple[str, ...]
    keep: str | None


def main() -> int:
    chosen = arguments()
    jobs = list(jobs_of(chosen))
    total = Outcome()
    with ProcessPoolExecutor(chosen.workers, multiprocessing.get_context("spawn")) as pool:
        for done, outcome in enumerate(pool.map(compared, jobs), start=1):
            total.counts += outcome.counts
            total.differences += outcome.differences[: max(0, chosen.show - len(total.differences))]
            if sys.stderr.isatty():
                print(f"\r{done} of {len(jobs)} pack directories", end="", file=sys.stderr, flush=True)
    for name in sorted(total.counts):
        print(f"{total.counts[name]:9d}  {name}")
    for difference in total.differences:
        print(difference)
    if chosen.reach:
        print("never reached:", ", ".join(missing(total.counts)) or "nothing")
    return 1 if total.counts["bills that differ"] or total.counts["runs that failed"] else 0


def arguments() -> argparse.Namespace:
    beside_python = Path(sys.executable).parent / "onestop"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bills", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first pack directory; the next ones count up")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--command", default=shlex.quote(str(beside_python)), help="the product's command")
    parser.add_argument("--keep", help="a folder for the packs, bills and answers of each directory that differs")
    parser.add_argument("--show", type=int, default=SHOWN, help="how many differences are printed")
    parser.add_argument("--reach", action="store_true", help="name the reasons and codes that no bill reached")
    return parser.parse_args()


def jobs_of(chosen: argparse.Namespace) -> Iterator[Job]:
    left, seed = chosen.bills, chosen.seed
    while left > 0:
        yield Job(seed, min(left, BILLS_A_DIRECTORY), tuple(shlex.split(chosen.command)), chosen.keep)
        left -= BILLS_A_DIRECTORY
        seed += 1


def missing(counts: Counter[str]) -> list[str]:
    return [name for name in generate.everything_to_reach() if not counts[name]]


def compared(job: Job) -> Outcome:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "packs").mkdir()
        files = generate.packs(job.seed)
        generate.write(files, folder / "packs")
        packs = generate.load(files)
        lines = list(generate.bills(job.seed, job.bills, packs))
        (folder / "bills.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
        outcome = run(job, folder, lines, packs)
        if job.keep and (outcome.differences or outcome.counts["runs that failed"]):
            kept = Path(job.keep) / f"seed-{job.seed}"
            (kept / "packs").mkdir(parents=True, exist_ok=True)
            for path in (*folder.glob("packs/*"), *folder.glob("*.ndjson")):
                (kept / path.relative_to(folder)).write_bytes(path.read_bytes())
        return outcome


def run(job: Job, folder: Path, lines: list[bytes], packs: Packs) -> Outcome:
    out = folder / "answers.ndjson"
    command = [*job.command, "settle", str(folder / "bills.ndjson"), "--packs", str(folder / "packs")]
    try:
        process = subprocess.run(
            [*command, "--out", str(out)], capture_output=True, timeout=DEADLINE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return failed(job, str(problem))
    if process.returncode not in (0, 1) or not out.is_file():
        tail = process.stderr.decode(errors="replace")[-2_000:]
        return failed(job, f"exit status {process.returncode}: {tail}")
    # A name may hold U+2028 or U+0085, at which str.splitlines would cut.
    answers = out.read_bytes().removesuffix(b"\n").split(b"\n")
    if len(answers) != len(lines):
        return failed(job, f"{len(lines)} bills in, {len(answers)} answers out")
    outcome = Outcome()
    for index, (line, got) in enumerate(zip(lines, answers, strict=True)):
        compare_one(f"seed {job.seed} bill {index}", answer(line, packs), line, got, outcome)
    expected_status = 1 if outcome.counts["refused"] else 0
    if process.returncode != expected_status:
        outcome.counts["runs that failed"] += 1
        outcome.differences.append(f"seed {job.seed}: exit status {process.returncode}, expected {expected_status}")
    return outcome


def failed(job: Job, why: str) -> Outcome:
    return Outcome(Counter({"runs that failed": 1}), [f"seed {job.seed}: {why}"])


if __name__ == "__main__":
    sys.exit(main())
