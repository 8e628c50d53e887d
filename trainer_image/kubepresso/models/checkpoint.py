"""Load ``model.checkpoint`` into a built network: a file, a bundle, or public weights by the model's name."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kubepresso.errors import UserError
from kubepresso.export import WEIGHTS_FILE
from kubepresso.models.pretrained import fetch_pretrained

_LOG = logging.getLogger(__name__)
_KEY = "model.checkpoint.path"

Weights = Mapping[str, Tensor]


def load_checkpoint(model: nn.Module, model_config: Any) -> None:
    """Load the weights that ``model_config.checkpoint`` names.

    Nothing is loaded where ``use_pretrained`` is false. Without a path, the public weights of ``model.name``
    are fetched. Without ``load_head``, the head keeps its initial weights.

    Raises:
        UserError: The weights cannot be fetched or read, or their names or shapes do not fit.
    """
    checkpoint = model_config.checkpoint
    if not checkpoint.use_pretrained:
        if checkpoint.path is not None:
            _LOG.warning("%s is not read: model.checkpoint.use_pretrained is false", _KEY)
        return
    if checkpoint.path is None:
        source, weights = f"pretrained {model_config.name}", fetch_pretrained(model_config.name, model)
    else:
        source, weights = str(checkpoint.path), _without_wrappers(_read(str(checkpoint.path)))
    _fit(model, weights, source, checkpoint.load_head)


def _read(path: str) -> Weights:
    place = Path(path.removeprefix("file://"))
    if place.is_dir():
        place = place / WEIGHTS_FILE
    if not place.is_file():
        raise UserError(f"{_KEY}: {path} is not a file or a model bundle")
    try:
        if place.suffix == ".safetensors":
            return load_file(place)
        if place.suffix in {".pt", ".pth"}:
            return _state_dict(torch.load(place, map_location="cpu", weights_only=True), path)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{_KEY}: {path} cannot be read ({error}); it may be incomplete, fetch it again"
        ) from error
    except Exception as error:
        # weights_only refuses whatever would run code; torch raises several unrelated types for it.
        raise UserError(
            f"{_KEY}: {path} holds more than tensors, and loading it could run code. Save a state dict instead: "
            "safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        ) from error
    raise UserError(
        f"{_KEY}: {path} has an unknown suffix, allowed: .safetensors, .pt and .pth state dicts, a bundle"
    )


def _state_dict(content: Any, path: str) -> Weights:
    """Return the tensors by name, also from a training checkpoint that keeps them one level down."""
    if isinstance(content, Mapping):
        for key in ("state_dict", "model"):
            if isinstance(content.get(key), Mapping):
                content = content[key]
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return content
    raise UserError(f"{_KEY}: {path} is not a state dict (names to tensors)")


def _without_wrappers(weights: Weights) -> Weights:
    """Return the weights under our names: without ``module.`` of DDP, and without netspresso-trainer's ``block.``.

    There a convolution with its norm is ``conv1.block.conv``, here ``conv1.conv``.
    """
    return {
        re.sub(r"\.block\.(conv|norm)\.", r".\1.", name.removeprefix("module.")): tensor
        for name, tensor in weights.items()
    }


def _fit(model: nn.Module, weights: Weights, source: str, load_head: bool) -> None:
    wanted = model.state_dict()
    if not load_head:
        wanted = {name: tensor for name, tensor in wanted.items() if not name.startswith("head.")}
    problems = [
        f"{source}: {name} has shape {list(weights[name].shape)}, the model wants {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    missing = [name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")]
    if missing:
        shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        problems.append(f"{source}: lacks {len(missing)} of {len(wanted)} tensors: {shown}")
    if problems:
        advice = f"{source}: model.architecture does not describe these weights"
        head_only = load_head and all(name.startswith("head.") for name in missing)
        raise UserError([*problems, advice + ("; load_head: false skips the head" if head_only else "")])
    model.load_state_dict({name: weights[name] for name in wanted if name in weights}, strict=False)
