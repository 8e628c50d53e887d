"""Everything that decides how training goes on: what a checkpoint holds and a resumed run starts from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from kubepresso.training.ema import Ema
from kubepresso.training.history import History
from kubepresso.training.meter import LossMeter
from kubepresso.training.precision import Precision


@dataclass
class TrainingState:
    """The state of a training between two steps.

    Learning rates are functions of the epoch, and random draws of (seed, epoch, step, rank), so that neither
    needs a place here.

    Attributes:
        model: Not wrapped for distribution.
        optimizer: Over the model's parameters; its groups carry ``names``.
        ema: The average of the weights, if wanted.
        precision: With the loss scale of fp16.
        history: What was measured, and which epoch is the best so far.
        epoch: Epochs done.
        step: Steps done of the next epoch.
        consumed: Samples taken by all processes in these steps.
        seconds: Time spent on these steps.
        meter: Losses of these steps, in this process.
        began: When training would have begun, by `time.perf_counter`, had it never been stopped.
    """

    model: nn.Module
    optimizer: Optimizer
    ema: Ema | None
    precision: Precision
    history: History
    epoch: int = 0
    step: int = 0
    consumed: int = 0
    seconds: float = 0.0
    meter: LossMeter = field(default_factory=LossMeter)
    began: float = field(default_factory=time.perf_counter)

    def end_epoch(self) -> None:
        """Count an epoch as done; the next one begins at its first step."""
        self.epoch += 1
        self.step = self.consumed = 0
        self.seconds = 0.0
        self.meter = LossMeter()

    @property
    def evaluated(self) -> nn.Module:
        """The weights that are validated and saved: the average where there is one."""
        return self.ema.model if self.ema else self.model

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return all tensors by kind (``model``, ``ema``, ``optimizer``) and name."""
        kinds = {"model": dict(self.model.state_dict()), "optimizer": optimizer_tensors(self.optimizer)}
        if self.ema:
            kinds["ema"] = dict(self.ema.model.state_dict())
        return kinds

    def values(self) -> dict[str, Any]:
        """Return all that is not a tensor, fit for JSON."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "consumed": self.consumed,
            "seconds": self.seconds,
            "elapsed": time.perf_counter() - self.began,
            "loss_names": self.meter.names,
            "best_epoch": self.history.best.epoch if self.history.best else None,
            "ema_updates": self.ema.updates if self.ema else 0,
            "scaler": self.precision.scaler.state_dict(),
            "history": self.history.to_json(),
        }

    def restore(self, tensors: dict[str, dict[str, Tensor]], values: dict[str, Any]) -> None:
        """Take over what `tensors` and `values` returned, bit for bit."""
        self.model.load_state_dict(tensors["model"])
        restore_optimizer(self.optimizer, tensors["optimizer"])
        if self.ema:
            self.ema.model.load_state_dict(tensors["ema"])
            self.ema.updates = values["ema_updates"]
        if values["scaler"]:
            self.precision.scaler.load_state_dict(values["scaler"])
        self.history = History.from_json(values["history"])
        self.epoch, self.step = values["epoch"], values["step"]
        self.consumed, self.seconds = values["consumed"], values["seconds"]
        self.began = time.perf_counter() - values["elapsed"]


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's tensors as ``<parameter>/<key>``, independent of the order of its groups."""
    return {
        f"{name}/{key}": value
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned, where and how torch keeps it."""
    states: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        owner, _, key = name.rpartition("/")
        states.setdefault(owner, {})[key] = value
    for group in optimizer.param_groups:
        for name, parameter in zip(group["names"], group["params"], strict=True):
            if name in states:
                optimizer.state[parameter] = {
                    key: _placed(key, value, parameter, bool(group.get("fused")))
                    for key, value in states[name].items()
                }


def _placed(key: str, value: Tensor, parameter: Tensor, fused: bool) -> Tensor:
    """Copy to the parameter's side; the count of steps stays on the CPU, where no fused kernel reads it."""
    if key == "step":
        return value.to(parameter.device if fused else "cpu", copy=True)
    if value.shape != parameter.shape:
        return value.to(parameter.device, copy=True)
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
