"""A small prepared data set of real digits, and a network that reads them."""

import hashlib
import io

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from kubepresso.data.digest import ContentDigest
from kubepresso.data.manifest import Manifest
from kubepresso.data.targets import codec_of
from kubepresso.data.writer import SplitWriter

CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PREPROCESSING = [
    {"name": "totensor", "pixel_range": 1.0},
    {"name": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
]
SPLITS = {"train": slice(0, 1000), "valid": slice(1000, 1400), "test": slice(1400, 1797)}


def digit_pngs() -> list[bytes]:
    """Return all digits as 8x8 PNG files."""
    encoded = []
    for pixels in load_digits().images:
        buffer = io.BytesIO()
        Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    return encoded


def write_prepared(folder, splits=("train", "valid"), classes=CLASSES, limit=None):
    """Write digits in the prepared layout; ``limit`` keeps the first so many of each split."""
    folder.mkdir(parents=True)
    images, labels = digit_pngs(), load_digits().target.tolist()
    codec, content, written = codec_of("classification"), ContentDigest(), {}
    for split in splits:
        writer = SplitWriter(folder, split, codec, classes)
        for index in range(len(images))[SPLITS[split]][:limit]:
            image, label = images[index], labels[index]
            writer.add(image, f"{split}/{index}.png", codec.encode(label), codec.counts(label, classes))
            content.add(split, hashlib.sha256(image).digest(), codec.digest(label))
        written[split] = writer.finish()
    Manifest("classification", list(classes), written, content.finish(classes), {}).write(folder)
    return folder


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, 2), nn.ReLU()
        )
        self.head = nn.Sequential(nn.Flatten(1), nn.Linear(144, 10))

    def forward(self, image):
        return self.head(self.backbone(image))
