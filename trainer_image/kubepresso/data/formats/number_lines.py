"""Text files of numbers, one object a line."""

from __future__ import annotations

from pathlib import Path

from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.targets import LabelProblemError

_SHOWN = 60


def read_numbers(file: Path, path: str, problems: LabelProblems) -> list[tuple[str, list[float]]]:
    """Read numbers separated by spaces; empty lines are left out.

    Args:
        file: The file.
        path: Its name inside the source.
        problems: Receives lines that are not numbers.

    Returns:
        For each line its place, ``file:line``, and its numbers, which may be infinite or NaN.

    Raises:
        LabelProblemError: It cannot be read, or is no text.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelProblemError(f"cannot be read ({error.strerror})", path) from error
    except UnicodeDecodeError as error:
        raise LabelProblemError("is not text in UTF-8", path) from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{path}:{number}"
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            problems.add(place, f"not numbers separated by spaces: {line.strip()[:_SHOWN]!r}")
            continue
        if values:
            rows.append((place, values))
    return rows


def class_index(value: float, count: int) -> int | None:
    """Return a class index, None where the number is no whole number from 0 to ``count - 1``."""
    return int(value) if 0 <= value < count and value == int(value) else None
