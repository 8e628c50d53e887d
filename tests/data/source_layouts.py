"""The same pictures in every source format."""

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from kubepresso.config import DataConfig

CLASSES = ["apple", "bread", "cheese"]


def png(seed: int, size: tuple[int, int] = (12, 10)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(train_per_class: int = 4, valid_per_class: int = 2) -> dict[str, list[tuple[str, int, bytes]]]:
    """By split: file name, class index, bytes; ordered by class, then name, as class folders are read."""
    counts = {"train": train_per_class, "valid": valid_per_class}
    made = {}
    for offset, (split, count) in enumerate(counts.items()):
        made[split] = [
            (f"{CLASSES[label]}_{n:02d}.png", label, png(1000 * offset + 100 * label + n))
            for label in range(len(CLASSES))
            for n in range(count)
        ]
    return made


def write_class_folders(root: Path, splits) -> DataConfig:
    for split, rows in splits.items():
        for name in CLASSES:
            (root / split / name).mkdir(parents=True, exist_ok=True)
        for name, label, content in rows:
            (root / split / CLASSES[label] / name).write_bytes(content)
    return config(path={"root": str(root)})


def write_csv(root: Path, splits) -> DataConfig:
    path = {"root": str(root)}
    for split, rows in splits.items():
        (root / "images" / split).mkdir(parents=True)
        with (root / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image_id", "class"])
            for name, label, content in rows:
                (root / "images" / split / name).write_bytes(content)
                writer.writerow([name, label])
        path[split] = {"image": f"images/{split}", "label": f"{split}.csv"}
    return config(path=path, id_mapping=CLASSES)


def write_parquet(root: Path, splits) -> DataConfig:
    root.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        table = {
            "image": [{"bytes": content, "path": name} for name, _, content in rows],
            "label": [CLASSES[label] for _, label, _ in rows],
        }
        file = "validation" if split == "valid" else split
        pq.write_table(pa.table(table), root / f"{file}-00000-of-00001.parquet", row_group_size=3)
    return config(format="huggingface", metadata={"repo": str(root)})


def write_image_folder(root: Path, splits) -> DataConfig:
    for split, rows in splits.items():
        (root / split).mkdir(parents=True)
        with (root / split / "metadata.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file_name", "label"])
            for name, label, content in rows:
                (root / split / name).write_bytes(content)
                writer.writerow([name, CLASSES[label]])
    return config(format="huggingface", metadata={"repo": str(root)})


WRITERS = {
    "class_folders": write_class_folders,
    "csv_labels": write_csv,
    "parquet": write_parquet,
    "image_folder": write_image_folder,
}


def config(**values) -> DataConfig:
    return DataConfig.model_validate({"name": "pantry", "task": "classification", **values})


def with_checks(data: DataConfig, **checks) -> DataConfig:
    return DataConfig.model_validate({**data.model_dump(), "checks": checks})
