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
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30
_CHUNK = 1 << 20


def fetch_pretrained(name: str, model: nn.Module) -> Mapping[str, Tensor]:
    """Return the public weights of ``name`` under the parameter names of ``model``.

    The file is kept in ``$TORCH_HOME/hub/checkpoints`` (torch's own cache) and checked against its SHA-256.

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
    rename = _mobilenet_names(model) if name.startswith("mobilenet") else resnet_name
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return {rename(key): tensor for key, tensor in weights.items()}


def resnet_name(name: str) -> str:
    """Return our name of a parameter of torchvision's ResNet."""
    if name.startswith("fc."):
        return f"head.classifier.1.{name.removeprefix('fc.')}"
    name = re.sub(r"^(conv1)\.", r"\1.conv.", re.sub(r"^bn1\.", "conv1.norm.", name))
    name = re.sub(r"^layer(\d)\.", lambda match: f"stages.{int(match[1]) - 1}.", name)
    name = re.sub(r"\.conv(\d)\.", r".conv\1.conv.", name)
    name = re.sub(r"\.bn(\d)\.", r".conv\1.norm.", name)
    return "backbone." + name.replace("downsample.0.", "downsample.conv.").replace(
        "downsample.1.", "downsample.norm."
    )


def _mobilenet_names(model: nn.Module) -> Callable[[str], str]:
    stages: list[nn.Sequential] = list(model.get_submodule("backbone.stages").children())  # type: ignore[arg-type]
    return lambda name: mobilenet_name(name, [len(stage) for stage in stages])


def mobilenet_name(name: str, blocks: list[int]) -> str:
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
    # In a block: block.<layer>.<0 or 1>.<tensor>, or fc1 in place of 0; the last convolution: <0 or 1>.<tensor>.
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
            time.sleep(2**attempt)
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
