"""How fast training takes images in on this machine: what the augmentation has to keep up with."""

from __future__ import annotations

import statistics
import time

import torch

from kubepresso.config import ModelConfig
from kubepresso.models import build_model

TASKS = ("classification",)
"""Tasks whose models can be trained."""

_STEPS = 3
_LARGEST_BATCH = 32


def measure_training_speed(
    config: ModelConfig, num_classes: int, image: torch.Tensor, batch_size: int
) -> float:
    """Time a few forward and backward passes, on the GPU if there is one.

    Args:
        config: The ``model`` module; its weights are not loaded.
        num_classes: Classes of the data.
        image: One image as the training recipe makes it, float32 [3, height, width].
        batch_size: ``environment.batch_size``; at most 32 images are used, so that the step stays short.

    Returns:
        Images a second of one training process, at the median step.
    """
    untrained = config.checkpoint.model_copy(update={"use_pretrained": False, "path": None})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_model(config.model_copy(update={"checkpoint": untrained}), num_classes)
    model = model.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    images = torch.stack([image] * min(batch_size, _LARGEST_BATCH)).to(device)
    images = images.contiguous(memory_format=torch.channels_last)
    seconds = []
    for _ in range(_STEPS + 1):
        started = time.perf_counter()
        model(images).square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return len(images) / statistics.median(seconds[1:])
