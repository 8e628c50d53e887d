"""The number format of the forward pass."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from kubepresso.config.training import TrainingConfig
from kubepresso.errors import UserError

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """Autocast for the forward pass, loss scaling for the backward pass.

    Attributes:
        name: ``fp32``, ``bf16`` or ``fp16``.
        device: Where it runs.
        scaler: Scales the loss for fp16, and does nothing otherwise.
    """

    name: str
    device: torch.device
    scaler: GradScaler

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context of a forward pass."""
        dtype = _DTYPES[self.name]
        return torch.autocast(self.device.type, dtype) if dtype else contextlib.nullcontext()

    def step(self, loss: Tensor, optimizer: Optimizer, model: nn.Module, max_norm: float | None) -> None:
        """Compute gradients, clip them to a norm of ``max_norm``, update the weights, clear the gradients.

        With fp16, an update whose gradients overflowed is left out and the scale lowered.
        """
        self.scaler.scale(loss).backward()
        if max_norm is not None:
            self.scaler.unscale_(optimizer)
            clip_grad_norm_(model.parameters(), max_norm, foreach=True)
        self.scaler.step(optimizer)
        self.scaler.update()
        optimizer.zero_grad(set_to_none=True)


def choose_precision(config: TrainingConfig, device: torch.device) -> Precision:
    """Choose the precision from ``training.precision``, else from ``mixed_precision`` and the device.

    Raises:
        UserError: fp16 on a CPU, where torch trains too slowly in it to be of use, or bf16 on a GPU without
            it.
    """
    mixed = "bf16" if device.type == "cpu" else "fp16"
    name = config.precision or (mixed if config.mixed_precision else "fp32")
    if name == "fp16" and device.type == "cpu":
        raise UserError("training.precision: fp16 needs a GPU and there is none here, allowed fp32, bf16")
    if (
        name == "bf16"
        and device.type == "cuda"
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        raise UserError("training.precision: this GPU has no bf16, allowed fp32, fp16")
    return Precision(name, device, GradScaler(device.type, enabled=name == "fp16"))
