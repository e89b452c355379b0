"""`make mutate`, the end of it: what no test noticed, and the share of what was noticed; fails below the promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

STATS = Path("mutants/mutmut-cicd-stats.json")
MUTMUT = Path(sys.executable).parent / "mutmut"
PROMISE_PERCENT = 95
NOT_KILLED = ("survived", "no_tests", "timeout", "suspicious", "segfault")


def main() -> int:
    for name in _survivors():
        print(name)
        print("".join(f"    {line}\n" for line in _change(name)))
    stats: dict[str, int] = json.loads(STATS.read_text("utf-8"))
    judged = stats["total"] - stats["skipped"]
    # Only a failed test counts. Nothing in the core can run for ever, so a timeout is a mistake of the set-up: mutmut
    # says it too where pytest could not find its tests.
    killed = stats["killed"]
    print(f"{killed:,} of {judged:,} mutants killed ({killed / max(judged, 1):.2%}); {PROMISE_PERCENT} % promised.")
    print(", ".join(f"{name} {stats[name]:,}" for name in NOT_KILLED))
    return 0 if killed * 100 >= judged * PROMISE_PERCENT else 1


def _survivors() -> list[str]:
    results = [line.strip().rpartition(": ") for line in _mutmut("results")]
    return [name for name, _, result in results if result == "survived"]


def _change(name: str) -> list[str]:
    """The lines that the mutant takes out and puts in, without the head of the diff."""
    lines = _mutmut("show", name)
    return [line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))]


def _mutmut(*arguments: str) -> list[str]:
    return subprocess.run([MUTMUT, *arguments], capture_output=True, text=True, check=True).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
