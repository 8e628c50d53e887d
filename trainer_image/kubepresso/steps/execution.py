"""How a component or a command runs a step: errors as plain lines, a clean end on SIGTERM, the time kept."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from typing import Any

from kubepresso.errors import exit_on_user_error
from kubepresso.startup import lasting_imports

#: A file to which each step appends one JSON line with its own work in seconds; unset means not kept.
TIMINGS_VARIABLE = "KUBEPRESSO_TIMINGS"


def execute(step: str, **arguments: Any) -> Any:
    """Run ``kubepresso.steps.<step>.run(**arguments)``.

    Importing the step's module is not counted as its work, nor is ``startup_seconds`` of a result that has it
    (the time which a launched process took to start).

    Args:
        step: The name of a module of this package, for example ``prepare_dataset``.
        **arguments: What its ``run`` takes.

    Returns:
        What its ``run`` returns.

    Raises:
        SystemExit: Status 1 after a UserError, whose lines go to standard error; 143 on SIGTERM, so that
            temporary outputs are removed and child processes ended.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with exit_on_user_error(step):
        with lasting_imports():
            run = importlib.import_module(f"kubepresso.steps.{step}").run
        started = time.perf_counter()
        result = run(**arguments)
        _keep_time(step, time.perf_counter() - started - getattr(result, "startup_seconds", 0.0))
    return result


def _keep_time(step: str, seconds: float) -> None:
    if path := os.environ.get(TIMINGS_VARIABLE):
        with open(path, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": step, "work_seconds": round(seconds, 3)}) + "\n")
