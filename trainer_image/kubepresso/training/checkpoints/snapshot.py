"""The state of a training between two steps, copied so that training can go on at once."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kubepresso.training.distributed import Group
from kubepresso.training.state import TrainingState

_RANK = "rank"
_PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Snapshot:
    """Copies of all tensors, where they were, and all that is no tensor.

    Args:
        tensors: By name: ``model/...``, ``ema/...``, ``optimizer/...``, and ``rank/<n>/...`` with what
            differs between processes: running statistics and the losses of the epoch.
        values: Fit for JSON.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def on_cpu(self) -> dict[str, Tensor]:
        """Bring the tensors to main memory, contiguous, and let go of each one on the device."""
        for name in self.tensors:
            self.tensors[name] = self.tensors[name].cpu().contiguous()
        return self.tensors


@torch.no_grad()
def take(state: TrainingState, group: Group) -> Snapshot | None:
    """Copy the state; all processes of the group must call it after the same step.

    Returns:
        The snapshot in the main process, None in the others.
    """
    own = {name: value.detach().cpu() for name, value in _of_rank(state).items()}
    ranks = group.gather(own)
    if not group.is_main:
        return None
    tensors = {
        f"{kind}/{name}": value.detach().clone(memory_format=torch.contiguous_format)
        for kind, part in state.tensors().items()
        for name, value in part.items()
    }
    for rank, part in enumerate(ranks):
        tensors |= {f"{_RANK}/{rank}/{name}": value.clone() for name, value in part.items()}
    own_values = {"world_size": group.world_size, "surroundings": surroundings(state, group)}
    return Snapshot(tensors, {**state.values(), **own_values})


def surroundings(state: TrainingState, group: Group) -> dict[str, str]:
    """Return what the last bits of a sum depend on, beside the number of processes."""
    cuda = group.device.type == "cuda"
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(group.device) if cuda else processor(),
        "precision": state.precision.name,
        "threads": "any" if cuda else str(torch.get_num_threads()),
    }


def processor(described: Path = _PROCESSORS) -> str:
    """Return the processor's name, which decides which instructions torch and its libraries choose.

    Args:
        described: Linux' ``/proc/cpuinfo``; without it, or a name in it, the architecture is returned.
    """
    try:
        found = re.search(r"^model name\s*: *(.+)$", described.read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        found = None
    return found[1].strip() if found else platform.machine()


def take_weights(state: TrainingState) -> Snapshot:
    """Copy the weights that are validated, by the model's own names."""
    tensors = state.evaluated.state_dict()
    return Snapshot({name: value.detach().clone() for name, value in tensors.items()}, {})


def put_back(state: TrainingState, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    """Put what all processes share into a state, before the model is wrapped for distribution."""
    kinds: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, name = key.partition("/")
        if kind != _RANK:
            kinds.setdefault(kind, {})[name] = value
    state.restore(kinds, values)


@torch.no_grad()
def put_back_rank(
    state: TrainingState, tensors: dict[str, Tensor], values: dict[str, Any], group: Group
) -> None:
    """Put what differs between processes into a state, after the model is wrapped for distribution.

    With another number of processes than before, each gets the mean of all.
    """
    ranks = range(values["world_size"])
    parts = [_part(tensors, rank) for rank in ranks]
    same = values["world_size"] == group.world_size
    chosen = parts[group.rank] if same else {name: _mean([part[name] for part in parts]) for name in parts[0]}
    if "losses" in chosen:
        state.meter.restore(values["loss_names"], chosen.pop("losses").to(group.device))
    for name, value in _of_rank(state).items():
        if name in chosen:
            value.copy_(chosen[name])


def _of_rank(state: TrainingState) -> dict[str, Tensor]:
    """Return what each process has of its own."""
    models = {"model": state.model} | ({"ema": state.ema.model} if state.ema else {})
    buffers = {
        f"{kind}/{name}": buffer
        for kind, model in models.items()
        for name, buffer in model.named_buffers()
        if buffer.is_floating_point()
    }
    losses = state.meter.values()
    return buffers if losses is None else {**buffers, "losses": losses}


def _part(tensors: dict[str, Tensor], rank: int) -> dict[str, Tensor]:
    prefix = f"{_RANK}/{rank}/"
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).double().mean(0).to(values[0].dtype)
