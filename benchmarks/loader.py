"""How fast samples come: reading, decoding, the recipe, and worker processes.

Run on any prepared folder::

    python benchmarks/loader.py PREPARED_FOLDER [--workers 2] [--seconds 3]

Make one with ``kubepresso.steps.prepare_dataset`` or take the one of a pipeline run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig
from kubepresso.data import PreparedDataset, SplitReader
from kubepresso.data.dataset import ClassificationDataset
from kubepresso.data.decoding import decode_rgb

RECIPE = [
    {"name": "randomresizedcrop", "size": 32},
    {"name": "randomhorizontalflip"},
    {"name": "totensor"},
    {"name": "normalize"},
]
BATCH = 64


def main() -> None:
    """Print one line a stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    reader = PreparedDataset.open(arguments.folder).split("train")
    order = np.random.default_rng(0).permutation(len(reader)).tolist()
    dataset = ClassificationDataset(reader, lambda sample: sample, 0)
    recipe = build_recipe(AugmentationConfig.model_validate({"train": RECIPE}).train, BuildContext())
    augmented = ClassificationDataset(reader, recipe, 0)
    stages: list[tuple[str, Callable[[int], object]]] = [
        ("one row with pyarrow (its row group)", lambda i: row_with_pyarrow(reader, i)),
        ("one row with the reader", lambda i: reader[i]),
        ("and decoding", lambda i: decode_rgb(reader[i].image_bytes)),
        ("and seeding", lambda i: dataset[0, i]),
        ("and the recipe", lambda i: augmented[0, i]),
    ]
    for name, stage in stages:
        report(name, rate(stage, order, arguments.seconds))
    for workers in range(arguments.workers + 1):
        report(
            f"batches of {BATCH}, {workers} workers",
            loader_rate(augmented, order, workers, arguments.seconds),
        )


def row_with_pyarrow(reader: SplitReader, index: int) -> bytes:
    """Read a row as a plain Parquet reader must: by decoding its row group."""
    shard = reader.split.shards[0]
    with pq.ParquetFile(reader.folder / shard.file, memory_map=True) as file:
        rows = file.metadata.row_group(0).num_rows
        group = index % file.num_row_groups
        return file.read_row_group(group, columns=["image"])["image"][index % min(rows, 1)]["bytes"].as_py()


def rate(stage: Callable[[int], object], order: list[int], seconds: float) -> float:
    """Return calls a second over shuffled indices."""
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        stage(order[done % len(order)])
        done += 1
    return done / elapsed


def loader_rate(dataset: ClassificationDataset, order: list[int], workers: int, seconds: float) -> float:
    """Return images a second after the workers have started."""
    loader = DataLoader(
        dataset,
        batch_size=BATCH,
        sampler=[(0, index) for index in order],
        num_workers=workers,
        multiprocessing_context="forkserver" if workers else None,
    )
    batches = iter(loader)
    next(batches)
    done, started = 0, time.perf_counter()
    for batch in batches:
        done += len(batch["index"])
        if time.perf_counter() - started > seconds:
            break
    return done / (time.perf_counter() - started)


def report(name: str, per_second: float) -> None:
    """Print a rate and its inverse."""
    print(f"{name:40} {per_second:12,.0f} images/s {1e6 / per_second:10.1f} µs")


if __name__ == "__main__":
    main()
