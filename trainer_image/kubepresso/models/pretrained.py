"""torchvision's public ImageNet weights under our parameter names."""

from __future__ import annotations

import hashlib
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from kubepresso.errors import UserError
from kubepresso.storage.atomic import atomic_file

_HOST = "https://download.pytorch.org/models"
#: By ``model.name``; the hexadecimal part of each file name starts its SHA-256.
PRETRAINED_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "mobilenet_v3_small": "mobilenet_v3_small-047dcff4.pth",
    "mobilenet_v3_large": "mobilenet_v3_large-5c1a4163.pth",
}
#: torchvision's names and ours, applied one after another.
_RESNET_NAMES = (
    (r"^fc\.", "head.classifier.1."),
    (r"\bconv(\d)\.", r"conv\1.conv."),
    (r"\bbn(\d)\.", r"conv\1.norm."),
    (r"\bdownsample\.0\.", "downsample.conv."),
    (r"\bdownsample\.1\.", "downsample.norm."),
)
_ATTEMPTS = 3
_PAUSE_SECONDS = 2
_TIMEOUT_SECONDS = 30
_CHUNK = 1 << 20


def fetch_pretrained(name: str, model: nn.Module) -> Mapping[str, Tensor]:
    """Return the public weights of ``name`` under the parameter names of ``model``.

    The file is kept in ``$TORCH_HOME/hub/checkpoints`` (torch's own cache) and checked against its SHA-256.
    ``KUBEPRESSO_WEIGHTS_URL`` names a mirror to fetch from, for a cluster without a way out.

    Args:
        name: ``model.name``, a key of ``PRETRAINED_FILES``.
        model: The built network, whose stages give the numbering of the blocks.

    Raises:
        UserError: There are none for this name, or the download fails.
    """
    if name not in PRETRAINED_FILES:
        raise UserError(
            f"model.name: no pretrained weights are known for {name}, available: "
            f"{', '.join(PRETRAINED_FILES)}; set model.checkpoint.use_pretrained: false, "
            "or model.checkpoint.path to a file"
        )
    path = _cached(PRETRAINED_FILES[name])
    rename = names_for(name, model)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return {rename(key): tensor for key, tensor in weights.items()}


def names_for(name: str, model: nn.Module) -> Callable[[str], str]:
    """Return what gives our name of a parameter of torchvision's network ``name``.

    Args:
        name: A key of ``PRETRAINED_FILES``.
        model: Our network, whose stages give the numbering of MobileNetV3's blocks.
    """
    if not name.startswith("mobilenet"):
        return _resnet_name
    stages = model.get_submodule("backbone.stages").children()
    blocks = [len(list(stage.children())) for stage in stages]
    return lambda parameter: _mobilenet_name(parameter, blocks)


def _resnet_name(name: str) -> str:
    """Return our name of a parameter of torchvision's ResNet."""
    for pattern, ours in _RESNET_NAMES:
        name = re.sub(pattern, ours, name)
    name = re.sub(r"^layer(\d)", lambda match: f"stages.{int(match[1]) - 1}", name)
    return name if name.startswith("head.") else f"backbone.{name}"


def _mobilenet_name(name: str, blocks: list[int]) -> str:
    """Return our name of a parameter of torchvision's MobileNetV3.

    Args:
        name: Theirs: blocks are numbered through, ``features.4.block.1.0.weight``.
        blocks: Blocks in each stage, the last convolution counted.
    """
    parts = {"0": "conv", "1": "norm"}
    if name.startswith("classifier."):
        return f"head.{name}"
    _, index, *rest = name.split(".")
    position = int(index) - 1
    if position < 0:
        return f"backbone.conv_first.{parts[rest[0]]}.{rest[1]}"
    stage = 0
    while position >= blocks[stage]:
        position -= blocks[stage]
        stage += 1
    # In a block it is block.<layer>.<0 or 1>.<tensor>, or fc1 for 0; the last convolution has no block.
    rest[-2] = parts.get(rest[-2], rest[-2])
    return ".".join(["backbone.stages", str(stage), str(position), *rest])


def _cached(file_name: str) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    start = path.stem.rsplit("-", 1)[1]
    if path.is_file() and _sha256(path).startswith(start):
        return path
    url = f"{os.environ.get('KUBEPRESSO_WEIGHTS_URL', _HOST)}/{file_name}"
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * attempt)
        try:
            _download(url, path, start)
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "reason", error))
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                break
        else:
            return path
    raise UserError(
        f"{url}: cannot be fetched ({reason}); set model.checkpoint.use_pretrained: false to start from "
        f"random weights, model.checkpoint.path to a file, or put the file at {path}"
    )


def _download(url: str, path: Path, start: str) -> None:
    with atomic_file(path) as temporary:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as source, temporary.open("wb") as target:  # noqa: S310
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        if not _sha256(temporary).startswith(start):
            raise ValueError(f"the SHA-256 of what came does not start with {start}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
