"""A training that is asked to end, or killed, when all epochs are done and its model is being written."""

import functools
import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from rank_processes import as_it_is, ask_to_end, logs_of, run_ranks
from stops import job
from tiny_training import tiny_config
from whole_trainings import ALONE, EVERYTHING, assert_same_weights

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch import pod
from kubepresso.models import load_bundle
from kubepresso.storage import get_folder
from kubepresso.training import process, results
from kubepresso.training import run as engine
from kubepresso.training.loop import Loop
from kubepresso.training.run import train

CONFIG = tiny_config(**{**EVERYTHING, "training__epochs": 2})


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "model"
    train(job(digits, output), ALONE)
    return output


@pytest.fixture(scope="module")
def by_itself(digits, tmp_path_factory):
    """As `whole`, in a process of one thread."""
    output = tmp_path_factory.mktemp("by-itself") / "model"
    assert run_ranks(1, as_it_is, CONFIG, digits, output) == [0], logs_of(output)
    return output


def end_in_export(action, rank: int) -> None:
    """Do something when the bundle is half written, then write no further."""
    process._IDLE_SECONDS = 0.5
    save = results.save_bundle

    def begun(folder: Path, *arguments):
        written = save(folder, *arguments)
        action()
        time.sleep(60)
        return written

    results.save_bundle = begun


def no_more_steps(rank: int) -> None:
    Loop._step = Loop.evaluate = None


@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    ("action", "status"),
    [
        (ask_to_end, RESUME_EXIT_CODE),
        (functools.partial(signal.raise_signal, signal.SIGKILL), -signal.SIGKILL),
    ],
    ids=["SIGTERM", "SIGKILL"],
)
def test_an_end_while_the_model_is_written_costs_no_epoch(digits, by_itself, tmp_path, action, status):
    output = tmp_path / "model"
    assert run_ranks(1, functools.partial(end_in_export, action), CONFIG, digits, output) == [status]
    assert not output.exists()
    assert run_ranks(1, no_more_steps, CONFIG, digits, output) == [0], logs_of(output)
    assert "going on after epoch 2" in logs_of(output)
    assert_same_weights(by_itself, output)
    assert len(json.loads((output / "training_summary.json").read_text())["train_losses"]) == 2


@pytest.mark.parametrize("moment", ["write_bundle", "summarise"])
def test_one_that_is_asked_to_end_while_it_writes_the_model_keeps_its_checkpoints(
    digits, whole, tmp_path, monkeypatch, moment
):
    """torchrun, asked to end too, says 203 whatever its ranks do, and all is started again."""
    asked = job(digits, tmp_path / "model", temporary=True)
    owner = engine if moment == "write_bundle" else results
    work = getattr(owner, moment)

    def interrupted(*arguments):
        asked.stop.left = 0
        return work(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, interrupted)
        with pytest.raises(SystemExit) as end:
            train(asked, ALONE)
    assert end.value.code == RESUME_EXIT_CODE
    load_bundle(tmp_path / "model")
    monkeypatch.setattr(Loop, "_step", None)
    train(job(digits, tmp_path / "model", temporary=True), ALONE)
    assert_same_weights(whole, tmp_path / "model")
    assert not list((tmp_path / "model.checkpoints").iterdir())


@pytest.mark.timeout(100)
def test_a_first_process_that_writes_alone_is_not_asked_for_by_the_second(digits, tmp_path):
    """The other ranks have ended when the first one, still at the model, is asked to."""
    config = tiny_config(**{**EVERYTHING, "training__epochs": 1, "environment__batch_size": 16})
    output = tmp_path / "model"
    statuses = run_ranks(2, functools.partial(end_in_export, ask_to_end), config, digits, output)
    assert statuses == [RESUME_EXIT_CODE, 0], logs_of(output)
    assert run_ranks(2, no_more_steps, config, digits, output) == [0, 0], logs_of(output)
    assert load_bundle(output).manifest.lineage["epoch"] == 1


def test_a_pod_that_is_asked_to_end_when_its_model_is_written_brings_it_to_the_bucket(
    digits, whole, tmp_path, bucket, monkeypatch
):
    """Its ranks may have removed the checkpoints before torchrun heard of it."""

    def done_and_asked(torchrun, training, *arguments):
        shutil.copytree(whole, training[training.index("--output") + 1])  # into no older one
        return RESUME_EXIT_CODE, []

    monkeypatch.setenv("KUBEPRESSO_CONFIG", CONFIG)
    monkeypatch.setenv("KUBEPRESSO_SCRATCH", str(tmp_path / "scratch"))
    shutil.copytree(whole, tmp_path / "scratch" / "model")  # of a former start
    arguments = [f"--dataset={digits}", f"--output={bucket}/model"]
    monkeypatch.setattr(pod, "run_elastic", lambda *given: (RESUME_EXIT_CODE, []))
    assert pod.main(arguments) == RESUME_EXIT_CODE
    monkeypatch.setattr(pod, "run_elastic", done_and_asked)
    assert pod.main(arguments) == 0
    assert_same_weights(whole, get_folder(f"{bucket}/model", tmp_path / "fetched", whole=True))
