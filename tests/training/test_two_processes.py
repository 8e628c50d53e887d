"""Trainings of two processes of which one is asked to end, and that go on with another number of them."""

import functools
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from rank_processes import (
    as_it_is,
    ask_to_end,
    at_step,
    at_validation_batch,
    logs_of,
    order_of,
    run_ranks,
)
from tiny_training import TRAIN, tiny_config
from whole_trainings import EVERYTHING, assert_same_weights

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.cluster.failures import resumable
from kubepresso.launch.cluster.words import PodState
from kubepresso.launch.elastic import _failure
from kubepresso.launch.report import RankFailure, explain
from kubepresso.launch.termination import write_termination
from kubepresso.training.failure import ERROR_FILE_VARIABLE
from kubepresso.training.loop import Loop

pytestmark = pytest.mark.timeout(150)
CONFIG = tiny_config(**{**EVERYTHING, "training__epochs": 2, "environment__batch_size": 16})


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "model"
    assert run_ranks(2, as_it_is, CONFIG, digits, output) == [0, 0], logs_of(output)
    return output


def states_of(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.glob("*.checkpoints/*/state-*"))


# Each validates 2 batches. The second process is asked in the first, in the last, the first one in its last.
@pytest.mark.parametrize(("rank", "batch"), [(1, 0), (1, 1), (0, 1)])
def test_one_of_two_that_is_asked_to_end_while_they_validate_ends_both_and_loses_no_step(
    digits, whole, tmp_path, rank, batch
):
    output = tmp_path / "model"
    asked = at_validation_batch(batch, ask_to_end, rank)
    began = time.monotonic()
    assert run_ranks(2, asked, CONFIG, digits, output) == [RESUME_EXIT_CODE] * 2, logs_of(output)
    assert time.monotonic() - began < 20
    assert states_of(output) == ["state-00000-0000005"]
    assert run_ranks(2, as_it_is, CONFIG, digits, output) == [0, 0], logs_of(output)
    assert_same_weights(whole, output)


ORDER = [order_of(TRAIN, 3, epoch) for epoch in range(2)]


def note_samples(folder: Path, stop_at: int | None, rank: int) -> None:
    """Write the indices of each batch that is learnt from to a file, and ask to end before one of them."""
    step = Loop._step

    def noted(self, batch):
        with (folder / f"epoch-{self.state.epoch}-step-{self.state.step}").open("a") as file:
            file.write(f"{rank} {' '.join(map(str, batch['index'].tolist()))}\n")
        return step(self, batch)

    Loop._step = noted
    if stop_at is not None:
        at_step(stop_at, ask_to_end, rank=0)(rank)


def samples_of(folder: Path, epoch: int) -> list[int]:
    """Indices in the order in which they were learnt from, those of a step by rank."""
    paths = sorted(folder.glob(f"epoch-{epoch}-step-*"), key=lambda path: int(path.name.split("-")[-1]))
    lines = [line.split() for path in paths for line in sorted(path.read_text().splitlines())]
    return [int(index) for _, *indices in lines for index in indices]


# 160 images are 5 global batches of two processes with 16 images each, and 10 of one.
@pytest.mark.parametrize(
    ("before", "after", "warning"),
    [
        (
            2,
            1,
            "the checkpoint is of 2 processes, now there are 1: samples come in the same order, in global "
            "batches of 16 in place of 32; from here on the weights are not bit for bit",
        ),
        (
            1,
            2,
            "the checkpoint is of 1 process, now there are 2: samples come in the same order, in global "
            "batches of 32 in place of 16; from here on the weights are not bit for bit",
        ),
    ],
)
def test_another_number_of_processes_takes_every_sample_once_and_in_the_same_order(
    digits, tmp_path, before, after, warning
):
    output, seen = tmp_path / "model", tmp_path / "seen"
    seen.mkdir()
    stopped = functools.partial(note_samples, seen, 1)
    assert run_ranks(before, stopped, CONFIG, digits, output) == [RESUME_EXIT_CODE] * before
    assert 0 < len(samples_of(seen, 0)) < TRAIN
    noted = functools.partial(note_samples, seen, None)
    assert run_ranks(after, noted, CONFIG, digits, output) == [0] * after, logs_of(output)
    assert [samples_of(seen, epoch) for epoch in range(2)] == ORDER
    assert warning in logs_of(output)


def die_beside_an_error_file(path: Path, rank: int) -> None:
    """As torchrun does, name the file in which a rank says why it failed; the second rank is killed."""
    os.environ[ERROR_FILE_VARIABLE] = f"{path}-{rank}"
    at_step(2, functools.partial(os.kill, os.getpid(), signal.SIGKILL), rank=1)(rank)


def pod_of(failure: RankFailure, log: Path, disrupted: bool) -> PodState:
    write_termination([failure], log)
    node, said = f"node-{failure.rank}", log.read_text()
    return PodState(node, node, node, "Failed", 0, True, True, "", 1, said, "", "", False, disrupted)


def test_a_lost_node_is_no_failure_of_the_one_that_lost_it(digits, tmp_path):
    """Its words are shown where nobody knows better, and do not keep the job from being started again."""
    prepare = functools.partial(die_beside_an_error_file, tmp_path / "error")
    assert run_ranks(2, prepare, CONFIG, digits, tmp_path / "model") == [1, -signal.SIGKILL]
    told = _failure(0, 1, 0.0, json.loads((tmp_path / "error-0").read_text()))
    first, second = explain([told], 1).problems
    assert first == "rank 0 failed: rank 0 lost the connection to another process in a collective operation"
    assert re.match(r"rank 1 on \S+ did not arrive: last seen \d+ s ago in epoch 1, after step 2", second)
    lost = RankFailure(1, 1, 0.0, None, "", "")
    for disrupted in (True, False):
        pods = [pod_of(told, tmp_path / "log", False), pod_of(lost, tmp_path / "log", disrupted)]
        assert (resumable(pods, "failed", elastic=False) is not None) is disrupted
