"""Cut the first rows of CIFAR-10's Parquet files, for a run in minutes on a CPU: subset.py SOURCE TARGET."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow.parquet as pq


def cut(source: Path, target: Path, rows: dict[str, int]) -> None:
    """Write the first ``rows[name]`` rows of ``source/name.parquet`` to ``target/name.parquet``."""
    target.mkdir(parents=True, exist_ok=True)
    for name, count in rows.items():
        table = pq.read_table(source / f"{name}.parquet")
        pq.write_table(table.slice(0, count), target / f"{name}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder with train.parquet and test.parquet")
    parser.add_argument("target", type=Path)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--test", type=int, default=2_000)
    arguments = parser.parse_args()
    cut(arguments.source, arguments.target, {"train": arguments.train, "test": arguments.test})
