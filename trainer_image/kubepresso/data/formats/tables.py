"""CSV files of labels, line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubepresso.data.formats.naming import relative
from kubepresso.errors import UserError


def read_rows(
    table: Path, root: Path, columns: Sequence[str], hint: str = ""
) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Read a CSV file with a header, in UTF-8 with or without a byte order mark.

    Args:
        table: The file.
        root: The source's root, for the places.
        columns: Columns that the header must have.
        hint: Follows their names in the message, for example the key that names one of them.

    Yields:
        The place, ``file:line``, and the values by column.

    Raises:
        UserError: It cannot be read, is not UTF-8, is no CSV, or lacks a column.
    """
    reader = csv.DictReader(io.StringIO(_read_text(table), newline=""), strict=True)
    try:
        found = list(reader.fieldnames or [])
        if not set(columns) <= set(found):
            needed = f"{', '.join(columns)}{hint}"
            raise UserError(f"{table}:1: the columns are {', '.join(found) or 'none'}; needed: {needed}")
        for row in reader:
            yield f"{relative(table, root)}:{reader.line_num}", row
    except csv.Error as error:
        raise UserError(
            f"{table}:{reader.line_num + 1}: not CSV ({error}); look for a quote that is not closed"
        ) from error


def _read_text(table: Path) -> str:
    try:
        content = table.read_bytes()
    except OSError as error:
        raise UserError(f"{table}: cannot be read ({error.strerror}); check its mode and owner") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{error.object[error.start]:02x}"
        raise UserError(f"{table}:{line}: not UTF-8 ({found}); save the file as CSV in UTF-8") from error
