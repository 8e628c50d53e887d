"""This process and its surroundings: cores, age, parent. Imports no torch."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

from kubepresso.exit_codes import RESUME_EXIT_CODE

#: Seconds since 1970 at which whoever launched the training started its first process.
LAUNCHED_AT_VARIABLE = "KUBEPRESSO_LAUNCHED_AT"
#: Process id of whoever starts a process of ours, as it sees it itself.
PARENT_VARIABLE = "KUBEPRESSO_PARENT"

#: A process that was asked to end waits in vain when no step is done for this long, and for so many times the
#: slowest of the last steps.
_IDLE_SECONDS = 5.0
_IDLE_STEPS = 3
_LOOK_SECONDS = 0.1
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_PR_SET_PDEATHSIG = 1
_REQUESTS = {signal.SIGTERM, signal.SIGINT}
_INTERRUPTED = (
    "\ninterrupted: the state is saved after this step, and the same command goes on from it; "
    "Ctrl-C once more ends at once\n"
)


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
    """Ask the kernel for SIGTERM when the parent ends, however it ends, so that nothing trains on unseen.

    Raises:
        SystemExit: It has ended already. That the parent is process 1 does not say so: in a container whoever
            launches is that.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    expected, parent = os.environ.get(PARENT_VARIABLE), str(os.getppid())
    if expected is not None and parent != expected:
        raise SystemExit(128 + signal.SIGTERM)


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Start processes that SIGINT does not reach: Ctrl-C goes to all of a terminal's processes at once."""
    resource_tracker.ensure_running()  # else it is started inside the block, and opens SIGINT again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StopRequest:
    """SIGTERM or SIGINT, from its arrival on: the training looks at it after each step.

    A thread takes the signal in, since the main one may be waiting for another process in native code. It
    ends the process when the time is over, and before that when no step is done any more: then another
    process is gone for which this one waits, nothing new can be saved, and the last checkpoint is whole.

    Args:
        grace_seconds: From the arrival to the end, whatever the process does: it would be killed anyway.
    """

    def __init__(self, grace_seconds: float) -> None:
        self.grace_seconds = grace_seconds
        self._arrived = threading.Event()
        self._saving = self._interrupted = False
        self._beat: float | None = None
        self._times: deque[float] = deque(maxlen=5)

    @property
    def arrived(self) -> bool:
        """Whether the process was asked to end."""
        return self._arrived.is_set()

    def beat(self) -> None:
        """Tell that a step or batch is done."""
        now = time.monotonic()
        if self._beat is not None:  # the time before the first step is that of setting up
            self._times.append(now - self._beat)
        self._beat = now

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Tell that the state is being saved, for which there is the whole time of grace."""
        self._saving = True
        try:
            yield
        finally:
            self._saving = False

    def listen(self) -> None:
        """Take over the handling of SIGTERM and SIGINT; loader workers, which inherit it, just end."""
        owner = os.getpid()

        def leave_worker(number: int, frame: object) -> None:
            if os.getpid() != owner:
                os._exit(128 + number)
            if number == signal.SIGINT:
                if self._interrupted:  # who presses Ctrl-C twice will not wait
                    os._exit(RESUME_EXIT_CODE)
                self._interrupted = True
                sys.stderr.write(_INTERRUPTED)

        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        for number in _REQUESTS:
            signal.signal(number, leave_worker)
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        self._ends = (receiver, sender)  # as long as this object
        threading.Thread(target=self._watch, args=(receiver,), name="kubepresso-stop", daemon=True).start()

    def _watch(self, receiver: socket.socket) -> None:
        while not _REQUESTS & set(receiver.recv(64)):
            pass
        self._arrived.set()
        arrival = time.monotonic()
        while (now := time.monotonic()) < arrival + self.grace_seconds:
            patience = max(_IDLE_SECONDS, _IDLE_STEPS * max(self._times, default=0.0))
            if not self._saving and now - max(self._beat or arrival, arrival) > patience:
                break
            time.sleep(_LOOK_SECONDS)
        os._exit(RESUME_EXIT_CODE)
