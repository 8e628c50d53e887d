"""MixUp and CutMix reach the loss of a training."""

import json

import pytest
from tiny_training import tiny_config, write_digits
from whole_trainings import ALONE

from kubepresso.config import parse_view
from kubepresso.training.job import Job
from kubepresso.training.run import train


def first_loss(folder, **mixing):
    recipe = [{"name": "totensor"}, {"name": "mixing", **mixing}]
    view = parse_view(tiny_config(training__epochs=1, augmentation__train=recipe))
    dataset = folder / "prepared"
    if not dataset.exists():
        write_digits(dataset)
    output = folder / "-".join(map(str, next(iter(mixing.values())))) / next(iter(mixing))
    output.parent.mkdir(exist_ok=True)
    train(Job(view, dataset, output, output.with_name(f"{output.name}.checkpoints"), None), ALONE)
    return next(iter(json.loads((output / "training_summary.json").read_text())["train_losses"].values()))


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixing_changes_what_is_learnt_by_its_probability(tmp_path, kind):
    """The draws before a batch is mixed are the same for each probability."""
    never, always = (first_loss(tmp_path, **{kind: [1.0, p]}) for p in (0.0, 1.0))
    assert abs(always - never) > 0.001
