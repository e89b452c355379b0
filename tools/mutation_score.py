"""`make mutate`, the end of it: how many mutants of the pure core the tests killed; fails below the promise."""

from __future__ import annotations

import json
import sys
from pathlib import Path

STATS = Path("mutants/mutmut-cicd-stats.json")
PROMISE_PERCENT = 95


def main() -> int:
    stats: dict[str, int] = json.loads(STATS.read_text("utf-8"))
    judged = stats["total"] - stats["skipped"]
    # An endless loop or a crash is noticed by any test run, so both count as killed.
    killed = stats["killed"] + stats["timeout"] + stats["segfault"]
    print(f"{killed} of {judged} mutants killed ({killed / max(judged, 1):.2%}); {PROMISE_PERCENT} % promised.")
    return 0 if killed * 100 >= judged * PROMISE_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
