"""Load ``model.checkpoint`` into a built network: a file, a bundle, or public weights by the model's name."""

from __future__ import annotations

import io
import logging
import pickle
import re
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from kubepresso.config import ModelConfig
from kubepresso.errors import UserError
from kubepresso.export import WEIGHTS_FILE
from kubepresso.models.pretrained import fetch_pretrained
from kubepresso.storage import join, read_bytes

_LOG = logging.getLogger(__name__)
_KEY = "model.checkpoint.path"
_PICKLED = (".pt", ".pth")
_MISSING_SHOWN = 5

Weights = Mapping[str, Tensor]


def load_checkpoint(model: nn.Module, model_config: ModelConfig) -> None:
    """Load the weights that ``model_config.checkpoint`` names.

    Nothing is loaded where ``use_pretrained`` is false. Without a path, the public weights of ``model.name``
    are fetched. Without ``load_head``, the head keeps its initial weights.

    Raises:
        UserError: The weights cannot be fetched or read, or their names or shapes do not fit.
    """
    checkpoint = model_config.checkpoint
    if not checkpoint.use_pretrained:
        if checkpoint.path is not None:
            _LOG.warning("%s: %s is not read, since use_pretrained is false", _KEY, checkpoint.path)
        return
    if checkpoint.path is None:
        source, weights = f"pretrained {model_config.name}", fetch_pretrained(model_config.name, model)
    else:
        source, weights = f"{_KEY}: {checkpoint.path}", _under_our_names(_read(checkpoint.path))
    _fit(model, weights, source, checkpoint.load_head)


def _read(path: str) -> Weights:
    """Read a safetensors file, a pickled state dict (tensors only), or the weights of a bundle."""
    given = path
    if not path.endswith((".safetensors", *_PICKLED)):
        path = join(path, WEIGHTS_FILE)
    try:
        content = read_bytes(path)
    except UserError as error:
        allowed = ".safetensors, .pt or .pth with a state dict, or the folder of a model bundle"
        problems = [f"{_KEY}: {given}: {problem}" for problem in error.problems]
        raise UserError([*problems, f"{_KEY}: {given}: allowed are {allowed}"]) from error
    if path.endswith(_PICKLED):
        return _read_state_dict(content, path)
    try:
        weights: Weights = load_safetensors(content)
    except SafetensorError as error:
        raise UserError(f"{_KEY}: {path} is damaged or no safetensors file ({error})") from error
    return weights


def _read_state_dict(content: bytes, path: str) -> Weights:
    try:
        found: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{_KEY}: {path} holds more than tensors, and loading that could run code. Write a state dict "
            "instead: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise UserError(f"{_KEY}: {path} is damaged or no state dict ({error})") from error
    for key in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if isinstance(found, Mapping) and found and all(isinstance(value, Tensor) for value in found.values()):
        return found
    raise UserError(f"{_KEY}: {path} is not a state dict (names to tensors)")


def _under_our_names(weights: Weights) -> Weights:
    """Return the weights without the ``module.`` of DDP and the ``block.`` of netspresso-trainer.

    There a convolution with its norm is ``conv1.block.conv``, here ``conv1.conv``.
    """
    return {
        re.sub(r"\.block\.(conv|norm)\.", r".\1.", name.removeprefix("module.")): tensor
        for name, tensor in weights.items()
    }


def _fit(model: nn.Module, weights: Weights, source: str, load_head: bool) -> None:
    wanted = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if load_head or not name.startswith("head.")
    }
    problems = [
        f"{source}: {name} has shape {list(weights[name].shape)}, the model wants {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    missing = [name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")]
    if missing:
        shown = ", ".join(missing[:_MISSING_SHOWN]) + (" ..." if len(missing) > _MISSING_SHOWN else "")
        problems.append(f"{source}: lacks {len(missing)} of {len(wanted)} tensors: {shown}")
    if problems:
        raise UserError([*problems, f"{source}: {_advice(problems)}"])
    model.load_state_dict({name: weights[name] for name in wanted if name in weights}, strict=False)


def _advice(problems: list[str]) -> str:
    if all(": head." in problem for problem in problems):
        return "only the head differs; set model.checkpoint.load_head: false to start it anew"
    return "these weights are of another network than model.architecture describes"
