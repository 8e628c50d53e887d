"""Processor cores that this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


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
