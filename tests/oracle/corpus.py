"""About a thousand requests with the oracle's answers, kept on disk: for who asks the same bills again and again."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from . import generate
from .calculation.answer import answer

FOLDERS = range(501, 507)
BILLS_A_FOLDER = 170
# The few bills of thousands of lines would take as long as all others together.
LONGEST = 20_000


@dataclass(frozen=True)
class Chapter:
    """One folder of packs, and requests with their answers."""

    files: dict[str, str]
    answers: list[tuple[bytes, dict[str, Any]]]


def kept_corpus(folder: Path) -> list[Chapter]:
    """The corpus of this state of the oracle's sources: from the folder, or made and put there."""
    path = folder / f"{sources_hash()}.json"
    if not path.exists():
        # Several processes may make it at once: each writes a file of its own, then puts it in place.
        made = path.with_suffix(f".{os.getpid()}")
        made.write_text(json.dumps([asdict(chapter) for chapter in map(chapter_of, FOLDERS)], default=bytes.hex))
        made.replace(path)
    chapters = json.loads(path.read_text())
    return [
        Chapter(each["files"], [(bytes.fromhex(line), expected) for line, expected in each["answers"]])
        for each in chapters
    ]


def sources_hash() -> str:
    here = Path(__file__).parent
    sources = sorted(path for path in here.rglob("*.py") if not path.name.startswith("test_"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def chapter_of(seed: int) -> Chapter:
    files = generate.packs(seed)
    packs = generate.load(files)
    short = (line for line in generate.bills(seed, 2 * BILLS_A_FOLDER, packs) if len(line) <= LONGEST)
    return Chapter(files, [(line, answer(line, packs)) for line in islice(short, BILLS_A_FOLDER)])
