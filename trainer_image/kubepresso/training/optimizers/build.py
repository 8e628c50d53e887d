"""From ``training.optimizer`` to an optimizer over the model's parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from kubepresso.config.training import OptimizerBase, ParameterGroup
from kubepresso.errors import UserError
from kubepresso.training.optimizers.registry import OPTIMIZERS

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_FUSED_ON_CPU = {"adam", "adamw", "sgd", "adagrad"}
_FUSED_ON_CUDA = {"adam", "adamw", "sgd"}


def build_optimizer(model: nn.Module, config: Any) -> Optimizer:
    """Build the optimizer over all parameters that require a gradient.

    Args:
        model: Its parameters lie on the device on which they are trained.
        config: ``training.optimizer``.

    Raises:
        UserError: Nothing is left to train, or ``overwrite`` names a part that the model lacks.
    """
    groups = parameter_groups(model, config)
    device = groups[0]["params"][0].device.type
    return OPTIMIZERS[config.name](groups, config, _fastest(config.name, device))


def parameter_groups(model: nn.Module, config: OptimizerBase) -> list[dict[str, Any]]:
    """Sort the parameters into groups of equal lr and weight decay, in the order of the model.

    Args:
        model: Its top-level parts are ``backbone``, ``neck`` and ``head``, as module or as traced graph.
        config: ``training.optimizer``.

    Returns:
        Groups with ``params``, ``names``, ``part``, ``lr`` and ``weight_decay``.

    Raises:
        UserError: See `build_optimizer`.
    """
    overwrites: dict[str, ParameterGroup] = {entry.param_group: entry for entry in config.overwrite or ()}
    norms = {name for name, module in model.named_modules() if isinstance(module, _NORMS)}
    groups: dict[tuple[str, float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        part = name.partition(".")[0]
        overwrite = overwrites.get(part)
        lr = _value(overwrite, config, "lr")
        decay = (
            0.0 if _is_exempt(name, norms, overwrite, config) else _value(overwrite, config, "weight_decay")
        )
        key = (part if overwrite else "all", lr, decay)
        empty = {"params": [], "names": [], "part": key[0], "lr": lr, "weight_decay": decay}
        group = groups.setdefault(key, empty)
        group["params"].append(parameter)
        group["names"].append(name)
    _check(model, config, groups)
    return list(groups.values())


def _value(overwrite: ParameterGroup | None, config: OptimizerBase, key: str) -> Any:
    own = getattr(overwrite, key) if overwrite else None
    return getattr(config, key) if own is None else own


def _is_exempt(name: str, norms: set[str], overwrite: ParameterGroup | None, config: OptimizerBase) -> bool:
    owner, _, kind = name.rpartition(".")
    if kind == "bias" and _value(overwrite, config, "no_bias_decay"):
        return True
    return kind == "weight" and owner in norms and bool(_value(overwrite, config, "no_norm_weight_decay"))


def _check(model: nn.Module, config: OptimizerBase, groups: dict[Any, Any]) -> None:
    parts = list(dict.fromkeys(name.partition(".")[0] for name, _ in model.named_parameters()))
    problems = [
        f"training.optimizer.overwrite: {entry.param_group} has no parameters in this model, allowed "
        f"{', '.join(parts)}"
        for entry in config.overwrite or ()
        if entry.param_group not in parts
    ]
    if problems:
        raise UserError(problems)
    if not groups:
        raise UserError("model.freeze_backbone: true leaves nothing to train; set it to false")


def _fastest(name: str, device: str) -> dict[str, bool]:
    """Choose the implementation: one fused kernel where torch has it, else one over lists of tensors."""
    fused = _FUSED_ON_CPU if device == "cpu" else _FUSED_ON_CUDA
    if name in fused:
        return {"fused": True}
    return {"foreach": device != "cpu" or torch.get_num_threads() > 1}
