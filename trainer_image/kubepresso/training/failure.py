"""How a rank says why it failed: in the file that torchrun gives it, which the launcher reads."""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from collections.abc import Iterator

from kubepresso.errors import UserError, exit_on_user_error
from kubepresso.training.process import LAUNCHED_AT_VARIABLE

#: Set by torchrun for each rank; the format is that of torch.distributed.elastic, with ``problems`` beside
#: it.
ERROR_FILE_VARIABLE = "TORCHELASTIC_ERROR_FILE"


class LostPeerError(UserError):
    """Another process did not come to a collective operation: what befell it is the failure, not this."""


@contextlib.contextmanager
def reported_failure() -> Iterator[None]:
    """Write what ends the block to the error file.

    A UserError becomes exit status 1; its lines are printed, unless a launcher of ours will print them.

    Raises:
        SystemExit: After a UserError.
    """
    try:
        yield
    except UserError as error:
        _write(error)
        if os.environ.get(LAUNCHED_AT_VARIABLE):
            raise SystemExit(1) from None
        with exit_on_user_error("training"):
            raise
    except Exception as error:
        _write(error)
        raise


def _write(error: Exception) -> None:
    if not (path := os.environ.get(ERROR_FILE_VARIABLE)):
        return
    text, details = f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
    problems = error.problems if isinstance(error, UserError) else None
    if isinstance(error, LostPeerError):
        # Not as problems: a job with those is not started again, and it should be where a node was lost.
        text, details, problems = error.problems[0], "\n".join(error.problems[1:]), None
    message = {
        "message": text,
        "extraInfo": {"py_callstack": details, "timestamp": str(int(time.time()))},
    }
    with contextlib.suppress(OSError), open(path, "w", encoding="utf-8") as file:
        json.dump({"message": message, "problems": problems}, file)
