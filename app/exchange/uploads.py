"""Tables that people send as CSV or Parquet, read row by row at constant memory; a row's values are text."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_ROWS_AT_ONCE: Final = 5_000
# Under this name stands what a row has beyond its columns: no column is named so.
BEYOND: Final = ""


class WrongTable(Exception):
    """The file is no such table. Says in our own words what was expected."""


def csv_rows(path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file (RFC 4180, UTF-8, a head line) by column. Raises `WrongTable`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            head = next(rows, [])
            _check(head, names)
            for row in rows:
                if row:
                    found = dict(zip(head, row, strict=False))
                    yield found if len(row) <= len(head) else found | {BEYOND: ""}
        except UnicodeDecodeError:
            raise WrongTable("The file is not UTF-8.") from None
        except csv.Error:
            raise WrongTable(f"The file is not CSV: line {rows.line_num} cannot be read.") from None


def parquet_rows(path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file by column: text, exact numbers and days, each as its text. Raises `WrongTable`."""
    # Loaded for this format alone: it takes more memory than all the rest.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    # What is freed goes back to the system, not into a pool that only grows.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            schema = file.schema_arrow
            _check(schema.names, names)
            for name in names:
                if not _is_exact(pa, schema.field(name).type):
                    raise WrongTable(
                        f"The column {name} is of another type: expected text, whole numbers, decimals, days."
                    )
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(names)):
                columns = [[_text(value) for value in batch.column(name).to_pylist()] for name in names]
                for row in zip(*columns, strict=True):
                    yield dict(zip(names, row, strict=True))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise WrongTable("The file is not Parquet.") from None


def _check(head: Sequence[str], names: Sequence[str]) -> None:
    if sorted(head) != sorted(names):
        raise WrongTable(f"Expected the columns {', '.join(names)} and no others.")


def _is_exact(pa: Any, kind: Any) -> bool:  # noqa: ANN401 # pyarrow has no types
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        test(kind)
        for test in (types.is_string, types.is_large_string, types.is_integer, types.is_decimal, types.is_date)
    )


def _text(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else value
