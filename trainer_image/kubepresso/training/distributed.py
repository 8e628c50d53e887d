"""The group of training processes, as torchrun describes it in the environment."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

from kubepresso.errors import UserError
from kubepresso.training.roll_call import RollCall

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """This process among all that train together.

    Attributes:
        rank: This process, from 0.
        world_size: Number of processes.
        device: Where this process computes.
        roll_call: Where the processes note how far they are; None for a single one.
        cpus: For what is no tensor of a GPU: it neither waits for GPUs nor takes their memory. None for a
            single process.
    """

    rank: int
    world_size: int
    device: torch.device
    roll_call: RollCall | None = None
    cpus: dist.ProcessGroup | None = None

    @property
    def is_main(self) -> bool:
        """Whether this process prints, tracks and saves."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """Average gradients over the group; a single process gets the model back as it is.

        Buffers are left alone during an epoch and averaged after it, see `average_buffers`.
        """
        if self.world_size == 1:
            return model
        devices = [self.device.index] if self.device.type == "cuda" else None
        with warnings.catch_warnings():
            # Newer releases have another name for broadcast_buffers, which older ones lack.
            warnings.simplefilter("ignore", FutureWarning)
            return DistributedDataParallel(
                model, device_ids=devices, broadcast_buffers=False, gradient_as_bucket_view=True
            )

    def gather(self, value: Value) -> list[Value]:
        """Return the values of all processes, by rank. Tensors in it must lie on the CPU."""
        if self.world_size == 1:
            return [value]
        values: list[Value | None] = [None] * self.world_size
        dist.all_gather_object(values, value, group=self.cpus)
        return values  # type: ignore[return-value]

    def share(self, value: Value) -> Value:
        """Return the main process's value in every process. Tensors in it must lie on the CPU."""
        if self.world_size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, group=self.cpus)
        return values[0]

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over all processes."""
        if self.world_size > 1:
            dist.all_reduce(value)
            value /= self.world_size
        return value

    @torch.no_grad()
    def average_buffers(self, *models: nn.Module) -> None:
        """Give every process the mean of the floating buffers: running statistics of all samples."""
        if self.world_size == 1:
            return
        for model in models:
            for buffer in model.buffers():
                if buffer.is_floating_point():
                    self.mean(buffer)


@contextlib.contextmanager
def joined_group(timeout_seconds: float) -> Iterator[Group]:
    """Join the group that torchrun describes in the environment; without it there is one process.

    NCCL joins GPUs, gloo CPUs. One process joins nothing.

    Args:
        timeout_seconds: After which a collective operation without an answer fails; a little earlier where
            CPUs wait for those of other GPUs.

    Raises:
        UserError: There are fewer GPUs than processes on this machine.
    """
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = _device(int(os.environ.get("LOCAL_RANK", 0)))
    if world_size == 1:
        yield Group(rank, world_size, device)
        return
    limit = timedelta(seconds=timeout_seconds)
    store, _, _ = next(rendezvous("env://", timeout=limit))
    store = PrefixStore(_attempt(), store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(
        backend, store=PrefixStore("group", store), rank=rank, world_size=world_size, timeout=limit
    )
    roll_call = RollCall(store, rank, world_size, timeout_seconds)
    # NCCL ends the process without a word when it runs out of time: what waits on the CPU has to be first.
    patience = timeout_seconds * (0.9 if backend == "nccl" else 1.0)
    with roll_call.explained():
        cpus: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=timedelta(seconds=patience))
        yield Group(rank, world_size, device, roll_call, cpus)
    # Not after an error: the others may never come to the barrier in it.
    dist.destroy_process_group()


def _attempt(environment: Mapping[str, str] = os.environ) -> str:
    """Return a prefix for the store that no earlier start of the processes had.

    torchrun keeps one store through all restarts: addresses of processes that are gone stand in it. Where
    each start has a store of its own, nothing may be added: each node counts its own restarts, and one that
    came later has another number.
    """
    shared = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return f"attempt-{environment.get('TORCHELASTIC_RESTART_COUNT', 0) if shared else 0}"


def _device(local_rank: int) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if local_rank >= (visible := torch.cuda.device_count()):
        raise UserError(
            f"environment.distributed.processes_per_node: process {local_rank + 1} on this machine needs "
            f"a GPU of its own, but {visible} can be seen; start {visible} or name more in environment.gpus"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
