"""Write scikit-learn's handwritten digits as PNG files, one folder a class."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VALID_SHARE = 0.2
SEED = 1


def write_images(folder: Path, size: int = 32) -> None:
    """Write 1,437 training and 360 validation images as ``folder/{train,valid}/{n}_{name}/{index}.png``.

    Args:
        folder: Where to write; what lies there under these names is kept if it is complete.
        size: Side of the images in pixels, scaled up from 8.
    """
    marker = folder / f".complete-{size}"
    if marker.exists():
        return
    digits = load_digits()
    indices = np.arange(len(digits.target))
    train, valid = train_test_split(indices, test_size=VALID_SHARE, stratify=digits.target, random_state=SEED)
    for split, members in (("train", train), ("valid", valid)):
        for index in members:
            label = int(digits.target[index])
            place = folder / split / f"{label}_{NAMES[label]}"
            place.mkdir(parents=True, exist_ok=True)
            pixels = Image.fromarray((digits.images[index] * 255 / 16).astype(np.uint8))
            pixels.resize((size, size), Image.Resampling.BICUBIC).save(place / f"{index:04d}.png")
    marker.touch()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=32)
    arguments = parser.parse_args()
    write_images(arguments.folder, arguments.size)
