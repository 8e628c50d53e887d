"""Real torchrun launches: two ranks as one, failing ranks, killed processes. Each has a time limit."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile

import pytest
import torch
from processes import alive, descendants, end, wait_until
from tiny_training import CLASSES, tiny_config, write_digits
from torch import nn

from kubepresso.config import parse_view
from kubepresso.launch import TrainingError
from kubepresso.models import BundleManifest, save_bundle
from kubepresso.steps import train
from kubepresso.training.distributed import Group
from kubepresso.training.job import Job
from kubepresso.training.run import train as train_here

STEP = """
import sys
from pathlib import Path
from kubepresso.steps import execute
config, dataset, model = map(Path, sys.argv[1:])
execute("train", config=config.read_text(), dataset=dataset, model=model)
"""

SAME_ON_TWO = {
    "training__epochs": 3,
    "training__ema": {"name": "constant_decay", "decay": 0.5},
    "training__max_norm": 5.0,
}


class PlainNet(nn.Module):
    """Without batch normalisation, which sees its own rank's images alone."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(144, 10)

    def forward(self, x):
        return self.head(self.backbone(x))


@pytest.fixture(scope="session")
def plain_bundle(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("plain") / "model"
    manifest = BundleManifest(name="plain", task="classification", classes=CLASSES, input_size=(16, 16))
    save_bundle(folder, PlainNet(), manifest)
    return folder


def run(dataset, model, start=None, **overrides):
    return train.run(config=tiny_config(**overrides), dataset=dataset, model=model, start=start)


@pytest.mark.timeout(120)
def test_two_ranks_train_as_one_with_the_same_global_batch(digits, plain_bundle, tmp_path):
    alone = Job(
        parse_view(tiny_config(**SAME_ON_TWO)), digits, tmp_path / "one", tmp_path / "kept", plain_bundle
    )
    train_here(alone, Group(0, 1, torch.device("cpu")))
    summary = run(
        digits,
        tmp_path / "two",
        plain_bundle,
        environment__batch_size=16,
        environment__distributed={"processes_per_node": 2},
        **SAME_ON_TWO,
    )
    one, two = (list(csv.DictReader((tmp_path / name / "epochs.csv").open())) for name in ("one", "two"))
    assert json.loads((tmp_path / "two" / "training_summary.json").read_text())["world_size"] == 2
    for ours, theirs in zip(one, two, strict=True):
        for name in ("train_loss", "valid_loss"):
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-6)
        # 61 images over two ranks: a sample counted twice would change the denominator.
        assert float(ours["valid_top1_accuracy"]) == pytest.approx(float(theirs["valid_top1_accuracy"]))
    assert 0 < summary.startup_seconds < 60
    assert summary.metrics()["valid_loss"] == pytest.approx(float(two[summary.best_epoch - 1]["valid_loss"]))


@pytest.mark.timeout(120)
def test_an_exception_in_rank_1_surfaces_with_its_traceback(tmp_path):
    # Rank 1 validates the second half of the images.
    dataset = write_digits(tmp_path / "prepared", broken=50)
    with pytest.raises(TrainingError) as caught:
        run(dataset, tmp_path / "model", environment__distributed={"processes_per_node": 2})
    assert caught.value.rank == 1
    assert "rank 1 failed: UnidentifiedImageError" in str(caught.value)
    assert "decode_rgb" in str(caught.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.timeout(60)
def test_a_user_error_is_its_lines_and_leaves_no_temporary_files(digits, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # read from the environment anew
    with pytest.raises(TrainingError) as caught:
        run(digits, tmp_path / "model", training__precision="fp16")
    assert caught.value.problems == [
        "training.precision: fp16 needs a GPU and there is none here, allowed fp32, bf16"
    ]
    assert not list(temporary.glob("torchelastic*"))


@pytest.fixture
def long_step(digits, tmp_path):
    """A train step that would take hours, in its own process, in its third epoch or later."""
    config = tmp_path / "config.yaml"
    settings = {"training__epochs": 100_000, "environment__num_workers": 1}
    config.write_text(tiny_config(**settings, environment__distributed={"max_restarts": 1}))
    arguments = [sys.executable, "-c", STEP, config, digits, tmp_path / "model"]
    log = tmp_path / "log"
    with log.open("w") as output:
        step = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "epoch 3/" in log.read_text() or step.poll(), 90)
        assert step.poll() is None, log.read_text()
        yield step, log, tmp_path / "model"
    finally:
        end(step.pid)
        step.kill()
        step.wait()


def rank_of(step) -> int:
    (rank,) = [
        pid
        for pid, command in descendants(step.pid).items()
        if "-m kubepresso.training " in command and "elastic" not in command
    ]
    return rank


@pytest.mark.timeout(180)
def test_a_killed_rank_is_started_again_and_named_when_it_is_killed_once_more(long_step):
    step, log, model = long_step
    named = "rank 0 was killed by SIGKILL (exit status -9): most likely out of memory"
    os.kill(rank_of(step), signal.SIGKILL)
    wait_until(lambda: "going on after epoch" in log.read_text(), 90)
    text = log.read_text()
    assert named in text
    assert "started again from the last checkpoint, 1 of 1" in text
    os.kill(rank_of(step), signal.SIGKILL)
    assert step.wait(90) == 1
    assert log.read_text().count(named) == 2
    assert not model.exists()


@pytest.mark.timeout(180)
def test_a_loader_worker_killed_in_mid_training_ends_it_with_a_clear_error(long_step):
    step, log, model = long_step
    # The server of loader workers has them as its children; the resource tracker has none.
    servers = [pid for pid in descendants(rank_of(step)) if descendants(pid)]
    worker = min(descendants(servers[0]))
    os.kill(worker, signal.SIGKILL)
    assert step.wait(90) == 1
    text = log.read_text()
    assert "environment.num_workers: a data loader worker was killed" in text
    assert "Traceback" not in text
    assert not model.exists()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_step_ends_all_its_processes(long_step, number):
    step, _, model = long_step
    below = descendants(step.pid)
    assert len(below) >= 4
    step.send_signal(number)
    step.wait(60)
    wait_until(lambda: not any(alive(pid) for pid in below), 60)
    assert not model.exists()
    assert [path.name for path in model.parent.glob("*partial*")] == []


@pytest.mark.timeout(120)
def test_loader_workers_end_when_a_training_process_alone_is_killed(digits, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(tiny_config(training__epochs=100_000, environment__num_workers=1))
    options = ["--config", config, "--dataset", digits, "--output", tmp_path / "model"]
    log = tmp_path / "log"
    with log.open("w") as output:
        training = subprocess.Popen(
            [sys.executable, "-m", "kubepresso.training", *options], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: "epoch 3/" in log.read_text() or training.poll(), 60)
        below = descendants(training.pid)
        assert len(below) >= 3, "a server, a worker for each split"
    finally:
        training.kill()
        training.wait()
    wait_until(lambda: not any(alive(pid) for pid in below), 20)
