"""Which of several failures is shown."""

from pathlib import Path

import pytest

from kubepresso.config import EnvironmentConfig
from kubepresso.errors import UserError
from kubepresso.launch.local import count_processes
from kubepresso.launch.report import RankFailure, explain


def failure(rank, exit_code=1, timestamp=0.0, problems=None, message="", traceback=""):
    return RankFailure(rank, exit_code, timestamp, problems, message, traceback)


def test_a_killed_rank_comes_before_the_peer_that_lost_its_connection():
    lost = failure(0, 1, 10, None, "RuntimeError: Connection closed by peer", "Traceback ...")
    error = explain([lost, failure(1, -9, 11)], 1)
    assert (error.rank, error.signal) == (1, 9)
    assert "rank 1 was killed by SIGKILL (exit status -9): most likely out of memory" in str(error)


def test_the_first_of_two_exceptions_is_shown_with_its_traceback():
    first = failure(1, 1, 5, None, "ValueError: bad", "Traceback: line 7")
    error = explain([failure(0, 1, 9, None, "RuntimeError: later", "other"), first], 1)
    assert error.problems == ["rank 1 failed: ValueError: bad", "Traceback: line 7"]


def test_a_user_error_is_its_lines_alone():
    error = explain([failure(0, 1, 5, ["a: b", "c: d"], "UserError: a: b", "Traceback")], 1)
    assert error.problems == ["a: b", "c: d"]


def test_a_launcher_that_was_killed_itself():
    assert "the launcher of the training was killed by SIGKILL" in str(explain([], -9))


def test_the_number_of_processes():
    def environment(**distributed):
        return EnvironmentConfig(distributed=distributed)

    assert count_processes(environment(processes_per_node=3)) == 3
    with pytest.raises(UserError, match=r"distributed\.nodes: 2"):
        count_processes(environment(nodes=2))
    assert count_processes(environment()) == 1 or Path("/dev/nvidia0").exists()
