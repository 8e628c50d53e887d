"""What is wrong with the label of one sample, collected into one finding."""

from __future__ import annotations

from kubepresso.data.targets import LabelProblemError

_SHOWN = 3


class LabelProblems:
    """Collects the problems of one label, so that all of them are told at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, place: str, message: str) -> None:
        """Record a problem at ``file``, ``file:line`` or another name of a place."""
        self._found.append((place, message))

    def check(self) -> None:
        """Raise what was found.

        Raises:
            LabelProblemError: There are problems. It names the first place; the others stand in the text.
        """
        if not self._found:
            return
        (place, first), *others = self._found
        texts = [first, *(f"{where}: {message}" for where, message in others[: _SHOWN - 1])]
        if len(self._found) > _SHOWN:
            texts.append(f"and {len(self._found) - _SHOWN} more")
        raise LabelProblemError("; ".join(texts), place)
