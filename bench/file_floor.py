"""The floor from file to file, in one process: `python -m bench.file_floor IN TEMPLATE > OUT`."""

import sys
from pathlib import Path

from bench.wire_floor import floor_answerer


def main(source: Path, template: Path) -> None:
    """Answer the file's lines, one for one."""
    respond = floor_answerer(template.read_bytes())
    with source.open("rb") as requests:
        for body in requests:
            sys.stdout.buffer.write(respond(body) + b"\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
