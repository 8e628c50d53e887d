"""What this machine has: cores, memory and GPUs. Imports no torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_QUERY = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_TIMEOUT = 10


@dataclass(frozen=True)
class Machine:
    """What a training process can use.

    Args:
        cores: Processors that this process may run on.
        memory: Bytes of main memory, or of the container's limit.
        gpu: Name of the first GPU; None where there is none.
        gpu_memory: Its memory in bytes, 0 where there is none.
    """

    cores: int
    memory: int
    gpu: str | None = None
    gpu_memory: int = 0

    def __str__(self) -> str:
        graphics = f"{self.gpu} with {self.gpu_memory / 2**30:.0f} GiB" if self.gpu else "no GPU"
        return f"{self.cores} core{'s' * (self.cores != 1)}, {self.memory / 2**30:.0f} GiB, {graphics}"


def look() -> Machine:
    """Look at this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name, gpu_memory = _gpu()
    return Machine(cores, _memory(), name, gpu_memory)


def _memory() -> int:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        total = 8 << 30
    for file in map(Path, _LIMITS):
        try:
            total = min(total, int(file.read_text()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return total


def _gpu() -> tuple[str | None, int]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None, 0
    try:
        command = [program, *_QUERY]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)  # noqa: S603
        name, _, memory = done.stdout.splitlines()[0].rpartition(", ")
        return name, int(memory) << 20
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None, 0
