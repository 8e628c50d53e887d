"""Look at and wait for the processes that a launch made."""

import os
import time
from pathlib import Path


def descendants(pid: int) -> dict[int, str]:
    """Return the command lines of all processes below ``pid``."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            commands[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found = {pid}
    for _ in range(8):
        found |= {child for child, parent in parents.items() if parent in found}
    return {child: commands[child] for child in found - {pid} if child in parents}


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float):
    """Return the first true value of ``condition()``."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s: {condition.__doc__ or condition}")


def end(pid: int):
    for child in descendants(pid):
        os.kill(child, 9)
