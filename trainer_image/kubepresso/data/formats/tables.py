"""Tables of labels, CSV or JSON Lines, line by line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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


def read_lines(table: Path, root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a file of JSON Lines in UTF-8: an object with ``file_name`` in each line.

    Args:
        table: The file.
        root: The source's root, for the places.

    Yields:
        The place, ``file:line``, and the object.

    Raises:
        UserError: It cannot be read, or a line is no such object.
    """
    for number, line in enumerate(_read_text(table).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{relative(table, root)}:{number}"
        row = parse_json(line, place)
        if not isinstance(row, dict):
            raise UserError(f"{place}: not an object; each line is one, with file_name")
        if not isinstance(row.get("file_name"), str):
            raise UserError(f"{place}: no file_name; each line names its image")
        yield place, row


def parse_json(text: str, place: str) -> Any:
    """Parse JSON that stands in a table.

    Raises:
        UserError: It is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: not JSON ({error})") from error


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
        raise UserError(f"{table}:{line}: not UTF-8 ({found}); save the file in UTF-8") from error
