"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubepresso.errors import UserError

#: Lines that are told at once.
_MOST = 100
#: The way to a value: keys and list indices, the module first.
Path = tuple[str | int, ...]


class ConfigError(UserError):
    """All problems of a configuration, a line each: ``file:line:column: key: what is wrong and allowed``."""


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file, lines and columns from 1. Line 0: the source as a whole, such as an override."""

    source: str
    line: int = 0
    column: int = 0

    def within(self, source: str) -> Mark:
        """Return the same place in a named source."""
        return Mark(source, self.line, self.column)

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong or odd."""

    mark: Mark
    path: Path
    text: str

    def __str__(self) -> str:
        return f"{self.mark}: {dotted(self.path)}: {self.text}" if self.path else f"{self.mark}: {self.text}"


def dotted(path: Path) -> str:
    """Write a path as overrides have it: ``augmentation.train.0.size``."""
    return ".".join(map(str, path))


def lines(problems: Iterable[Problem]) -> list[str]:
    """Sort problems by file, line and column and write each once, the first hundred of them."""
    ordered = sorted(problems, key=lambda problem: (problem.mark, tuple(map(str, problem.path))))
    told = list(dict.fromkeys(map(str, ordered)))
    if len(told) > _MOST:
        told[_MOST - 1 :] = [f"{told[_MOST - 1]}\nthere is more; mend these {_MOST} first"]
    return told
