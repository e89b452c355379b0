"""Packs and bills from a seed: most of them valid and close to a boundary, some broken in every way the contract names.

`python -m tests.oracle.generate --bills 5000 --seed 1` counts which reasons and refusals are reached.
"""

from .pack_files import load, packs, write
from .reach import everything_to_reach, reached
from .requests import bills

__all__ = ["bills", "everything_to_reach", "load", "packs", "reached", "write"]
