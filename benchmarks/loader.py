"""How fast samples come: reading, decoding, the recipe, and batches against a plain ImageFolder.

Run on any prepared folder of classification::

    python benchmarks/loader.py PREPARED_FOLDER [--size 32] [--workers 0 2 4] [--rounds 5] [--seconds 2]

or on a folder of pictures of any size, which are prepared first as those of one class::

    python benchmarks/loader.py FOLDER_OF_PICTURES --pictures --size 224

Make a prepared one with ``kubepresso prepare`` or take the one of a pipeline run. The images are also written
as class folders, for ``torchvision.datasets.ImageFolder`` with the same transforms, once on tensors and once
on PIL images. Each round measures all loaders in turns; medians are shown.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig, DataConfig
from kubepresso.data import PreparedDataset, SplitReader
from kubepresso.data.dataset import ImageDataset, build_dataset
from kubepresso.data.decoding import decode_rgb
from kubepresso.data.loader import build_loader
from kubepresso.data.prepare import prepare
from kubepresso.data.sampler import TrainingBatches
from kubepresso.data.workers import start_worker_server

BATCH = 64
LEAST_FILES, MOST_FILES = 1_000, 10_000


def main() -> None:
    """Print one line a stage, then the loaders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--pictures", action="store_true", help="the folder holds pictures, not prepared data"
    )
    parser.add_argument("--size", type=int, default=32, help="side of the images after the recipe")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start_worker_server("kubepresso.augmentation", "torchvision.datasets")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.pictures:
            prepared = prepare_pictures(arguments.folder, Path(folder))
        else:
            prepared = PreparedDataset.open(arguments.folder)
        measure_stages(prepared, arguments.size, arguments.seconds)
        files = Path(folder) / "files"
        write_files(prepared, files)
        measure_loaders(prepared, files, arguments)


def prepare_pictures(pictures: Path, folder: Path) -> PreparedDataset:
    """Prepare pictures as a classification of one class, repeated so that an epoch has some batches."""
    given = sorted(path for path in pictures.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not given:
        raise SystemExit(f"{pictures}: no JPEG or PNG in this folder")
    train = folder / "set" / "train" / "picture"
    train.mkdir(parents=True)
    for index in range(max(len(given), LEAST_FILES)):
        path = given[index % len(given)]
        shutil.copyfile(path, train / f"{index:05d}{path.suffix}")
    data = DataConfig.model_validate({"task": "classification", "path": {"root": str(folder / "set")}})
    prepare(data, folder / "set", folder / "prepared")
    return PreparedDataset.open(folder / "prepared")


def augmented(prepared: PreparedDataset, size: int) -> ImageDataset:
    """Return the training split with the recipe."""
    entries = [
        {"name": "randomresizedcrop", "size": size},
        {"name": "randomhorizontalflip"},
        {"name": "totensor"},
        {"name": "normalize"},
    ]
    recipe = build_recipe(AugmentationConfig.model_validate({"train": entries}).train, BuildContext())
    return build_dataset(prepared, "train", recipe, 0)


def plain(folder: Path, size: int, on_tensors: bool) -> ImageFolder:
    """Return the same images and transforms as torchvision alone has them."""
    normalize = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    geometry = [v2.RandomResizedCrop(size), v2.RandomHorizontalFlip()]
    first, last = (geometry, [v2.ToImage()]) if not on_tensors else ([v2.ToImage()], geometry)
    return ImageFolder(folder, v2.Compose([*first, *last, v2.ToDtype(torch.float32, scale=True), normalize]))


def write_files(prepared: PreparedDataset, folder: Path) -> None:
    """Write the first images of train as class folders."""
    reader = prepared.split("train")
    for index in range(min(len(reader), MOST_FILES)):
        sample = reader[index]
        place = folder / f"{sample.target:05d}"
        place.mkdir(parents=True, exist_ok=True)
        suffix = ".jpg" if sample.image_bytes.startswith(b"\xff\xd8") else ".png"
        (place / f"{index:06d}{suffix}").write_bytes(sample.image_bytes)


def measure_stages(prepared: PreparedDataset, size: int, seconds: float) -> None:
    """Print what each stage of a sample takes in this process."""
    reader = prepared.split("train")
    order = np.random.default_rng(0).permutation(len(reader)).tolist()
    bare, whole = build_dataset(prepared, "train", lambda sample, _: sample, 0), augmented(prepared, size)
    stages: list[tuple[str, Callable[[int], object]]] = [
        ("one row with pyarrow (its row group)", lambda i: row_with_pyarrow(reader, i)),
        ("one row with the reader", lambda i: reader[i]),
        ("and decoding", lambda i: decode_rgb(reader[i].image_bytes)),
        ("and seeding", lambda i: bare[0, i, 0]),
        ("and the recipe", lambda i: whole[0, i, 0]),
    ]
    for name, stage in stages:
        report(name, rate(stage, order, seconds))


def row_with_pyarrow(reader: SplitReader, index: int) -> bytes:
    """Read a row as a plain Parquet reader must: by decoding its row group."""
    shard = reader.split.shards[0]
    with pq.ParquetFile(reader.folder / shard.file, memory_map=True) as file:
        column = file.read_row_group(index % file.num_row_groups, columns=["image"])["image"]
        return column[index % len(column)]["bytes"].as_py()


def rate(stage: Callable[[int], object], order: list[int], seconds: float) -> float:
    """Return calls a second over shuffled indices."""
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        stage(order[done % len(order)])
        done += 1
    return done / elapsed


def measure_loaders(prepared: PreparedDataset, folder: Path, arguments: argparse.Namespace) -> None:
    """Print images/s of each kind of loader with each number of workers."""
    kinds: dict[str, Callable[[int], DataLoader[Any]]] = {
        "prepared": lambda workers: prepared_loader(augmented(prepared, arguments.size), workers),
        "ImageFolder, tensors": lambda workers: plain_loader(plain(folder, arguments.size, True), workers),
        "ImageFolder, PIL": lambda workers: plain_loader(plain(folder, arguments.size, False), workers),
    }
    for workers in arguments.workers:
        running = {name: endless(build(workers)) for name, build in kinds.items()}
        found: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(arguments.rounds):
            for name, batches in running.items():
                found[name].append(batch_rate(batches, 3 * max(workers, 1), arguments.seconds))
        medians = {name: statistics.median(rates) for name, rates in found.items()}
        for name, median in medians.items():
            report(f"{workers} workers, {name}", median)
        best = max(median for name, median in medians.items() if name != "prepared")
        print(f"{workers} workers: {medians['prepared'] / best:.2f} times the faster ImageFolder")


def prepared_loader(dataset: ImageDataset, workers: int) -> DataLoader[Any]:
    """Return the loader that training uses."""
    return build_loader(dataset, TrainingBatches(len(dataset), BATCH, 0), workers, "augmentation.train")


def plain_loader(dataset: ImageFolder, workers: int) -> DataLoader[Any]:
    """Return what one would write without kubepresso."""
    return DataLoader(
        dataset,
        BATCH,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=workers > 0,
        multiprocessing_context="forkserver" if workers else None,
    )


def endless(loader: DataLoader[Any]) -> Iterator[Any]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from loader


def batch_rate(batches: Iterator[Any], skipped: int, seconds: float) -> float:
    """Return images a second, without the batches that lay ready while another loader was measured."""
    for _ in range(skipped):
        next(batches)
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        next(batches)
        done += BATCH
    return done / elapsed


def report(name: str, per_second: float) -> None:
    """Print a rate and its inverse."""
    print(f"{name:40} {per_second:12,.0f} images/s {1e6 / per_second:10.1f} µs")


if __name__ == "__main__":
    main()
