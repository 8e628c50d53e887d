"""Errors a user can act on. Whatever stands at the edge (CLI, component, torchrun entry) prints them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence


class UserError(Exception):
    """Bad input or a failing surrounding: says where, what was found, what is allowed and the fix.

    Args:
        problems: One line or more, each complete in itself, for example
            ``data/labels.csv:7: class: 12 is not a class index, allowed 0 to 9``.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


@contextlib.contextmanager
def exit_on_user_error(title: str) -> Iterator[None]:
    """Print a UserError as lines on standard error and exit with status 1, without a traceback.

    Args:
        title: What failed, for example ``prepare_dataset``.
    """
    try:
        yield
    except UserError as error:
        count = len(error.problems)
        sys.stderr.write(f"{title}: {count} problem{'s' if count > 1 else ''}\n")
        sys.stderr.write("".join(f"  {line}\n" for line in str(error).splitlines()))
        sys.stderr.flush()
        raise SystemExit(1) from None
