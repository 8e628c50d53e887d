"""Which of several failures is shown."""

import pytest
from tiny_training import tiny_config
from torch.distributed.launcher.api import LaunchConfig

from kubepresso.config import EnvironmentConfig
from kubepresso.errors import UserError
from kubepresso.launch import local
from kubepresso.launch.local import count_processes
from kubepresso.launch.node import ENDING_VARIABLE, ending_seconds
from kubepresso.launch.report import RankFailure, explain


def failure(rank, exit_code=1, timestamp=0.0, problems=None, message="", traceback=""):
    return RankFailure(rank, exit_code, timestamp, problems, message, traceback)


def test_a_killed_rank_comes_before_the_peer_that_lost_its_connection():
    lost = failure(0, 1, 10, None, "RuntimeError: Connection closed by peer", "Traceback ...")
    error = explain([lost, failure(1, -9, 11)], 1)
    assert (error.rank, error.signal) == (1, 9)
    assert "rank 1 was killed by SIGKILL (exit status -9): most likely out of memory" in str(error)


def test_a_rank_that_the_watchdog_aborted_does_not_hide_the_exception_of_its_peer():
    cause = failure(0, 1, 10, None, "ValueError: bad", "Traceback: line 7")
    assert "ValueError: bad" in str(explain([failure(1, -6, 11), cause], 1))
    assert "rank 1 was killed by SIGABRT" in str(explain([failure(1, -6, 9), cause], 1))


def test_the_first_of_two_exceptions_is_shown_with_its_traceback():
    first = failure(1, 1, 5, None, "ValueError: bad", "Traceback: line 7")
    error = explain([failure(0, 1, 9, None, "RuntimeError: later", "other"), first], 1)
    assert error.problems == ["rank 1 failed: ValueError: bad", "Traceback: line 7"]


def test_a_user_error_is_its_lines_alone():
    error = explain([failure(0, 1, 5, ["a: b", "c: d"], "UserError: a: b", "Traceback")], 1)
    assert error.problems == ["a: b", "c: d"]


def test_a_launcher_that_was_killed_itself():
    assert "the launcher of the training was killed by SIGKILL" in str(explain([], -9))


@pytest.mark.parametrize(
    ("present", "inherited", "gpus", "wanted", "expected"),
    [
        (0, None, 0, None, 1),
        (0, None, "0, 1", None, 1),
        (0, "0", 0, 3, 3),
        (2, None, "0, 1", None, 2),
        (2, None, "0, 1", 1, 1),
        (2, None, 0, 2, "processes_per_node: 2 processes need a GPU each, but environment.gpus names 1"),
        (1, None, "0, 1", None, "environment.gpus: 1, but this machine has 1 GPU, allowed 0 to 0"),
        (4, "2,3", "0, 1", None, 2),
        (4, "2,3", 0, 3, r"processes_per_node: 3 .* but CUDA_VISIBLE_DEVICES=2,3 shows 2"),
        (4, "2", "0, 1", None, r"environment.gpus: 2 .* but CUDA_VISIBLE_DEVICES=2 shows 1"),
        (4, "", "0, 1", None, 1),
        (4, "-1", 0, 2, 2),
    ],
)
def test_the_number_of_processes(monkeypatch, present, inherited, gpus, wanted, expected):
    monkeypatch.setattr(local, "count_gpus", lambda: present)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if inherited is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", inherited)
    environment = EnvironmentConfig(gpus=gpus, distributed={"processes_per_node": wanted})
    if isinstance(expected, int):
        assert count_processes(environment) == expected
    else:
        with pytest.raises(UserError, match=expected):
            count_processes(environment)


@pytest.mark.parametrize(
    ("gpus", "per_node", "expected"), [(0, 0, 1), (0, 3, 3), ("2, 3", 2, 2), ("2, 3", None, 2)]
)
def test_gpus_per_node_on_one_machine(monkeypatch, gpus, per_node, expected):
    monkeypatch.setattr(local, "count_gpus", lambda: 4)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    environment = EnvironmentConfig(gpus=gpus, distributed={"gpus_per_node": per_node})
    assert count_processes(environment) == expected
    chosen = local.chosen_gpus(environment)
    assert len(chosen) == (0 if per_node == 0 else expected)
    assert chosen == environment.gpu_ids or chosen == tuple(range(len(chosen)))


def test_one_machine_alone():
    with pytest.raises(UserError, match=r"distributed\.nodes: 2"):
        count_processes(EnvironmentConfig(distributed={"nodes": 2}))


@pytest.mark.parametrize(("grace", "expected"), [(0.5, 6), (120, 125)])
def test_torchrun_lets_its_ranks_save_for_as_long_as_the_yaml_says(monkeypatch, grace, expected):
    config = tiny_config(training__checkpoints={"grace_seconds": grace})
    monkeypatch.setenv(ENDING_VARIABLE, str(ending_seconds(config)))
    assert LaunchConfig(1, 1, 1).shutdown_timeout == expected
