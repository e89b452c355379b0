"""Tables as people exchange them: CSV, NDJSON and Parquet, written as the rows come, at constant memory.

In CSV and NDJSON every value is the text that the API shows; in Parquet money is decimal(18, 2), a share decimal(5, 4),
a day a date, all exact.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

import msgspec

from app.settlement.money import money_text, rate_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Kind = Literal["text", "money", "share", "day", "count"]
Format = Literal["csv", "ndjson", "parquet"]
FORMATS: Final[tuple[Format, ...]] = ("csv", "ndjson", "parquet")
MEDIA_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


class Column(NamedTuple):
    """A column: money in fen, shares in ten-thousandths, days as dates; each value may be None."""

    name: str
    kind: Kind = "text"


Row = tuple[Any, ...]


# Rows of a group in Parquet: so many are held before they are written.
_GROUP_ROWS: Final = 8_000
# A dictionary for each column and pages of a megabyte would take more memory; most texts are of one row alone.
_SMALL: Final[dict[str, Any]] = {"compression": "zstd", "use_dictionary": False, "data_page_size": 64 * 1024}
_DECIMAL_BYTES: Final = 16


class TableWriter(Protocol):
    """Writes a table in pieces: what stands in front, then rows as they come, then what stands behind them."""

    def begin(self) -> bytes: ...
    def rows(self, rows: Sequence[Row]) -> bytes: ...
    def end(self) -> bytes: ...


def table_writer(to: Format, columns: Sequence[Column]) -> TableWriter:
    """A writer of one of the formats."""
    return _WRITERS[to](columns)


_TEXTS: Final[dict[Kind, Callable[[Any], str] | None]] = {
    "text": None,
    "money": money_text,
    "share": rate_text,
    "day": str,
    "count": str,
}


def _as_texts(columns: Sequence[Column]) -> Callable[[Sequence[Row]], list[list[Any]]]:
    """Turn rows into columns of texts: a column at a time is quicker than a row at a time."""
    texts = [_TEXTS[column.kind] for column in columns]

    def turned(rows: Sequence[Row]) -> list[list[Any]]:
        found = []
        for values, text in zip(zip(*rows, strict=True), texts, strict=True):
            if text is None:
                found.append(list(values))
            else:
                found.append([None if value is None else text(value) for value in values])
        return found

    return turned


class _Csv:
    """RFC 4180 with a head line; None is empty."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = [column.name for column in columns]
        self._texts = _as_texts(columns)

    def begin(self) -> bytes:
        return _csv([self._names])

    def rows(self, rows: Sequence[Row]) -> bytes:
        return _csv(zip(*self._texts(rows), strict=True)) if rows else b""

    def end(self) -> bytes:
        return b""


def _csv(rows: Any) -> bytes:  # noqa: ANN401 # whatever the csv module takes
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


class _Ndjson:
    """One JSON object a line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._texts = _as_texts(columns)
        self._line = msgspec.defstruct("Line", [(column.name, Any) for column in columns])
        self._encode = msgspec.json.Encoder().encode_lines

    def begin(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        return self._encode([self._line(*row) for row in zip(*self._texts(rows), strict=True)]) if rows else b""

    def end(self) -> bytes:
        return b""


class _Parquet:
    """Row groups as the rows come."""

    def __init__(self, columns: Sequence[Column]) -> None:
        # Loaded for this format alone: it takes more memory than all the rest.
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        # What is freed goes back to the system, not into a pool that only grows.
        pa.set_memory_pool(pa.system_memory_pool())
        self._pa = pa
        self._kinds = [column.kind for column in columns]
        types = {
            "text": pa.string(), "money": pa.decimal128(18, 2), "share": pa.decimal128(5, 4), "day": pa.date32(),
            "count": pa.int64(),
        }  # fmt: skip # one table
        self._types = [types[kind] for kind in self._kinds]
        self._schema = pa.schema(list(zip([column.name for column in columns], self._types, strict=True)))
        self._waiting: list[Any] = []
        self._out = io.BytesIO()
        self._writer = pq.ParquetWriter(self._out, self._schema, **_SMALL)

    def begin(self) -> bytes:
        return self._written()

    def rows(self, rows: Sequence[Row]) -> bytes:
        if rows:
            columns = zip(zip(*rows, strict=True), self._kinds, self._types, strict=True)
            arrays = [self._array(*column) for column in columns]
            self._waiting.append(self._pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        if sum(batch.num_rows for batch in self._waiting) >= _GROUP_ROWS:
            self._write_group()
        return self._written()

    def end(self) -> bytes:
        self._write_group()
        self._writer.close()
        return self._written()

    def _write_group(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.Table.from_batches(self._waiting))
            self._waiting.clear()

    def _array(self, values: Row, kind: Kind, type_: Any) -> Any:  # noqa: ANN401 # pyarrow has no types
        if kind not in ("money", "share"):
            return self._pa.array(values, type_)
        # The very integers, read as so many hundredths or ten-thousandths. pyarrow's own conversion would take the
        # memory of a library more.
        whole = b"".join([(value or 0).to_bytes(_DECIMAL_BYTES, "little", signed=True) for value in values])
        there = None
        if None in values:
            there = self._pa.array([value is not None for value in values]).buffers()[1]
        return self._pa.Array.from_buffers(type_, len(values), [there, self._pa.py_buffer(whole)])

    def _written(self) -> bytes:
        """What was written since the last time: the writer counts for itself where it is."""
        piece = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return piece


_WRITERS: Final[dict[Format, Callable[[Sequence[Column]], TableWriter]]] = {
    "csv": _Csv,
    "ndjson": _Ndjson,
    "parquet": _Parquet,
}
