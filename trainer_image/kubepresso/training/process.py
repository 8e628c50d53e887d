"""This process and its surroundings: cores, age, parent. Imports no torch."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

#: Seconds since 1970 at which whoever launched the training started its first process.
LAUNCHED_AT_VARIABLE = "KUBEPRESSO_LAUNCHED_AT"

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_PR_SET_PDEATHSIG = 1


def available_cores(quota_file: Path = _QUOTA) -> int:
    """Return the number of cores, by affinity and by the container's CPU limit, which torch does not look at.

    Args:
        quota_file: ``cpu.max`` of the control group (cgroup v2): quota and period in microseconds.
    """
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores


def seconds_since_launch() -> float:
    """Return the time since the launch, as the launcher noted it, else since this process was started."""
    if launched := os.environ.get(LAUNCHED_AT_VARIABLE):
        return time.time() - float(launched)
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends, however it ends, so that nothing trains on unseen."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if parent == 1 and os.environ.get(LAUNCHED_AT_VARIABLE):
        raise SystemExit(128 + signal.SIGTERM)


def exit_on_sigterm() -> None:
    """Turn SIGTERM into an orderly exit, which removes temporary outputs; loader workers just end."""
    owner = os.getpid()

    def leave(number: int, frame: object) -> None:
        if os.getpid() != owner:
            os._exit(128 + number)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
