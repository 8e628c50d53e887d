"""Trainings of a few seconds: a prepared set of 16x16 digits and a ResNet of two small stages."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from PIL import Image
from sklearn.datasets import load_digits

from kubepresso.data.manifest import Manifest
from kubepresso.data.targets import codec_of
from kubepresso.data.writer import SplitWriter

CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TRAIN, VALID = 160, 61
_TO_TENSOR = [
    {"name": "totensor", "pixel_range": 1.0},
    {"name": "normalize", "mean": [0.5] * 3, "std": [0.5] * 3},
]


def write_digits(
    folder: Path,
    classes: Sequence[str] = CLASSES,
    broken: int | None = None,
    sizes: Mapping[str, Sequence[int]] | None = None,
) -> Path:
    """Write 160 training and 61 validation images; ``broken`` is a validation image that is no image.

    ``sizes`` gives for a split the sides of its images, in turn.
    """
    folder.mkdir(parents=True)
    codec = codec_of("classification")
    digits = load_digits()
    kept = [index for index, target in enumerate(digits.target) if target < len(classes)]
    splits = {}
    for name, indices in {"train": kept[:TRAIN], "valid": kept[TRAIN : TRAIN + VALID]}.items():
        writer = SplitWriter(folder, name, codec, classes)
        sides = (sizes or {}).get(name, (16,))
        for place, index in enumerate(indices):
            side = sides[place % len(sides)]
            image = _png(digits.images[index], side) if (name, place) != ("valid", broken) else b"no image"
            label = int(digits.target[index])
            writer.add(image, f"{name}/{index}.png", codec.encode(label), codec.counts(label, classes))
        splits[name] = writer.finish()
    manifest = Manifest("classification", list(classes), splits, f"sha256:{len(classes)}", {})
    manifest.write(folder)
    return folder


def _png(pixels, side: int) -> bytes:
    target = io.BytesIO()
    Image.fromarray((pixels * 15).astype("uint8")).resize((side, side)).save(target, "PNG")
    return target.getvalue()


def tiny_view(**overrides) -> dict:
    """Return the modules that training reads; ``training__epochs=3`` sets a nested key."""
    stages = [{"channels": 8, "num_blocks": 1}, {"channels": 16, "num_blocks": 1}]
    view = {
        "augmentation": {
            "train": [{"name": "randomhorizontalflip", "p": 0.5}, *_TO_TENSOR],
            "inference": _TO_TENSOR,
        },
        "model": {
            "task": "classification",
            "name": "tiny",
            "checkpoint": {"use_pretrained": False},
            "architecture": {
                "backbone": {
                    "name": "resnet",
                    "params": {"block_type": "basicblock", "norm_type": "batch_norm"},
                    "stage_params": stages,
                },
                "head": {"name": "fc", "params": {"num_layers": 1, "dropout_prob": 0.0}},
            },
            "losses": [{"criterion": "cross_entropy"}],
        },
        "training": {
            "epochs": 2,
            "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0005},
            "scheduler": {"name": "multi_step", "milestones": [2], "gamma": 0.5},
        },
        "logging": {"model_save_options": {"validation_epoch": 1, "save_best_only": True}},
        "environment": {"seed": 3, "num_workers": 0, "batch_size": 32},
    }
    for name, value in overrides.items():
        *path, last = name.split("__")
        place = view
        for key in path:
            place = place.setdefault(key, {})
        place[last] = value
    return view


def tiny_config(**overrides) -> str:
    """Return `tiny_view` as YAML."""
    return yaml.safe_dump(tiny_view(**overrides))
