"""A retraining from a bundle that is stopped goes on as if it was not; what settings may change meanwhile."""

import dataclasses

import pytest
from stops import AfterLooks
from tiny_training import tiny_config
from whole_trainings import ALONE, EVERYTHING, assert_same_weights

from kubepresso.compression import compress
from kubepresso.config import parse_view
from kubepresso.config.model import Compression
from kubepresso.models import load_bundle, save_bundle
from kubepresso.training.job import Job
from kubepresso.training.run import train

RETRAINING = {**EVERYTHING, "training__retraining": {"epochs": 2}}
EVERY_EPOCH = {"validation_epoch": 1, "save_best_only": True, "save_checkpoint_epoch": 1}
LOWER = {**EVERYTHING["training__optimizer"], "lr": 0.005}


@pytest.fixture(scope="module")
def bundle(digits, tmp_path_factory):
    """A trained and pruned one: what a retraining starts from."""
    output = tmp_path_factory.mktemp("first") / "model"
    train(retraining(digits, output, None, training__epochs=1), ALONE)
    trained = load_bundle(output)
    pruned, _ = compress(trained, Compression(ratio=0.5))
    save_bundle(output.with_name("pruned"), pruned, trained.manifest)
    return output.with_name("pruned")


def retraining(dataset, output, start, **overrides) -> Job:
    view = parse_view(tiny_config(**{**RETRAINING, **overrides}))
    return Job(view, dataset, output, output.with_name(f"{output.name}.checkpoints"), start)


def stopped_after(steps, job):
    with pytest.raises(SystemExit):
        train(dataclasses.replace(job, stop=AfterLooks(steps)), ALONE)


def test_a_stopped_retraining_ends_with_the_weights_of_one_left_alone(digits, bundle, tmp_path, capsys):
    train(retraining(digits, tmp_path / "whole", bundle), ALONE)
    job = retraining(digits, tmp_path / "stopped", bundle)
    stopped_after(3, job)
    train(job, ALONE)
    assert "going on in epoch 1 at step 4" in capsys.readouterr().out
    assert_same_weights(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"logging__model_save_options": {**EVERY_EPOCH, "onnx_export_opset": 18}},
            "going on in epoch 1 at step 4",
        ),
        ({"training__retraining": {"epochs": 2, "optimizer": {"lr": 0.01}}}, "going on in epoch 1 at step 4"),
        ({"training__optimizer": LOWER}, "holds checkpoints of other settings or data only, not used"),
    ],
)
def test_only_settings_that_change_the_course_begin_anew(digits, bundle, tmp_path, capsys, change, said):
    stopped_after(3, retraining(digits, tmp_path / "model", bundle))
    stopped_after(1, retraining(digits, tmp_path / "model", bundle, **change))
    assert said in capsys.readouterr().out
