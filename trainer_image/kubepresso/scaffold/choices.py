"""Model, input size, batch and length for a data set, each with the reason that is written beside it."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import NamedTuple

from kubepresso.scaffold import architectures
from kubepresso.scaffold.architectures import STRIDE, Architecture
from kubepresso.scaffold.machine import Machine
from kubepresso.scaffold.survey import Survey

#: Below this side a MobileNet or a usual crop leaves next to nothing of an image.
SMALL = 96
_LARGE_DATA = 20_000
_MOST_WORKERS = 8
#: Training images by which classification takes fewer epochs; detection and segmentation need more of them.
_EPOCHS = {
    "classification": ((1_000, 100), (10_000, 60), (100_000, 30), (None, 20)),
    "detection": ((1_000, 200), (10_000, 120), (50_000, 80), (None, 50)),
    "segmentation": ((1_000, 150), (10_000, 100), (50_000, 60), (None, 40)),
    "pose_estimation": ((1_000, 150), (10_000, 100), (50_000, 60), (None, 40)),
}
_MOST_IN_A_BATCH = {"classification": 128, "detection": 32, "segmentation": 16, "pose_estimation": 128}
_STEPS_AN_EPOCH = 16
#: Fewer images tell batch norm too little of their mean and variance.
_LEAST_IN_A_BATCH = 8
_MEMORY_SHARE = 0.5


class Choice(NamedTuple):
    """What was chosen, and why.

    Args:
        value: For the YAML.
        reason: For the comment above it.
    """

    value: int
    reason: str


class Choices(NamedTuple):
    """All that depends on data set and machine.

    Args:
        architecture: The network.
        model_reason: Why this one.
        size: Height and width of its input.
        size_reason: Why this size.
        batch: Images of a batch.
        epochs: Of training.
        workers: Loader processes.
    """

    architecture: Architecture
    model_reason: str
    size: tuple[int, int]
    size_reason: str
    batch: Choice
    epochs: Choice
    workers: Choice


def choose(survey: Survey, machine: Machine) -> Choices:
    """Choose for a data set on a machine."""
    size, size_reason = _input_size(survey, machine)
    architecture, model_reason = _architecture(survey, machine, size)
    return Choices(
        architecture,
        model_reason,
        size,
        size_reason,
        _batch(survey, machine, architecture, size),
        _epochs(survey),
        _workers(machine),
    )


def _input_size(survey: Survey, machine: Machine) -> tuple[tuple[int, int], str]:
    choose_size = {
        "classification": _classification_size,
        "detection": _detection_size,
        "segmentation": _segmentation_size,
        "pose_estimation": _pose_size,
    }[survey.task]
    size, why = choose_size(survey, machine)
    return size, f"{_images(survey)} of {survey.sizes_in_words}: {why}"


def _images(survey: Survey) -> str:
    total = sum(survey.counts.values())
    return f"{total:,} image{'s' * (total != 1)}"


def _nearest(side: float, most: int) -> int:
    """Return the nearest multiple of the stride, at most ``most``."""
    return min(max(round(side / STRIDE), 1) * STRIDE, most)


def _classification_size(survey: Survey, machine: Machine) -> tuple[tuple[int, int], str]:
    side = _nearest(min(survey.typical_size), 224)
    if survey.typical_size == (side, side):
        return (side, side), "the input has that size"
    why = "what public weights were trained at" if side == 224 else f"a multiple of {STRIDE} near it"
    return (side, side), f"the input is {side}x{side}, {why}"


def _detection_size(survey: Survey, machine: Machine) -> tuple[tuple[int, int], str]:
    long = max(survey.typical_size)
    side = _nearest(long, 640)
    why = f"the longer side becomes {side}, borders make it a square"
    if not survey.box_sides:
        return (side, side), why
    part = statistics.median(survey.box_sides)
    if machine.gpu is None and side > 416 and part * 416 >= STRIDE:
        why = "the longer side becomes 416 and borders make it a square; 640 where there is a GPU"
        side = 416
    return (side, side), f"{why}. The median box is {part * side:.0f} pixels wide and high at that size"


def _segmentation_size(survey: Survey, machine: Machine) -> tuple[tuple[int, int], str]:
    width, height = survey.typical_size
    factor = min(1.0, 512 / min(width, height), 1024 / max(width, height))
    size = min(
        itertools.product(_multiples(height * factor), _multiples(width * factor)),
        key=lambda sides: _distortion(sides, (height * factor, width * factor)),
    )
    return size, f"{size[1]}x{size[0]} is of nearly that shape, both sides multiples of {STRIDE}"


def _multiples(side: float) -> tuple[int, int]:
    """Return the multiples of the stride below and above a side."""
    below = max(math.floor(side / STRIDE), 1) * STRIDE
    return below, min(max(math.ceil(side / STRIDE) * STRIDE, below), 1024)


def _distortion(sides: tuple[int, int], wanted: tuple[float, float]) -> float:
    """Return how much the shape is changed, and, counting less, the size."""
    high, wide = (math.log(side / goal) for side, goal in zip(sides, wanted, strict=True))
    return abs(wide - high) + abs(wide + high) / 4


def _pose_size(survey: Survey, machine: Machine) -> tuple[tuple[int, int], str]:
    return (256, 256), "each instance is cut out by its box and brought to 256x256"


def _architecture(survey: Survey, machine: Machine, size: tuple[int, int]) -> tuple[Architecture, str]:
    many = survey.train_count >= _LARGE_DATA
    amount = f"{survey.train_count:,} training images"
    where = f"on {machine.gpu}" if machine.gpu else "without a GPU"
    if survey.task == "classification":
        if min(size) < SMALL:
            return _of_small_images(size)
        if many and machine.gpu:
            return architectures.resnet18(), f"{amount} {where} are enough for it"
        return architectures.mobilenetv3_small(), f"small and quick, for {amount} {where}"
    if survey.task == "detection":
        if machine.gpu:
            return architectures.yolox("s"), f"for {amount} {where}"
        return architectures.yolox("nano"), f"the smallest, for training {where}; yolox_s where there is one"
    if survey.task == "segmentation":
        if machine.gpu:
            return architectures.segformer_b0(size), f"for {amount} {where}"
        return architectures.mobilenetv3_small_segmentation(size), f"quick, for training {where}"
    return architectures.rtmpose(size), "two vectors a keypoint in place of a heat map: small and exact"


def _of_small_images(size: tuple[int, int]) -> tuple[Architecture, str]:
    stages = 4 if min(size) >= 2 * STRIDE else 3
    left = min(size) * 2 // STRIDE if stages == 3 else min(size) // STRIDE
    reason = f"{stages} stages bring {size[1]}x{size[0]} pixels to {left}x{left}"
    if stages == 3:
        reason += ", a fourth would leave a single one"
    return architectures.resnet_of_small_images(stages), reason


def _batch(survey: Survey, machine: Machine, architecture: Architecture, size: tuple[int, int]) -> Choice:
    memory = machine.gpu_memory if machine.gpu else machine.memory
    an_image = architecture.bytes_per_pixel * size[0] * size[1]
    fits = int(memory * _MEMORY_SHARE / an_image)
    for_data = max(survey.train_count // _STEPS_AN_EPOCH, 1)
    most = _MOST_IN_A_BATCH[survey.task] // (1 if machine.gpu or survey.task == "classification" else 2)
    for_norm = min(_LEAST_IN_A_BATCH, survey.train_count)
    limit = min(fits, max(for_data, for_norm), most)
    batch = max(2 ** (limit.bit_length() - 1) if limit > 0 else 1, 2)
    steps = max(survey.train_count // batch, 1)
    where = machine.gpu or "this machine"
    gibibytes = batch * an_image / 2**30
    amount = f"an estimated {gibibytes:.1f}" if gibibytes >= 0.1 else "less than 0.1"
    taken = f"{amount} GiB of the {memory / 2**30:.0f} of {where}"
    return Choice(batch, f"{steps:,} step{'s' * (steps != 1)} an epoch; takes {taken}")


def _epochs(survey: Survey) -> Choice:
    count = survey.train_count
    epochs = next(value for most, value in _EPOCHS[survey.task] if most is None or count < most)
    return Choice(epochs, f"{count:,} training images; more of them need fewer epochs")


def _workers(machine: Machine) -> Choice:
    workers = min(max(machine.cores - 1, 1), _MOST_WORKERS)
    return Choice(workers, f"{machine.cores} core{'s' * (machine.cores != 1)} here, one is left to training")
