"""Who did not arrive: each process notes where it is, and one that waits in vain reads the notes."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from torch.distributed import Store  # type: ignore[attr-defined]

from kubepresso.training.failure import LostPeerError

_TIMED_OUT = re.compile(r"timed? ?out|timeout", re.IGNORECASE)
#: What the other waiting processes have to say that they wait, too.
_ANSWER_SECONDS = 2.0
_CALLED_OFF = "kubepresso/called-off"
#: In the words of gloo, of the store, and of NCCL.
_LOST = re.compile(
    r"connection (closed|reset)|broken pipe|connect(ion)? error|remote process exited", re.IGNORECASE
)


@dataclass(frozen=True)
class RollCall:
    """The notes, in the store by which the processes found each other.

    Args:
        store: Of the process group.
        rank: This process.
        world_size: Number of processes.
        timeout_seconds: ``environment.distributed.timeout_seconds``.
    """

    store: Store
    rank: int
    world_size: int
    timeout_seconds: float

    def note(self, epoch: int, step: int) -> None:
        """Note where this process is; both counted from 1."""
        self.store.set(_key("at", self.rank), f"{epoch} {step} {time.time():.0f} {socket.gethostname()}")

    def call_off(self) -> None:
        """Tell all processes that what they do is of no use any more: this one was asked to end."""
        self.store.set(_CALLED_OFF, "")

    def called_off(self) -> bool:
        """Say whether a process told that."""
        return self._read(_CALLED_OFF) is not None

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Say which processes are behind where a collective operation fails for want of one.

        Raises:
            LostPeerError: A collective operation of the block timed out, or lost its connection.
        """
        try:
            yield
        except RuntimeError as error:
            text = str(error)
            if not (_TIMED_OUT.search(text) or _LOST.search(text)):
                raise
            raise LostPeerError([self._opening(text), *self._missing()]) from error

    def _opening(self, text: str) -> str:
        if _TIMED_OUT.search(text):
            return (
                f"rank {self.rank} waited {self.timeout_seconds:g} s "
                "(environment.distributed.timeout_seconds) for a collective operation that not all "
                f"{self.world_size} processes arrived at"
            )
        return f"rank {self.rank} lost the connection to another process in a collective operation"

    def _missing(self) -> list[str]:
        """Return a line for each process that did not come; those that wait, too, say so in the store."""
        with contextlib.suppress(RuntimeError):
            self.store.set(_key("waiting", self.rank), "")
        time.sleep(_ANSWER_SECONDS)
        lines = []
        for rank in range(self.world_size):
            if self._read(_key("waiting", rank)) is not None:
                continue
            note = self._read(_key("at", rank))
            if note is None:
                lines.append(f"rank {rank} did not arrive, and never came to the end of a step; see its log")
                continue
            epoch, step, moment, host = note.split(" ", 3)
            age = max(0, round(time.time() - float(moment)))
            lines.append(
                f"rank {rank} on {host} did not arrive: last seen {age} s ago in epoch {epoch}, after step "
                f"{step}; see its log"
            )
        return lines or ["all processes wait for each other; see the logs of all"]

    def _read(self, key: str) -> str | None:
        try:
            # Asking for a key that is not there would wait for it.
            return self.store.get(key).decode() if self.store.check([key]) else None
        except RuntimeError:  # the store went with the process that held it
            return None


def _key(what: str, rank: int) -> str:
    return f"kubepresso/{what}/{rank}"
