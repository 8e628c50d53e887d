"""How fast a data set is prepared, against ``datasets`` writing the same rows.

Run on a folder with ``train.parquet`` (columns ``image``, ``label``), for example CIFAR-10::

    python benchmarks/prepare.py FOLDER [--rounds 3] [--images 10000]

Each measurement is a process of its own, in turns. ``datasets`` copies the rows as they are; preparing also
decodes every image, to find those that are corrupt and those that
occur twice, and takes the figures of the report; ``decode`` is that part alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

KINDS = ("prepare", "decode", "datasets")


def main() -> None:
    """Print medians of images/s and the peak memory of each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, help="only the first images; default: all")
    parser.add_argument("--measure", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        source = subset(arguments.folder / "train.parquet", Path(temporary), arguments.images)
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(arguments.rounds):
            for kind in KINDS:
                found[kind].append(in_process(kind, source))
    for kind, results in found.items():
        seconds, peak = (
            statistics.median(result[key] for result in results) for key in ("seconds", "peak_mb")
        )
        images = results[0]["images"]
        rate = f"{kind:10} {images / seconds:10,.0f} images/s {seconds:8.2f} s"
        print(f"{rate} {peak:8.0f} MB peak, {images:,} images")


def subset(file: Path, folder: Path, images: int | None) -> Path:
    """Return a folder with a ``train.parquet`` of the first images, or of all."""
    with pq.ParquetFile(file) as parquet:
        if images is None or images >= parquet.metadata.num_rows:
            (folder / "train.parquet").symlink_to(file.resolve())
        else:
            batch = next(parquet.iter_batches(images))
            with pq.ParquetWriter(folder / "train.parquet", batch.schema) as writer:
                writer.write_batch(batch)
    return folder


def in_process(kind: str, source: Path) -> dict[str, float]:
    """Measure in a new process, without the time of imports."""
    command = [sys.executable, __file__, str(source), "--measure", kind]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return json.loads(result.stdout.splitlines()[-1])


def measure(kind: str, source: Path) -> dict[str, float]:
    """Do one thing with the rows of a folder, and say how long it took."""
    work = {"prepare": prepare_rows, "decode": decode_rows, "datasets": save_rows}[kind]
    with tempfile.TemporaryDirectory() as target:
        images, seconds = work(source, Path(target))
    return {"images": images, "seconds": seconds, "peak_mb": peak_mb()}


def prepare_rows(source: Path, target: Path) -> tuple[int, float]:
    """Prepare the folder: every check, the layout and the figures of the report."""
    from kubepresso.config.data import DataConfig
    from kubepresso.data.prepare import prepare

    data = DataConfig.model_validate({"task": "classification", "path": {"root": str(source)}})
    started = time.perf_counter()
    result = prepare(data, source, target / "prepared")
    seconds = time.perf_counter() - started
    if result.manifest is None:
        raise SystemExit("\n".join(result.findings.refused()))
    return sum(split.count for split in result.splits.values()), seconds


def decode_rows(source: Path, target: Path) -> tuple[int, float]:
    """Decode and digest every image, as preparing does, and nothing else."""
    from kubepresso.data.formats.source import ClassLabel, RawSample
    from kubepresso.data.inspection import Inspector
    from kubepresso.data.targets import codec_of

    table = pq.read_table(source / "train.parquet", columns=["image"])
    rows = [RawSample(row["bytes"], "", ClassLabel(0)) for row in table["image"].to_pylist()]
    started = time.perf_counter()
    done = sum(1 for _ in Inspector(codec_of("classification"), ["any"]).inspect_all(rows))
    return done, time.perf_counter() - started


def save_rows(source: Path, target: Path) -> tuple[int, float]:
    """Read the rows with ``datasets`` and save them."""
    import datasets

    datasets.disable_progress_bars()
    started = time.perf_counter()
    rows = datasets.load_dataset(
        "parquet", data_files=str(source / "train.parquet"), split="train", cache_dir=str(target / "cache")
    )
    rows.save_to_disk(str(target / "saved"))
    return len(rows), time.perf_counter() - started


def peak_mb() -> float:
    """Return the peak of this process's memory."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
