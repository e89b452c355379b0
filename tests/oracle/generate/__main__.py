"""Counts which reasons and refusals some generated bills reach: `python -m tests.oracle.generate --bills 5000`."""

from __future__ import annotations

import argparse
from collections import Counter

from .pack_files import load, packs
from .reach import everything_to_reach, reached
from .requests import bills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bills", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--packs", type=int, default=10, help="how many pack directories the bills are spread over")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    for seed in range(chosen.seed, chosen.seed + chosen.packs):
        made = load(packs(seed))
        counts += reached(bills(seed, chosen.bills // chosen.packs, made), made)
    for name in ("settled", "refused", *everything_to_reach()):
        print(f"{counts[name]:8d}  {name}")


if __name__ == "__main__":
    main()
