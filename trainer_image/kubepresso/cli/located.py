"""What steps say of a key, with its place in the configuration: steps get values, without their lines."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TextIO

from kubepresso.config import Config
from kubepresso.errors import UserError

#: What `kubepresso.errors.exit_on_user_error` prints above the problems.
_TITLE = re.compile(r": \d+ problems?$")


@contextlib.contextmanager
def located_problems(config: Config) -> Iterator[None]:
    """Put its place before each problem of a UserError that begins with a key.

    Raises:
        UserError: The same problems.
    """
    try:
        yield
    except UserError as error:
        raise UserError([config.located(problem) for problem in error.problems]) from error


class LocatedOutput(io.TextIOBase):
    """A text stream that does the same for the problems which steps in other processes print.

    Problems are the lines that stand deeper than a title such as ``train: 2 problems`` above them.

    Args:
        out: The stream to write to. Lines come whole, as the console of a local run writes them.
        config: What knows the places.
    """

    def __init__(self, out: TextIO, config: Config) -> None:
        self._out = out
        self._config = config
        self._depth: int | None = None  # of the title whose problems are shown

    def writable(self) -> bool:
        """Text can be written."""
        return True

    def write(self, text: str) -> int:
        """Write lines, each problem with its place."""
        self._out.write("\n".join(map(self._located, text.split("\n"))))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._out.flush()

    def _located(self, line: str) -> str:
        words = line.lstrip(" ")
        depth = len(line) - len(words)
        if not words:
            return line
        if _TITLE.search(words):
            self._depth = depth
        elif self._depth is not None and depth > self._depth:
            return line[:depth] + self._config.located(words)
        else:
            self._depth = None
        return line
