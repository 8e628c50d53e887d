"""What ranks that failed said, and the one message made of it."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.launcher import TrainingError

#: The file to which torchrun's process writes the failures of its ranks.
REPORT_VARIABLE = "KUBEPRESSO_FAILURE_REPORT"

_CAUSES = {
    signal.SIGKILL: "most likely out of memory; set a smaller environment.batch_size or fewer num_workers, "
    "or give the step more memory",
    signal.SIGBUS: "most likely /dev/shm is full; set fewer environment.num_workers or mount a larger one",
    signal.SIGSEGV: "a crash in native code; please report it with the log",
}


@dataclass(frozen=True)
class RankFailure:
    """How one rank ended.

    Attributes:
        rank: Its number.
        exit_code: Its exit status; negative for the signal that killed it.
        timestamp: When, in seconds since 1970.
        problems: The lines of a UserError, or None.
        message: The exception in a line.
        traceback: Its traceback.
    """

    rank: int
    exit_code: int
    timestamp: float
    problems: list[str] | None
    message: str
    traceback: str


def read_report(path: Path) -> list[RankFailure]:
    """Read what the torchrun process wrote; nothing where it wrote nothing."""
    if not path.is_file():
        return []
    return [RankFailure(**failure) for failure in json.loads(path.read_text(encoding="utf-8"))]


def explain(failures: Sequence[RankFailure], exit_code: int) -> TrainingError:
    """Make one error of all failures, of the one that the others followed from.

    Args:
        failures: Of the ranks.
        exit_code: Of the torchrun process itself.
    """
    if exit_code == RESUME_EXIT_CODE:
        return TrainingError(
            ["training was asked to end (SIGTERM) and can go on from its last checkpoint; start it again"],
            signal=signal.SIGTERM,
        )
    first = _first_failure(failures)
    if first is None:
        return TrainingError([_ended("the launcher of the training", exit_code)], signal=max(0, -exit_code))
    if first.problems:
        return TrainingError(first.problems, first.rank)
    if first.traceback:
        lines = [f"rank {first.rank} failed: {first.message}", first.traceback.rstrip()]
        return TrainingError(lines, first.rank)
    return TrainingError(
        [_ended(f"rank {first.rank}", first.exit_code)], first.rank, max(0, -first.exit_code)
    )


def _first_failure(failures: Sequence[RankFailure]) -> RankFailure | None:
    """Return the failure that the others followed from; None where there is none.

    A rank that was killed comes first, since its peers then fail too, with a lost connection; else the first
    in time that said why, or was aborted: the watchdog of NCCL aborts ranks whose peers have failed.
    """
    silent = [failure for failure in failures if failure.exit_code < 0 and not failure.message]
    killed = [failure for failure in silent if failure.exit_code != -signal.SIGABRT]
    others = [failure for failure in failures if failure.message or failure in silent]
    in_time = sorted(others, key=lambda failure: failure.timestamp)
    return next(iter([*killed, *in_time, *failures]), None)


def _ended(who: str, exit_code: int) -> str:
    if exit_code >= 0:
        return f"{who} ended with exit status {exit_code} without a message; see the log"
    name = signal.Signals(-exit_code).name
    cause = _CAUSES.get(signal.Signals(-exit_code), "from outside")
    return f"{who} was killed by {name} (exit status {exit_code}): {cause}"
