"""Nothing that has a state is missing in a checkpoint: optimizers, schedules, averages, loss scaling."""

import pytest
import torch
from stops import job, stopped
from torch.amp import GradScaler
from whole_trainings import ALONE

from kubepresso.training import setup
from kubepresso.training.checkpoints import files
from kubepresso.training.optimizers.registry import OPTIMIZERS
from kubepresso.training.precision import Precision
from kubepresso.training.run import train
from kubepresso.training.schedules.registry import SCHEDULES

#: 5 steps of the first epoch, a look at each of 2 batches validated, 3 steps of the second.
LOOKS = 9
OPTIONS = {
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"momentum": 0.9},
    "adagrad": {"lr_decay": 0.01},
}
WARM = {"warmup_epochs": 1, "warmup_bias_lr": 0.001}
SHAPES = {
    "step": {"iters_per_phase": 1, "gamma": 0.5},
    "multi_step": {"milestones": [1], "gamma": 0.5},
    "poly": {"power": 1.0, "min_lr": 1e-5, **WARM},
    "cosine": {"iters_per_phase": 3, "min_lr": 1e-5, **WARM},
    "cosine_no_sgdr": {"min_lr": 1e-5, **WARM},
}
AVERAGES = [
    None,
    {"name": "constant_decay", "decay": 0.9},
    {"name": "exp_decay", "decay": 0.9, "beta": 3.0},
]


@pytest.fixture(autouse=True)
def no_model(monkeypatch):
    """The last checkpoint says it all, and exporting a model takes longer than training it."""
    monkeypatch.setattr("kubepresso.training.run.write_bundle", lambda training, result: None)


def last_state(output):
    (state,) = output.parent.glob(f"{output.name}.checkpoints/*/state-00002-0000000")
    return files.read(state)


def assert_a_stop_changes_nothing(digits, folder, **settings):
    settings = {"augmentation__train": [{"name": "totensor", "pixel_range": 1.0}], **settings}
    train(job(digits, folder / "whole", **settings), ALONE)
    stopped(job(digits, folder / "model", LOOKS, **settings))
    train(job(digits, folder / "model", **settings), ALONE)
    (whole, told), (tensors, tells) = last_state(folder / "whole"), last_state(folder / "model")
    assert whole.keys() == tensors.keys()
    assert [name for name in whole if not torch.equal(whole[name], tensors[name])] == []
    varying = ("seconds", "elapsed", "history")  # times, and figures of the epochs, compared elsewhere
    kept = [
        {name: value for name, value in each.values.items() if name not in varying} for each in (told, tells)
    ]
    assert kept[0] == kept[1]
    return tells.values


def cases():
    schedules, optimizers = sorted(SCHEDULES), sorted(OPTIMIZERS)
    return [
        (name, schedules[place % len(schedules)], AVERAGES[place % len(AVERAGES)])
        for place, name in enumerate(optimizers)
    ]


@pytest.mark.parametrize(("optimizer", "schedule", "average"), cases())
def test_every_optimizer_schedule_and_average_goes_on_from_its_state(
    digits, tmp_path, optimizer, schedule, average
):
    assert_a_stop_changes_nothing(
        digits,
        tmp_path,
        training__optimizer={
            "name": optimizer,
            "lr": 0.01,
            "weight_decay": 0.01,
            **OPTIONS.get(optimizer, {}),
        },
        training__scheduler={"name": schedule, **SHAPES[schedule]},
        training__ema=average,
    )


@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_the_scale_of_the_loss_goes_on_too(digits, tmp_path, monkeypatch, max_norm):
    """It grows every third step and falls after an overflow, which leaves a step out: on a CPU for once."""

    def scaled(config, device):
        scaler = GradScaler("cpu", init_scale=2.0**126, growth_interval=3)
        return Precision("fp32", device, scaler)

    monkeypatch.setattr(setup, "choose_precision", scaled)
    values = assert_a_stop_changes_nothing(digits, tmp_path, training__max_norm=max_norm)
    assert values["scaler"]["scale"] not in (2.0**126, 0.0)
    assert values["scaler"]["_growth_tracker"] > 0
