"""Small data sets in each layout, as users have them."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ["apple", "bread", "cheese"]
POINTS = ["nose", "left_eye", "right_eye"]


def picture(path: Path, seed: int, size=(96, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def mask(path: Path, seed: int, size=(96, 64), values=(0, 1, 2), colours=None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).choice(values, (size[1], size[0])).astype(np.uint8)
    Image.fromarray(np.array(colours, np.uint8)[pixels] if colours else pixels).save(path)


def class_folders(root: Path, count=6, size=(96, 64)) -> Path:
    for split, first in (("train", 0), ("val", 1000)):
        for label, name in enumerate(CLASSES):
            for n in range(count if split == "train" else 2):
                picture(root / split / name / f"{n}.png", first + 100 * label + n, size)
    return root


def csv_table(root: Path) -> Path:
    for split, first in (("train", 0), ("valid", 1000)):
        rows = [(f"{split}_{n}.png", n % 3) for n in range(6)]
        for n, (name, _) in enumerate(rows):
            picture(root / "images" / split / name, first + n)
        (root / "labels").mkdir(exist_ok=True)
        with (root / "labels" / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("image_id", "class"), *rows])
    return root


def yolo(root: Path) -> Path:
    for split, first, count in (("train", 0, 6), ("val", 1000, 3)):
        for n in range(count):
            picture(root / "images" / split / f"{n}.png", first + n)
            label = root / "labels" / split / f"{n}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(f"{n % 3} 0.5 0.5 0.4 0.3\n{(n + 1) % 3} 0.25 0.25 0.2 0.2\n")
    (root / "data.yaml").write_text(
        f"train: images/train\nval: images/val\nnames: [{', '.join(CLASSES)}]\nnc: 3\n"
    )
    return root


def coco(root: Path, poses: bool = False) -> Path:
    for split, first, count in (("train", 0, 6), ("val", 1000, 3)):
        images, annotations = [], []
        for n in range(count):
            picture(root / split / f"{n}.png", first + n)
            images.append({"id": n, "file_name": f"{n}.png", "width": 96, "height": 64})
            annotation = {
                "id": n + 1,
                "image_id": n,
                "category_id": 1 if poses else n % 3 + 1,
                "bbox": [10, 10, 40, 30],
                "area": 1200,
                "segmentation": [[10, 10, 50, 10, 50, 40, 10, 40]],
                "iscrowd": 0,
            }
            if poses:
                annotation |= {"keypoints": [30, 15, 2, 25, 12, 2, 35, 12, 1], "num_keypoints": 3}
            annotations.append(annotation)
        if poses:
            categories = [{"id": 1, "name": "face", "keypoints": POINTS, "skeleton": [[1, 2], [1, 3]]}]
        else:
            categories = [{"id": index + 1, "name": name} for index, name in enumerate(CLASSES)]
        kind = "person_keypoints" if poses else "instances"
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"{kind}_{split}.json").write_text(
            json.dumps({"images": images, "annotations": annotations, "categories": categories})
        )
    return root


def keypoints_text(root: Path) -> Path:
    for split, first, count in (("train", 0, 6), ("valid", 1000, 3)):
        for n in range(count):
            picture(root / "images" / split / f"{n}.png", first + n)
            label = root / "labels" / split / f"{n}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("30 15 2 25 12 2 35 12 1 10 5 60 50\n")
    return root


def masks(root: Path, **values) -> Path:
    for split, first, count in (("train", 0, 6), ("val", 1000, 3)):
        for n in range(count):
            picture(root / "images" / split / f"{n}.png", first + n)
            mask(root / "masks" / split / f"{n}.png", first + n, **values)
    return root
