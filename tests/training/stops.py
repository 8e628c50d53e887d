"""Trainings in this process: stopped where a test wants, in places that a test can fill or lock."""

import contextlib
import functools
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_training import tiny_config
from whole_trainings import ALONE, EVERYTHING

from kubepresso.config import parse_view
from kubepresso.training.job import Job
from kubepresso.training.process import StopRequest
from kubepresso.training.run import train

#: Steps of an epoch: 160 images in batches of 32.
STEPS = 5


class AfterLooks(StopRequest):
    """Asks to end when it was looked at so many times: after each step, and after each batch validated."""

    def __init__(self, looks: int = 10**9) -> None:
        super().__init__(grace_seconds=60)
        self.left = looks

    @property
    def arrived(self) -> bool:
        self.left -= 1
        return self.left < 0


def job(dataset: Path, output: Path, looks: int = 10**9, temporary: bool = False, **overrides) -> Job:
    """Return a training of two epochs with all that has a state; checkpoints go beside the model."""
    view = parse_view(tiny_config(**{**EVERYTHING, "training__epochs": 2, **overrides}))
    place = output.with_name(f"{output.name}.checkpoints")
    return Job(view, dataset, output, place, None, temporary=temporary, stop=AfterLooks(looks))


def stopped(job: Job) -> None:
    """Train until the job asks to end."""
    with pytest.raises(SystemExit) as end:
        train(job, ALONE)
    assert end.value.code == 203


@contextlib.contextmanager
def mounted(folder: Path, options: str):
    """Mount a file system of its own at a folder; a test is skipped where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if subprocess.run(command, timeout=20, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here: that needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True, timeout=20)


def without_room(function: Callable) -> Callable:
    """Return a function during which this process cannot write more than 1 kB to a file."""

    @functools.wraps(function)
    def call(*arguments):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            return function(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return call
