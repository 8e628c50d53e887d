"""Whole small trainings in this process: the same seed, going on after a stop, retraining, bad input."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import CLASSES, tiny_config, write_digits
from whole_trainings import ALONE, EVERYTHING, assert_same_weights

from kubepresso.config import parse_view
from kubepresso.errors import UserError
from kubepresso.models import load_bundle
from kubepresso.training.job import Job
from kubepresso.training.progress import Progress
from kubepresso.training.run import train

EVERY_EPOCH = {"validation_epoch": 1, "save_checkpoint_epoch": 1, "save_best_only": False}


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """A training with everything that has a state, done without a stop."""
    output = tmp_path_factory.mktemp("trained") / "model"
    fit(digits, output, **EVERYTHING)
    return output


def fit(dataset: Path, output: Path, start: Path | None = None, **overrides) -> dict:
    view = parse_view(tiny_config(**overrides))
    train(Job(view, dataset, output, output.with_name(f"{output.name}.checkpoints"), start), ALONE)
    return json.loads((output / "training_summary.json").read_text())


def checkpoints_of(output: Path) -> dict[str, Path]:
    """The checkpoints beside a bundle, by name; one training's, or the newest names of several."""
    folder = output.with_name(f"{output.name}.checkpoints")
    return {path.name: path for path in sorted(folder.glob("*/*-*")) if path.is_dir()}


def newest_state(output: Path) -> dict[str, torch.Tensor]:
    name = max(name for name in checkpoints_of(output) if name.startswith("state-"))
    return load_file(checkpoints_of(output)[name] / "tensors.safetensors")


def test_a_training_learns_and_leaves_a_bundle_with_its_story(digits, tmp_path, capsys):
    summary = fit(digits, tmp_path / "model", training__epochs=3)
    losses = list(summary["train_losses"].values())
    assert losses[-1] < losses[0]
    bundle = load_bundle(tmp_path / "model")
    assert (bundle.manifest.classes, bundle.manifest.input_size) == (CLASSES, (16, 16))
    assert bundle.manifest.metrics["valid_loss"] == summary["valid_losses"][str(summary["best_epoch"])]
    assert [entry["name"] for entry in bundle.manifest.preprocessing] == ["totensor", "normalize"]
    assert bundle.graph(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
    assert len((tmp_path / "model" / "epochs.csv").read_text().splitlines()) == 4
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == 3
    assert "images/s" in lines[-1]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(digits, trained, tmp_path):
    fit(digits, tmp_path / "same", **EVERYTHING)
    fit(digits, tmp_path / "other", environment__seed=4, **EVERYTHING)
    assert_same_weights(trained, tmp_path / "same")
    ours, theirs = (load_file(model / "weights.safetensors") for model in (trained, tmp_path / "other"))
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("epochs_done", [1, 3])
def test_going_on_from_the_last_checkpoint_is_as_never_stopped(
    digits, trained, tmp_path, monkeypatch, epochs_done, capsys
):
    with monkeypatch.context() as patch:

        def stop(self, record, best):
            if record.epoch == epochs_done:
                raise Stopped

        patch.setattr(Progress, "epoch", stop)
        with pytest.raises(Stopped):
            fit(digits, tmp_path / "model", **EVERYTHING)
    assert not (tmp_path / "model").exists()
    summary = fit(digits, tmp_path / "model", **EVERYTHING)
    assert f"going on after epoch {epochs_done}" in capsys.readouterr().out
    assert summary["total_epoch"] == 4
    assert_same_weights(trained, tmp_path / "model")
    last, reference = (newest_state(output) for output in (tmp_path / "model", trained))
    assert last.keys() == reference.keys()
    assert all(torch.equal(last[name], reference[name]) for name in last)


def test_a_checkpoint_of_other_settings_is_not_used(digits, tmp_path, capsys):
    fit(digits, tmp_path / "model", training__epochs=1)
    summary = fit(digits, tmp_path / "model", training__epochs=1, training__optimizer__lr=0.01)
    assert "holds checkpoints of other settings or data only, not used" in capsys.readouterr().out
    assert summary["total_epoch"] == 1


def test_a_damaged_checkpoint_is_named_and_an_older_one_used(digits, trained, tmp_path, capfd):
    fit(digits, tmp_path / "model", **EVERYTHING, logging__model_save_options=EVERY_EPOCH)
    states = [path for name, path in checkpoints_of(tmp_path / "model").items() if name.startswith("state-")]
    tensors = states[-1] / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-100])
    (states[-2] / "manifest.json").unlink()
    fit(digits, tmp_path / "model", **EVERYTHING, logging__model_save_options=EVERY_EPOCH)
    out, err = capfd.readouterr()
    assert f"{states[-1]}: not a whole checkpoint, not used: its tensors.safetensors is not what was" in err
    assert f"{states[-2]}: not a whole checkpoint, not used: its manifest.json cannot be read" in err
    assert f"{states[-3]}: going on after epoch 2" in out
    assert_same_weights(trained, tmp_path / "model")


def test_states_without_the_best_weights_are_not_used(digits, tmp_path, capfd):
    summary = fit(digits, tmp_path / "model", training__epochs=1)
    shutil.rmtree(checkpoints_of(tmp_path / "model")["best-00001"])
    assert fit(digits, tmp_path / "model", training__epochs=1)["best"] == summary["best"]
    assert "best-00001: missing, so the states after it are not used" in capfd.readouterr().err


def test_a_full_disk_ends_training_with_a_clear_error(digits, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], timeout=20).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(UserError, match=r"cannot write .* the disk is full"):
            fit(digits, disk / "model")
        assert checkpoints_of(disk / "model") == {}
    finally:
        subprocess.run(["umount", disk], check=True, timeout=20)


@pytest.mark.parametrize(
    ("split", "recipe", "workers"),
    [("train", "augmentation.train", 1), ("valid", "augmentation.inference", 0)],
)
def test_images_that_differ_in_size_are_named_with_the_fix(tmp_path, split, recipe, workers):
    mixed = write_digits(tmp_path / "mixed", sizes={split: (16, 24)})
    with pytest.raises(UserError) as caught:
        fit(mixed, tmp_path / "model", environment__num_workers=workers)
    (line,) = caught.value.problems
    assert line.startswith(f"{recipe}: images of a batch must be of one size")
    assert f"add a resize with two sides, or a crop, to {recipe}" in line
    for size in (16, 24):
        assert re.search(rf"{split}/\d+\.png is \[3, {size}, {size}\]", line)


def test_validation_and_checkpoints_by_their_intervals(digits, tmp_path):
    options = {"validation_epoch": 2, "save_checkpoint_epoch": 4, "save_best_only": False}
    summary = fit(digits, tmp_path / "model", training__epochs=6, logging__model_save_options=options)
    assert list(summary["valid_losses"]) == ["1", "3", "5", "6"]
    names = set(checkpoints_of(tmp_path / "model"))
    states = {name for name in names if name.startswith("state-")}
    assert states == {f"state-{epoch:05d}-0000000" for epoch in (1, 5, 6)}
    assert f"best-{summary['best_epoch']:05d}" in names
    assert len(names - states) <= 2, "the best of each of the newest two"


def test_validation_and_the_bundle_use_the_average(digits, tmp_path):
    fit(
        digits, tmp_path / "model", training__epochs=1, training__ema={"name": "constant_decay", "decay": 0.5}
    )
    last = newest_state(tmp_path / "model")
    saved = load_file(tmp_path / "model" / "weights.safetensors")
    average = {key.removeprefix("ema/"): value for key, value in last.items() if key.startswith("ema/")}
    weights = [name for name in average if name.endswith("weight")]
    assert all(torch.equal(average[name], saved[name]) for name in weights)
    assert not any(torch.equal(average[name], last[f"model/{name}"]) for name in weights)


def test_a_frozen_backbone_keeps_weights_and_running_statistics(digits, tmp_path):
    for epochs in (1, 3):
        fit(digits, tmp_path / str(epochs), training__epochs=epochs, model__freeze_backbone=True)
    first, third = (newest_state(tmp_path / str(n)) for n in (1, 3))
    same = {name for name in first.keys() & third.keys() if torch.equal(first[name], third[name])}
    backbone = {name for name in first if name.startswith("model/backbone.")}
    assert backbone <= same
    assert any(name.startswith("model/head.") for name in first.keys() - same)


@pytest.mark.parametrize("frozen", [False, True])
def test_retraining_goes_on_from_the_bundle_with_its_own_settings(digits, trained, tmp_path, frozen):
    before = load_bundle(trained)
    summary = fit(
        digits,
        tmp_path / "again",
        start=trained,
        training__retraining={"epochs": 1, "optimizer": {"lr": 0.001}},
        training__optimizer__lr=0.5,
        model__freeze_backbone=frozen,
    )
    after = load_bundle(tmp_path / "again")
    assert summary["total_epoch"] == 1
    assert after.manifest.lineage["parent"] == before.manifest.digest()
    ours, theirs = after.graph.state_dict(), before.graph.state_dict()
    assert ours.keys() == theirs.keys()
    moved = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    assert any(name.startswith("head.") for name in moved)
    assert frozen != any(name.startswith("backbone.") for name in moved)
    shift = max((ours[n] - theirs[n]).abs().max() for n in moved if n.endswith("weight"))
    assert shift < 0.1


def test_another_number_or_order_of_classes_is_refused(trained, tmp_path):
    eight = write_digits(tmp_path / "eight", CLASSES[:8])
    with pytest.raises(UserError, match=r"a model of 10 classes .* but the data has 8"):
        fit(eight, tmp_path / "model", start=trained)
    turned = write_digits(tmp_path / "turned", CLASSES[::-1])
    with pytest.raises(UserError, match="in another order"):
        fit(turned, tmp_path / "model", start=trained)


def test_a_loss_that_is_not_finite_names_epoch_step_and_rate(digits, tmp_path):
    with pytest.raises(
        UserError, match=r"nan in epoch 1, step \d of 5, at learning rate 1e\+20; try a lower"
    ):
        fit(digits, tmp_path / "model", training__optimizer__lr=1e20)
    assert not (tmp_path / "model").exists()


def test_bf16_trains_on_a_cpu(digits, tmp_path):
    summary = fit(digits, tmp_path / "model", training__precision="bf16")
    losses = list(summary["train_losses"].values())
    assert losses[-1] < losses[0]
