"""When to save and when to leave: all processes of a group must do it after the same step."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum

import torch
import torch.distributed as dist

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.training.distributed import Group

#: Between two questions to the store whether another process was asked to end.
_LOOK_SECONDS = 0.2


class Wish(IntEnum):
    """What a process wants to happen after a step; the greatest wish of all processes is granted."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


class InterruptedTrainingError(SystemExit):
    """Training was asked to end and has saved what it needs to go on."""

    def __init__(self) -> None:
        super().__init__(RESUME_EXIT_CODE)


class Agreement:
    """Asks all processes after every step what they wish, one step behind so that none waits for another.

    Args:
        group: The processes that train together.
        wish: What this process wants now.
    """

    def __init__(self, group: Group, wish: Callable[[], Wish]) -> None:
        self._wish = wish
        self._alone = group.world_size == 1
        self._cpus = group.cpus
        self._roll_call = group.roll_call
        self._pending: tuple[torch.Tensor, dist.Work] | None = None
        self._stopping = False
        self._looked = 0.0

    def after_step(self) -> Wish:
        """Return what is granted after this step, the same in every process."""
        if self._alone:
            return self._wish()
        granted = Wish.GO_ON
        if self._pending is not None:
            value, work = self._pending
            work.wait()
            granted = Wish(int(value.item()))
        value = torch.tensor([int(self._wish())])
        work = dist.all_reduce(value, dist.ReduceOp.MAX, group=self._cpus, async_op=True)
        assert work is not None  # this process is one of the group
        self._pending = (value, work)
        return granted

    def stopping(self) -> bool:
        """Say whether this or another process wishes to stop, without waiting for any.

        For work of which each process has another number of batches: it breaks off when this is true, and
        afterwards all come together in `stopped`.
        """
        if self._stopping:
            return True
        if self._wish() is Wish.STOP:
            self._stopping = True
            if self._roll_call:
                self._roll_call.call_off()
        elif self._roll_call and time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._stopping = self._roll_call.called_off()
            self._looked = time.monotonic()
        return self._stopping

    def stopped(self) -> bool:
        """Return whether any process broke off because of `stopping`, the same in every process."""
        if self._alone:
            return self._stopping
        value = torch.tensor([int(self._stopping)])
        dist.all_reduce(value, dist.ReduceOp.MAX, group=self._cpus)
        return bool(value.item())

    def finish(self) -> None:
        """Take in the last answer, so that no process leaves while another still asks."""
        if self._pending is not None:
            self._pending[1].wait()
            self._pending = None
