"""Places for checkpoints with more in them than the training's own: its like, strangers, links."""

import functools
import json
import shutil
import time

import pytest
from rank_processes import as_it_is, at_step, logs_of, run_apart
from stops import job, stopped
from tiny_training import tiny_config
from whole_trainings import ALONE, EVERYTHING, assert_same_weights

from kubepresso.storage import remove_folder
from kubepresso.training.checkpoints import files
from kubepresso.training.history import History
from kubepresso.training.progress import Progress
from kubepresso.training.run import train

EPOCHS = {"training__epochs": 3}


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "model"
    train(job(digits, output), ALONE)
    return output


def slowed(seconds: float, rank: int) -> None:
    at_step(7, functools.partial(time.sleep, seconds))(rank)


@pytest.mark.timeout(150)
def test_two_trainings_of_the_same_settings_in_one_place_each_end_with_their_model(digits, tmp_path):
    """The first one to end removes everything that is there."""
    checkpoints = {"every_steps": 1, "keep": 1}
    config = tiny_config(**{**EVERYTHING, **EPOCHS, "training__checkpoints": checkpoints})
    place = {"checkpoints": tmp_path / "place", "temporary": True}
    alone, *two = (tmp_path / name for name in ("alone", "one", "two"))
    assert run_apart([alone], as_it_is, config, digits, **place) == [0], logs_of(alone)
    statuses = run_apart(two, functools.partial(slowed, 0.3), config, digits, **place)
    assert statuses == [0, 0], logs_of(two[0]) + logs_of(two[1])
    assert_same_weights(alone, two[0])
    assert_same_weights(alone, two[1])


def test_the_best_epoch_of_a_resumed_training_outlives_what_another_one_removes(
    digits, tmp_path, monkeypatch, capsys
):
    """It was found before the stop, and no epoch afterwards is better."""
    monkeypatch.setattr(History, "_rank", lambda self, record: -record.epoch)
    train(job(digits, tmp_path / "whole", **EPOCHS), ALONE)
    model, place = tmp_path / "model", tmp_path / "model.checkpoints"

    def remove_all(self, record, best):
        for home in place.glob("*"):
            remove_folder(str(home))

    stopped(job(digits, model, looks=9, **EPOCHS))
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", remove_all)
        train(job(digits, model, **EPOCHS), ALONE)
    assert_same_weights(tmp_path / "whole", model)
    shutil.rmtree(place, ignore_errors=True)

    stopped(job(digits, model, looks=9, **EPOCHS))
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", remove_all)
        stopped(job(digits, model, looks=6, **EPOCHS))  # what it saves last is all that is there
    capsys.readouterr()
    train(job(digits, model, **EPOCHS), ALONE)
    assert "going on in epoch 3" in capsys.readouterr().out
    assert_same_weights(tmp_path / "whole", model)


def test_strangers_in_the_place_are_neither_used_nor_touched(digits, whole, tmp_path):
    stopped(job(digits, tmp_path / "model", looks=7))
    (home,) = (tmp_path / "model.checkpoints").iterdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    (home / "state-00003-0000000").mkdir()
    (home / "state-00003-0000001").write_text("a file")
    (home / "state-00003-0000002").symlink_to(outside)
    (home / "state-00003-0000003").symlink_to(tmp_path / "nowhere")
    (home / "best-00009").symlink_to(outside)
    (home / "state-00002-0000000").symlink_to(outside)  # what will be written, too
    (home / "notes.old").write_text("mine")
    (home / ".mine.old").mkdir()
    train(job(digits, tmp_path / "model"), ALONE)
    assert_same_weights(whole, tmp_path / "model")
    assert [path.name for path in outside.iterdir()] == ["mine"]
    assert files.read(home / "state-00002-0000000")[1].values["epoch"] == 2
    assert (home / ".mine.old").is_dir()
    assert (home / "notes.old").is_file()


def test_a_place_that_was_moved_to_another_disk_and_linked_is_used_and_emptied(digits, whole, tmp_path):
    stopped(job(digits, tmp_path / "model", looks=7))
    (home,) = (tmp_path / "model.checkpoints").iterdir()
    (tmp_path / "large").mkdir()
    shutil.move(home, tmp_path / "large" / "moved")
    home.symlink_to(tmp_path / "large" / "moved")
    train(job(digits, tmp_path / "model", temporary=True), ALONE)
    assert_same_weights(whole, tmp_path / "model")
    assert not list((tmp_path / "model.checkpoints").iterdir())
    assert not list((tmp_path / "large").iterdir())


@pytest.mark.parametrize("best", ["../../outside/best-00001", -1, 1.5, 99])
def test_a_manifest_that_names_something_else_than_an_epoch_is_not_used(
    digits, whole, tmp_path, capsys, best
):
    stopped(job(digits, tmp_path / "model", looks=8))
    newest = max((tmp_path / "model.checkpoints").glob("*/state-*"))
    content = json.loads((newest / files.MANIFEST_FILE).read_text())
    content["manifest"]["values"]["best_epoch"] = best
    content["seal"] = files._seal(content["manifest"])
    (newest / files.MANIFEST_FILE).write_text(json.dumps(content))
    train(job(digits, tmp_path / "model"), ALONE)
    out, err = capsys.readouterr()
    assert "not used" in err
    assert f"{newest.name}: going on" not in out
    assert_same_weights(whole, tmp_path / "model")


def test_a_clock_that_runs_backwards_changes_no_bit(digits, whole, tmp_path, monkeypatch):
    now = iter(range(2_000_000_000, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    for looks in (3, 6):
        stopped(job(digits, tmp_path / "model", looks=looks))
    train(job(digits, tmp_path / "model"), ALONE)
    assert_same_weights(whole, tmp_path / "model")
