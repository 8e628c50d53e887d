"""Whole trainings whose checkpoints cannot be written: from the start, in the middle, at the very end."""

import os
import subprocess
import time
from pathlib import Path

import pytest
import torch
from stops import job, mounted, stopped, without_room
from whole_trainings import ALONE, assert_same_weights

from kubepresso.errors import UserError
from kubepresso.training.checkpoints import files
from kubepresso.training.checkpoints.kept import Kept
from kubepresso.training.loop import Loop
from kubepresso.training.run import train

EVERY_STEP = {"training__checkpoints": {"every_steps": 1}}


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "model"
    train(job(digits, output), ALONE)
    return output


@pytest.fixture
def steps(monkeypatch):
    """Seconds since 1970 of each step that is begun."""
    begun, step = [], Loop._step

    def noted(self, batch):
        begun.append((self.state.epoch, self.state.step))
        return step(self, batch)

    monkeypatch.setattr(Loop, "_step", noted)
    return begun


def newest(place: Path):
    (home,) = place.iterdir()
    name = max(path.name for path in home.glob("state-*"))
    return name, files.read(home / name)[1].values


def test_a_file_where_checkpoints_should_go_is_told_before_the_first_step(digits, tmp_path, steps):
    (tmp_path / "model.checkpoints").write_text("not a folder")
    with pytest.raises(
        UserError, match=r"model\.checkpoints/\w+: checkpoints cannot be written here \(Not a"
    ):
        train(job(digits, tmp_path / "model"), ALONE)
    assert steps == []


def test_a_read_only_place_is_told_before_the_first_step(digits, tmp_path, steps):
    with (
        mounted(tmp_path / "model.checkpoints", "size=1m,ro"),
        pytest.raises(UserError, match=r"Read-only .* name another training\.checkpoints\.place"),
    ):
        train(job(digits, tmp_path / "model"), ALONE)
    assert steps == []


def test_a_disk_that_fills_up_ends_the_training_with_the_checkpoint_before_and_room_lets_it_go_on(
    digits, whole, tmp_path, capsys
):
    place = tmp_path / "model.checkpoints"
    with mounted(place, "size=900k"):
        with pytest.raises(UserError, match=f"{place}.*: cannot write .*: the disk is full; free space"):
            train(job(digits, tmp_path / "model", **EVERY_STEP), ALONE)
        assert not (tmp_path / "model").exists()
        name, _ = newest(place)
        subprocess.run(["mount", "-o", "remount,size=9m", place], check=True, timeout=20)
        train(job(digits, tmp_path / "model", **EVERY_STEP), ALONE)
        assert f"{name}: going on" in capsys.readouterr().out
    assert_same_weights(whole, tmp_path / "model")


def test_a_write_that_failed_ends_the_training_at_the_next_step_not_at_the_next_checkpoint(
    digits, tmp_path, monkeypatch, steps
):
    monkeypatch.setattr(Kept, "save", without_room(Kept.save))
    monkeypatch.setattr(Loop, "_check", lambda *arguments: None)
    step = Loop._step
    monkeypatch.setattr(Loop, "_step", lambda self, batch: (time.sleep(0.1), step(self, batch))[1])
    with pytest.raises(UserError, match="the file is larger than the limit"):
        train(job(digits, tmp_path / "model", training__checkpoints={"every_steps": 2}), ALONE)
    assert steps[-1] == (0, 2)


def test_a_last_checkpoint_that_cannot_be_written_costs_no_model(
    digits, whole, tmp_path, monkeypatch, capsys
):
    save = Kept.save

    def last_without_room(self, tensors, values):
        (without_room(save) if values["epoch"] == 2 else save)(self, tensors, values)

    monkeypatch.setattr(Kept, "save", last_without_room)
    train(job(digits, tmp_path / "model"), ALONE)
    assert "training is done, and the model is written all the same" in capsys.readouterr().err
    assert_same_weights(whole, tmp_path / "model")


def test_one_that_is_asked_to_end_on_a_full_disk_says_which_checkpoint_counts(
    digits, whole, tmp_path, monkeypatch, capsys
):
    with monkeypatch.context() as full:
        full.setattr(Kept, "write", without_room(Kept.write))
        stopped(job(digits, tmp_path / "model", looks=3))
    assert "(ulimit -f); training goes on from the checkpoint before it" in capsys.readouterr().err
    train(job(digits, tmp_path / "model"), ALONE)
    assert_same_weights(whole, tmp_path / "model")


def save(folder: Path, step: int, floats: int = 50_000) -> Kept:
    kept = Kept(folder, None, "a" * 64, 2)
    kept.save({"model/weight": torch.full((floats,), 1.0)}, {"epoch": 0, "step": step, "best_epoch": None})
    return kept


def test_what_killed_processes_left_does_not_keep_a_disk_full_for_ever(tmp_path):
    place = tmp_path / "disk"
    with mounted(place, "size=500k"):
        home = save(place, 1).home
        for path in (home / ".state-00000-0000002.x.partial", place / f".{home.name}.y.old"):
            path.mkdir()
            (path / "half").write_bytes(bytes(120_000))
            os.utime(path, (time.time() - 7200,) * 2)
        assert save(place, 2).newest().values["step"] == 2
        assert not list(place.rglob(".*"))


def test_a_checkpoint_has_its_name_when_it_is_on_the_disk_and_the_older_one_goes_after_that(
    tmp_path, monkeypatch
):
    """Else a machine that loses its power has neither."""
    save(tmp_path, 1)
    synced, sync = [], os.fsync

    def noted(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append((path.name, sorted(name.name for name in home.glob("state-*"))))
        sync(descriptor)

    home = Kept(tmp_path, None, "a" * 64, 2).home
    monkeypatch.setattr(os, "fsync", noted)
    Kept(tmp_path, None, "a" * 64, 1).save(
        {"model/weight": torch.ones(2)}, {"epoch": 0, "step": 2, "best_epoch": None}
    )
    one, two = "state-00000-0000001", "state-00000-0000002"
    assert synced == [
        (files.TENSORS_FILE, [one]),
        (files.MANIFEST_FILE, [one]),
        (home.name, [one, two]),
    ]
    assert [path.name for path in home.iterdir()] == [two]
