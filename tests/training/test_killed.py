"""Real processes killed at random points, many times over, by SIGKILL and SIGTERM, and started again."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_training import tiny_config, write_digits
from whole_trainings import assert_same_weights

from kubepresso.exit_codes import RESUME_EXIT_CODE

EPOCHS, STEPS = 8, 5
LIMIT = 120


def settings(ranks, workers, epochs, **overrides):
    return tiny_config(
        training__epochs=epochs,
        training__optimizer={"name": "adamw", "lr": 0.01, "weight_decay": 0.01},
        training__ema={"name": "exp_decay", "decay": 0.9, "beta": 3.0},
        training__checkpoints={"every_steps": 1},
        model__architecture__head__params__dropout_prob=0.2,
        environment__batch_size=32 // ranks,
        environment__num_workers=workers,
        **overrides,
    )


class Training:
    """One training of ``ranks`` processes, started as often as it takes."""

    def __init__(self, folder: Path, dataset: Path, ranks: int, epochs: int = EPOCHS):
        self.folder, self.dataset, self.ranks, self.epochs = folder, dataset, ranks, epochs
        folder.mkdir()

    def start(self, workers: int, restarts: int = 0, **overrides) -> subprocess.Popen:
        config = self.folder / "config.yaml"
        config.write_text(settings(self.ranks, workers, self.epochs, **overrides))
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(self.ranks)]
        torchrun += ["--max-restarts", str(restarts)]
        arguments = ["-m", "kubepresso.training", "--config", config, "--dataset", self.dataset]
        arguments += ["--output", self.folder / "model", "--checkpoints", self.folder / "checkpoints"]
        return subprocess.Popen(
            [sys.executable, *(torchrun if self.ranks > 1 else []), *arguments],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def states(self) -> list[str]:
        """Names of the states that are there under their own names, whole or not."""
        return sorted(path.name for path in (self.folder / "checkpoints").glob("*/state-*"))

    def steps(self) -> int:
        """Steps that the newest state holds."""
        if not self.states():
            return 0
        _, epoch, step = self.states()[-1].split("-")
        return int(epoch) * STEPS + int(step)

    def kill(self, number: int, after: int, delay: float, workers: int) -> None:
        """Start, wait until there is a state of more than ``after`` steps and a moment longer, kill."""
        process = self.start(workers)
        try:
            wait_until(lambda: self.steps() > after or process.poll() is not None, process)
            time.sleep(delay)
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            output, _ = process.communicate(timeout=LIMIT)
        finally:
            end(process)
        if number == signal.SIGTERM and self.ranks == 1 and not (self.folder / "model").exists():
            # Before Python has come to the first line of ours, the system ends the process.
            early = {-signal.SIGTERM} if not output else set()
            assert process.returncode in {RESUME_EXIT_CODE, *early}, output
        assert self.steps() > after

    def disturb(self, after: int, number: int, **settings) -> tuple[int, str]:
        """Send a signal to the second rank once there is a state of more than ``after`` steps.

        Returns the exit status and the output.
        """
        process = self.start(workers=0, **settings)
        try:
            wait_until(lambda: self.steps() > after or process.poll() is not None, process)
            first, second = ranks_of(process)
            os.kill(second, number)
            if number == signal.SIGSTOP:  # torchrun would wait 30 s for it
                wait_until(lambda: first not in ranks_of(process), process)
                os.kill(second, signal.SIGKILL)
            output, _ = process.communicate(timeout=LIMIT)
        finally:
            end(process)
        return process.returncode, output

    def finish(self, workers: int = 0) -> Path:
        """Train to the end and return the bundle."""
        process = self.start(workers)
        try:
            output, _ = process.communicate(timeout=LIMIT)
        finally:
            end(process)
        assert process.returncode == 0, output
        return self.folder / "model"


def wait_until(holds, process):
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline, "the training does not get on"
        time.sleep(0.001)


def end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)


def kill_often(tmp_path, ranks: int, kills: int, seed: int, workers: int, epochs: int = EPOCHS) -> None:
    """Kill one training ``kills`` times on its way and compare it with one that was left alone."""
    chance = random.Random(seed)
    dataset = write_digits(tmp_path / "prepared")
    expected = Training(tmp_path / "whole", dataset, ranks, epochs).finish()
    training = Training(tmp_path / "killed", dataset, ranks, epochs)
    total = epochs * STEPS
    for count in range(kills):
        # Spread over the whole training; the delay falls into steps, writes and validations alike.
        after = min(max(training.steps(), total * count // kills) + chance.randrange(3), total - 3)
        number = chance.choice([signal.SIGKILL, signal.SIGTERM])
        training.kill(number, after, chance.uniform(0, 0.03), chance.randrange(workers + 1))
    assert_same_weights(expected, training.finish())


@pytest.mark.timeout(240)
def test_a_killed_training_ends_with_the_weights_of_one_left_alone(tmp_path):
    kill_often(tmp_path, ranks=1, kills=2, seed=1, workers=0)


def ranks_of(process) -> list[int]:
    """Process ids of the ranks, in the order in which they were started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    lines = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return sorted(child for child, line in lines.items() if b"kubepresso.training" in line)


@pytest.mark.timeout(240)
def test_a_rank_that_hangs_is_named_when_the_time_is_up(tmp_path):
    training = Training(tmp_path / "hung", write_digits(tmp_path / "prepared"), 2)
    limit = {"timeout_seconds": 5}
    status, output = training.disturb(2, signal.SIGSTOP, environment__distributed=limit)
    assert status == 1, output
    assert "rank 0 waited 5 s (environment.distributed.timeout_seconds)" in output
    assert re.search(
        r"rank 1 on \S+ did not arrive: last seen \d+ s ago in epoch \d+, after step \d+", output
    )


@pytest.mark.slow
def test_a_process_that_waits_in_vain_ends_before_its_time_of_grace(tmp_path):
    training = Training(tmp_path / "hung", write_digits(tmp_path / "prepared"), 2)
    process = training.start(workers=0)
    try:
        wait_until(lambda: training.steps() > 2 or process.poll() is not None, process)
        waiting, hanging = ranks_of(process)
        os.kill(hanging, signal.SIGSTOP)
        time.sleep(1)
        asked = time.monotonic()
        os.kill(waiting, signal.SIGTERM)
        wait_until(lambda: waiting not in ranks_of(process) or process.poll() is not None, process)
        assert time.monotonic() - asked < 15  # of 25 s
    finally:
        for rank in ranks_of(process):  # each is in a session of its own
            os.kill(rank, signal.SIGKILL)
        end(process)


@pytest.mark.timeout(240)
def test_a_rank_that_is_killed_is_replaced_and_changes_no_bit(tmp_path):
    dataset = write_digits(tmp_path / "prepared")
    expected = Training(tmp_path / "whole", dataset, 2).finish()
    training = Training(tmp_path / "killed", dataset, 2)
    status, output = training.disturb(12, signal.SIGKILL, restarts=1)
    assert status == 0, output
    assert "going on in epoch" in output or "going on after epoch" in output
    assert_same_weights(expected, training.folder / "model")


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "kills"), [(1, 30), (2, 30), (3, 10)])
def test_a_training_killed_at_many_random_points(tmp_path, ranks, kills):
    # A kill gets on by three steps or so: as many as there are must lie in the training.
    kill_often(tmp_path, ranks, kills, seed=100 + ranks, workers=1, epochs=kills * 4 // STEPS)
