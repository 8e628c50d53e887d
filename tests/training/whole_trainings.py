"""What tests of whole trainings share: everything that has a state, and equality of what came out."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from kubepresso.training.distributed import Group

ALONE = Group(0, 1, torch.device("cpu"))
EVERYTHING = {
    "training__epochs": 4,
    "training__optimizer": {"name": "adamw", "lr": 0.01, "weight_decay": 0.01, "no_bias_decay": True},
    "training__ema": {"name": "exp_decay", "decay": 0.9, "beta": 3.0},
    "training__max_norm": 1.0,
    "model__architecture__head__params__dropout_prob": 0.2,
    "augmentation__train": [
        {"name": "randomhorizontalflip", "p": 0.5},
        {"name": "totensor", "pixel_range": 1.0},
        {"name": "mixing", "mixup": [0.4, 0.7], "cutmix": None, "inplace": False},
    ],
}


def assert_same_weights(one: Path, other: Path):
    """Two bundles hold the same weights to the last bit."""
    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
