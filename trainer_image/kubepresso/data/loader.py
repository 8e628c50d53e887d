"""Batches from worker processes."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Sampler, default_collate

from kubepresso.data.dataset import ImageDataset
from kubepresso.data.sampler import Key
from kubepresso.data.workers import end_with_process
from kubepresso.errors import UserError

_RAGGED = ("boxes", "labels", "crowd")
_FROM_WORKER = "in DataLoader worker process"
_WORKER_ENDED = re.compile(r"DataLoader worker .*(exited unexpectedly|is killed by signal)")


def build_loader(
    dataset: ImageDataset,
    batches: Sampler[list[Key]],
    workers: int,
    recipe_key: str,
    pin_memory: bool = False,
) -> DataLoader[Any]:
    """Build a loader whose workers live as long as it does, each with one thread and two batches ahead.

    They are forked from the server of `kubepresso.data.workers`.

    Args:
        dataset: Takes the keys that ``batches`` yields.
        batches: Lists of keys.
        workers: ``environment.num_workers``; 0 loads in this process.
        recipe_key: The key of the recipe, named where its images differ in size.
        pin_memory: Whether batches go to a GPU.
    """
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=functools.partial(collate, dataset, recipe_key),
        persistent_workers=workers > 0,
        multiprocessing_context="forkserver" if workers else None,
        worker_init_fn=functools.partial(end_with_process, os.getpid()) if workers else None,
    )


def collate(dataset: ImageDataset, recipe_key: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Join samples into a batch.

    Args:
        dataset: Knows where the samples came from.
        recipe_key: See `build_loader`.
        samples: As the data set makes them.

    Returns:
        Each value stacked (``image`` ``[N, 3, H, W]``, ``label`` and ``index`` int64 ``[N]``, ``mask``
        ``[N, H, W]``, ``keypoints`` ``[N, k, 2]``, ``visibility`` ``[N, k]``, ``boxes`` of poses ``[N, 4]``),
        but for detection's ``boxes``, ``labels`` and ``crowd``: lists of tensors, whose lengths differ.

    Raises:
        UserError: Their images differ in size.
    """
    _check_sizes(dataset, recipe_key, samples)
    kept = _RAGGED if dataset.reader.task == "detection" else ()
    batch: dict[str, Any] = default_collate(
        [{name: value for name, value in sample.items() if name not in kept} for sample in samples]
    )
    if dataset.reader.task == "pose_estimation":
        batch["boxes"] = batch["boxes"].flatten(1)
    return batch | {name: [sample[name] for sample in samples] for name in kept}


def _check_sizes(dataset: ImageDataset, recipe_key: str, samples: list[dict[str, Any]]) -> None:
    first = samples[0]
    for other in samples[1:]:
        if other["image"].shape != first["image"].shape:
            one, two = (
                f"{dataset.path(sample['index'])} is {list(sample['image'].shape)}"
                for sample in (first, other)
            )
            raise UserError(
                f"{recipe_key}: images of a batch must be of one size, but after the recipe {one} and {two}; "
                f"add a resize with two sides, or a crop, to {recipe_key}"
            )


def iterate(loader: DataLoader[Any]) -> Iterator[Any]:
    """Yield the loader's batches, and say plainly what ended a worker.

    Raises:
        UserError: A worker was killed, or raised a UserError itself.
    """
    with _explained_workers():
        yield from loader


@contextlib.contextmanager
def _explained_workers() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        text = str(error)
        if _FROM_WORKER not in text:
            raise
        # The loader wraps a worker's traceback round the message.
        raise UserError(text.rpartition("UserError: ")[2].strip().splitlines()) from None
    except (RuntimeError, ConnectionError, EOFError) as error:
        # A worker that dies while it hands a batch over breaks the connection.
        lost = not isinstance(error, RuntimeError) and _FROM_WORKER not in str(error)
        if not lost and not _WORKER_ENDED.search(str(error)):
            raise
        raise UserError(
            "environment.num_workers: a data loader worker was killed, most often because memory or "
            "/dev/shm ran out; set fewer num_workers or a smaller batch_size, or give the container more "
            "memory and a larger /dev/shm"
        ) from error
