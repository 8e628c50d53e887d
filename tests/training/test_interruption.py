"""Trainings that are stopped between two steps and go on: in this process, where every step can be chosen."""

import dataclasses
import json
import platform
import shutil
import threading

import pytest
import torch
from stops import AfterLooks
from tiny_training import tiny_config
from whole_trainings import ALONE, EVERYTHING, assert_same_weights

from kubepresso.config import parse_view
from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.storage import exists, remove_folder
from kubepresso.tracking import Run
from kubepresso.training.checkpoints import files, snapshot
from kubepresso.training.checkpoints.kept import Kept
from kubepresso.training.checkpoints.names import superseded
from kubepresso.training.checkpoints.snapshot import processor
from kubepresso.training.job import Job
from kubepresso.training.progress import Progress
from kubepresso.training.run import run, train

EPOCHS, STEPS = 3, 5


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A training that was never stopped."""
    output = tmp_path_factory.mktemp("whole") / "model"
    train(job(digits, output), ALONE)
    return output


def job(dataset, output, looks=10**9, mirror=None, **overrides) -> Job:
    view = parse_view(tiny_config(**{**EVERYTHING, "training__epochs": EPOCHS, **overrides}))
    place = output.with_name(f"{output.name}.checkpoints")
    return Job(view, dataset, output, place, None, mirror=mirror, stop=AfterLooks(looks))


# 5 steps and 2 validation batches an epoch: in the first epoch, in its validation, on the edges, in the last.
@pytest.mark.parametrize("looks", [0, 2, 4, 5, 6, 7, 9, 18, 20])
def test_a_stop_after_any_step_changes_no_bit(digits, whole, tmp_path, looks, capsys):
    with pytest.raises(SystemExit) as stopped:
        train(job(digits, tmp_path / "model", looks), ALONE)
    assert stopped.value.code == RESUME_EXIT_CODE
    assert not (tmp_path / "model").exists()
    train(job(digits, tmp_path / "model"), ALONE)
    assert "going on in epoch" in capsys.readouterr().out
    assert_same_weights(whole, tmp_path / "model")
    assert (whole / "epochs.csv").read_text().count("\n") == (
        tmp_path / "model" / "epochs.csv"
    ).read_text().count("\n")


def test_stopped_again_and_again_with_other_numbers_of_workers(digits, whole, tmp_path):
    for workers in (2, 0):
        with pytest.raises(SystemExit):
            train(job(digits, tmp_path / "model", looks=3, environment__num_workers=workers), ALONE)
    train(job(digits, tmp_path / "model"), ALONE)
    assert_same_weights(whole, tmp_path / "model")


def losses_of(output):
    lines = (output / "epochs.csv").read_text().splitlines()
    kept = [name for name in lines[0].split(",") if name not in ("seconds", "images_per_second")]
    columns = [lines[0].split(",").index(name) for name in kept]
    return [[line.split(",")[column] for column in columns] for line in lines]


def test_the_story_of_a_stopped_training_is_that_of_one_never_stopped(digits, whole, tmp_path):
    with pytest.raises(SystemExit):
        train(job(digits, tmp_path / "model", looks=9), ALONE)
    train(job(digits, tmp_path / "model"), ALONE)
    assert losses_of(tmp_path / "model") == losses_of(whole)


def test_states_are_saved_by_steps_and_only_the_newest_stay(digits, tmp_path):
    checkpoints = {"every_steps": 2, "keep": 2}
    with pytest.raises(SystemExit):
        train(job(digits, tmp_path / "model", looks=9, training__checkpoints=checkpoints), ALONE)
    names = sorted(path.name for path in (tmp_path / "model.checkpoints").glob("*/state-*"))
    # Looks 0 to 4 are steps, 5 and 6 validation batches, 7 to 9 the first three steps of epoch 2.
    assert names == ["state-00001-0000002", "state-00001-0000003"]


def test_states_are_saved_by_time(digits, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Kept, "save", lambda self, tensors, values: saved.append(values["step"]))
    options = {"validation_epoch": 1, "save_checkpoint_epoch": 100, "save_best_only": True}
    settings = {"training__epochs": 2, "logging__model_save_options": options}
    for minutes, expected in ((1e-9, [1, 2, 3, 4, 5, 0] * 2), (1000.0, [0, 0])):
        saved.clear()
        checkpoints = {"every_minutes": minutes}
        train(job(digits, tmp_path / f"{minutes}", training__checkpoints=checkpoints, **settings), ALONE)
        assert saved == expected


def test_a_training_goes_on_on_another_machine_from_object_storage(digits, whole, tmp_path, bucket):
    mirror = f"{bucket}/checkpoints"
    with pytest.raises(SystemExit):
        train(job(digits, tmp_path / "here" / "model", looks=9, mirror=mirror), ALONE)
    train(job(digits, tmp_path / "there" / "model", mirror=mirror), ALONE)
    assert_same_weights(whole, tmp_path / "there" / "model")


def test_a_second_training_of_the_same_settings_starts_where_the_first_is(digits, tmp_path, capsys):
    train(job(digits, tmp_path / "model"), ALONE)
    trained = json.loads((tmp_path / "model" / "training_summary.json").read_text())
    train(job(digits, tmp_path / "model"), ALONE)
    assert f"going on after epoch {EPOCHS}" in capsys.readouterr().out
    summary = json.loads((tmp_path / "model" / "training_summary.json").read_text())
    assert summary["total_train_time"] > 0.9 * trained["total_train_time"]


def test_another_torch_or_number_of_threads_is_told_at_a_resume(digits, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as former:
        former.setattr(torch, "__version__", "2.11.0")
        former.setattr(torch, "get_num_threads", lambda: 7)
        with pytest.raises(SystemExit):
            train(job(digits, tmp_path / "model", looks=3), ALONE)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        train(job(digits, tmp_path / "model", looks=0), ALONE)
    assert (
        f"warning: the checkpoint is of torch 2.11.0, now {torch.__version__}; "
        f"threads 7, now {torch.get_num_threads()}; from here on the weights may not be bit for bit"
    ) in capsys.readouterr().out
    with pytest.raises(SystemExit):
        train(job(digits, tmp_path / "model", looks=0), ALONE)
    assert "warning" not in capsys.readouterr().out


def test_another_processor_is_told_at_a_resume(digits, tmp_path, monkeypatch, capsys):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Old Processor 1.0\nflags\t: fpu avx2\n")
    with monkeypatch.context() as former:
        former.setattr(snapshot, "processor", lambda: processor(tmp_path / "cpuinfo"))
        with pytest.raises(SystemExit):
            train(job(digits, tmp_path / "model", looks=3), ALONE)
    with pytest.raises(SystemExit):
        train(job(digits, tmp_path / "model", looks=0), ALONE)
    told = f"warning: the checkpoint is of device Old Processor 1.0, now {processor()}; from here on"
    assert told in capsys.readouterr().out
    assert processor(tmp_path / "nowhere") == platform.machine()


def test_the_writer_hands_its_failure_to_the_training(digits, tmp_path, monkeypatch):
    def fail(self, tensors, values):
        raise OSError("no such device")

    monkeypatch.setattr(Kept, "save", fail)
    with pytest.raises(OSError, match="no such device"):
        train(job(digits, tmp_path / "model"), ALONE)
    assert not [thread for thread in threading.enumerate() if thread.name == "kubepresso-checkpoints"]


def test_a_kill_loses_at_most_one_interval_and_one_write(digits, tmp_path, monkeypatch):
    """However slow the disk: when a state is taken, the one before is on it, and the device has one copy."""
    taken, on_disk, save, take = [], [], Kept.save, snapshot.take

    def take_noted(state, group):
        if state.step % 2 == 0:  # not what is kept at hand for the validation
            assert on_disk == taken
            taken.append((state.epoch, state.step))
        return take(state, group)

    def save_slowly(self, tensors, values):
        threading.Event().wait(0.05)
        save(self, tensors, values)
        on_disk.append((values["epoch"], values["step"]))

    monkeypatch.setattr(snapshot, "take", take_noted)
    monkeypatch.setattr(Kept, "save", save_slowly)
    train(job(digits, tmp_path / "model", training__checkpoints={"every_steps": 2}), ALONE)
    assert on_disk == [(0, 2), (0, 4), (1, 0), (1, 2), (1, 4), (2, 0), (2, 2), (2, 4), (3, 0)]


def test_an_interrupted_training_goes_on_in_its_mlflow_run(digits, tmp_path, client, monkeypatch):
    monkeypatch.setenv("KUBEPRESSO_STEP_ID", "one-step")
    with pytest.raises(SystemExit):
        run(job(digits, tmp_path / "model", looks=9))
    (experiment,) = [found.experiment_id for found in client.search_experiments() if found.name != "Default"]
    (interrupted,) = client.search_runs([experiment])
    assert interrupted.info.status == "KILLED"
    assert "goes on from its checkpoint" in interrupted.data.tags["kubepresso.error"]
    run(job(digits, tmp_path / "model"))
    (done,) = client.search_runs([experiment])
    assert (done.info.run_id, done.info.status) == (interrupted.info.run_id, "FINISHED")
    assert [point.step for point in client.get_metric_history(done.info.run_id, "train_loss")] == [1, 2, 3]


def test_epochs_that_are_trained_again_and_those_not_told_stand_once_in_the_curves(
    digits, tmp_path, client, monkeypatch
):
    """Of a process that was killed, MLflow may know more epochs than the newest checkpoint, or fewer."""
    monkeypatch.setenv("KUBEPRESSO_STEP_ID", "one-step")
    told = Run.log_curves

    def tell(first, last):
        def some(self, rows):
            told(self, {epoch: row for epoch, row in rows.items() if first <= epoch <= last})

        monkeypatch.setattr(Run, "log_curves", some)

    tell(2, 2)
    with pytest.raises(SystemExit):
        run(job(digits, tmp_path / "model", looks=15))
    (newest,) = (tmp_path / "model.checkpoints").glob("*/state-00002-0000002")
    shutil.rmtree(newest)  # what is left is of the end of the first epoch
    tell(1, EPOCHS)
    run(job(digits, tmp_path / "model"))
    (experiment,) = [found.experiment_id for found in client.search_experiments() if found.name != "Default"]
    (done,) = client.search_runs([experiment])
    for name in ("train_loss", "valid_loss", "lr"):
        points = client.get_metric_history(done.info.run_id, name)
        assert sorted(point.step for point in points) == [1, 2, 3], name


def test_checkpoints_of_a_place_for_all_trainings_go_when_the_model_is_written(digits, tmp_path, bucket):
    mirror = f"{bucket}/checkpoints"
    done = job(digits, tmp_path / "model", mirror=mirror)
    train(dataclasses.replace(done, temporary=True), ALONE)
    assert not exists(mirror)
    assert not list((tmp_path / "model.checkpoints").iterdir())


def test_a_place_that_another_training_of_the_same_settings_removes_changes_nothing(
    digits, whole, tmp_path, monkeypatch
):
    """As the first of two does that train at the same time in a place for all trainings."""
    place = tmp_path / "model.checkpoints"

    def remove_all(self, record, best):
        for home in place.glob("*"):
            remove_folder(str(home))

    monkeypatch.setattr(Progress, "epoch", remove_all)
    train(job(digits, tmp_path / "model"), ALONE)
    assert_same_weights(whole, tmp_path / "model")


def test_a_place_removed_in_the_middle_of_a_write_is_made_anew(tmp_path, monkeypatch):
    kept, write = Kept(tmp_path, None, "a" * 64, 2), files.save_file

    def removed_once(tensors, file):
        monkeypatch.setattr(files, "save_file", write)
        Kept(tmp_path, None, "a" * 64, 2).remove()
        write(tensors, file)

    monkeypatch.setattr(files, "save_file", removed_once)
    kept.save({"weight": torch.ones(2)}, {"epoch": 0, "step": 1, "best_epoch": None})
    assert kept.newest().values["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [kept.home.name]
    kept.remove()
    kept.remove()  # the other one may have been the first to
    assert not list(tmp_path.iterdir())


def test_the_best_weights_stay_while_another_training_replaces_the_newest_state():
    there = ["state-00010-0000004", "state-00010-0000005", "best-00009", "best-00011"]
    gone = superseded(there, (), "state-00011-0000000", 2, lambda epoch: False)
    assert gone == ["state-00010-0000004"]
