"""Batch transforms: images keep their form, and soft targets tell what is mixed."""

from __future__ import annotations

import torch

from kubepresso.augmentation.batch import BatchTransform

_PLACE = "augmentation.train (mixing)"
_SUM_TOLERANCE = 1e-4
_SHARE_TOLERANCE = 1e-2
_BATCHES, _SAMPLES, _SIDE = 100, 12, 32
# One that acts this often is all but sure to act in one of so many batches.
_LEAST_PROBABILITY = 0.2


def check_batch_transform(
    transform: BatchTransform, images: torch.Tensor, labels: torch.Tensor, num_classes: int
) -> list[str]:
    """Check that a batch transform keeps the images' shape and gives valid soft targets."""
    mixed, targets = transform(images, labels, num_classes)
    problems = []
    if mixed.shape != images.shape or not bool(mixed.isfinite().all()):
        problems.append(f"{_PLACE}: mixed images changed shape or are not finite")
    sums_to_one = bool(((targets.sum(1) - 1).abs() < _SUM_TOLERANCE).all())
    if targets.shape != (len(labels), num_classes) or bool((targets < 0).any()) or not sums_to_one:
        problems.append(f"{_PLACE}: targets are not shares of the classes that sum to 1")
    return problems


def check_shares(transform: BatchTransform, num_classes: int, probability: float) -> list[str]:
    """Mix batches of plain colours, one colour a class, and read the shares back from the pixels.

    Args:
        transform: The transform; it passes `check_batch_transform`.
        num_classes: Number of classes.
        probability: With which a batch is mixed.

    Returns:
        A target that is not what its pixels are mixed of, or that nothing is ever mixed.
    """
    labels = torch.arange(_SAMPLES) % num_classes
    # Multiples of irrational numbers: no two mixtures of two classes look alike.
    steps = torch.tensor([0.6180339887, 0.7548776662, 0.4142135624])
    colours = torch.arange(1, num_classes + 1)[:, None] * steps % 1
    images = colours[labels][:, :, None, None].expand(-1, -1, _SIDE, _SIDE)
    acted = False
    for _ in range(_BATCHES):
        mixed, targets = transform(images.clone(), labels, num_classes)
        wrong = (mixed.mean((2, 3)) - targets @ colours).abs().amax(1) > _SHARE_TOLERANCE
        if bool(wrong.any()):
            return [f"{_PLACE}: targets do not say what images are mixed of, nor by which shares"]
        acted = acted or not torch.equal(mixed, images)
    if acted or probability < _LEAST_PROBABILITY or num_classes == 1:
        return []
    return [f"{_PLACE}: no image of {_BATCHES} batches was mixed, with a probability of {probability:g}"]
