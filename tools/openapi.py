"""Writes openapi/openapi.json from the code; with --check, says whether the committed file is what the code gives."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from app.main import api_document

COMMITTED = Path(__file__).resolve().parent.parent / "openapi" / "openapi.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file differs")
    check = parser.parse_args().check
    made = document_text()
    there = COMMITTED.read_text("utf-8") if COMMITTED.is_file() else None
    if there == made:
        print("openapi/openapi.json is what the code gives")
        return 0
    if check:
        print("openapi/openapi.json is not what the code gives: run `make openapi` and commit it", file=sys.stderr)
        return 1
    COMMITTED.parent.mkdir(exist_ok=True)
    COMMITTED.write_text(made, encoding="utf-8", newline="\n")
    print("openapi/openapi.json is written")
    return 0


def document_text() -> str:
    return json.dumps(api_document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
