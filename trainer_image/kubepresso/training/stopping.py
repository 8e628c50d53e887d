"""When to save and when to leave: all processes of a group must do it after the same step."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import torch
import torch.distributed as dist

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.training.distributed import Group


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
        self._pending: tuple[torch.Tensor, dist.Work] | None = None

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

    def finish(self) -> None:
        """Take in the last answer, so that no process leaves while another still asks."""
        if self._pending is not None:
            self._pending[1].wait()
            self._pending = None
