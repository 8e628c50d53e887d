"""Training processes that a terminal or a cluster asks to end, whenever that happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_training import tiny_config

from kubepresso.exit_codes import RESUME_EXIT_CODE

LIMIT = 60


@pytest.fixture
def training(digits, tmp_path):
    """A training of hours, as started from a terminal, with a loader worker for each split."""
    (tmp_path / "config.yaml").write_text(tiny_config(training__epochs=10_000, environment__num_workers=1))
    options = ["--config", "config.yaml", "--dataset", digits, "--output", "model"]
    store = {"OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kubepresso.training", *options],
            cwd=tmp_path,
            env={**os.environ, **store},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield process
    process.kill()
    process.wait()


def wait_for(text: str, log: Path, process):
    deadline = time.monotonic() + LIMIT
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


@pytest.mark.timeout(2 * LIMIT)
def test_ctrl_c_saves_the_state_and_says_how_to_go_on(training, tmp_path):
    wait_for("epoch 2/", tmp_path / "log", training)
    before = set((tmp_path / "model.checkpoints").glob("*/state-*"))
    os.killpg(training.pid, signal.SIGINT)  # as a terminal does: to the loader workers, too
    assert training.wait(LIMIT) == RESUME_EXIT_CODE
    text = (tmp_path / "log").read_text()
    assert "the same command goes on from it" in text
    assert "Traceback" not in text
    assert "worker was killed" not in text
    assert set((tmp_path / "model.checkpoints").glob("*/state-*")) - before


@pytest.mark.slow
def test_ctrl_c_twice_does_not_wait(training, tmp_path):
    wait_for("epoch 2/", tmp_path / "log", training)
    os.kill(training.pid, signal.SIGSTOP)  # so that both arrive within one step
    os.kill(training.pid, signal.SIGINT)
    os.kill(training.pid, signal.SIGCONT)
    wait_for("goes on from it", tmp_path / "log", training)
    training.send_signal(signal.SIGINT)
    assert training.wait(LIMIT) == RESUME_EXIT_CODE


@pytest.mark.slow
def test_sigterm_twice_is_as_once(training, tmp_path):
    wait_for("epoch 2/", tmp_path / "log", training)
    training.send_signal(signal.SIGTERM)
    time.sleep(0.02)
    if training.poll() is None:
        training.send_signal(signal.SIGTERM)
    assert training.wait(LIMIT) == RESUME_EXIT_CODE
    assert list((tmp_path / "model.checkpoints").glob("*/state-*"))
