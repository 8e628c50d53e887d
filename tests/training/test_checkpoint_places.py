"""Places that cannot take a checkpoint, and a process that is killed while one is on its way."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from bucket_servers import make_bucket
from fault_proxy import Fault, FaultProxy

from kubepresso.errors import UserError
from kubepresso.training.checkpoints.kept import Kept

IDENTITY = "a" * 64
VALUES = {"epoch": 0, "step": 1, "best_epoch": None}


def save(folder: Path, step: int, mirror=None) -> Kept:
    store = Kept(folder, mirror, IDENTITY, 2)
    store.save({"model/weight": torch.full((50_000,), float(step))}, {**VALUES, "step": step})
    return store


@contextlib.contextmanager
def mounted(folder: Path, options: str):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], timeout=20).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True, timeout=20)


def test_a_disk_that_fills_up_leaves_the_checkpoint_before(tmp_path):
    with mounted(tmp_path / "disk", "size=300k"):
        save(tmp_path / "disk", 1)
        with pytest.raises(UserError, match="the disk is full"):
            save(tmp_path / "disk", 2)
        assert Kept(tmp_path / "disk", None, IDENTITY, 2).newest().values["step"] == 1
        assert not list((tmp_path / "disk").rglob(".*"))


def test_a_disk_that_cannot_be_written_any_more_is_named_and_read(tmp_path):
    with mounted(tmp_path / "disk", "size=1m"):
        save(tmp_path / "disk", 1)
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], check=True, timeout=20)
        with pytest.raises(
            UserError, match=r"state-00000-0000002.*: cannot write .*the file system is read-only"
        ):
            save(tmp_path / "disk", 2)
        assert Kept(tmp_path / "disk", None, IDENTITY, 2).newest().values["step"] == 1


def test_a_limit_of_the_size_of_files_is_named(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UserError, match=r"the file is larger than the limit .* \(ulimit -f\)"):
            save(tmp_path, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_clock_that_goes_back_changes_nothing(tmp_path):
    first = save(tmp_path, 1)
    later = time.time() + 86_400
    for path in first.home.rglob("*"):
        os.utime(path, (later, later))
    assert save(tmp_path, 2).newest().values["step"] == 2


def test_a_kill_in_the_middle_of_an_upload_leaves_the_checkpoint_before(moto, tmp_path, monkeypatch):
    place = make_bucket(monkeypatch, moto)
    save(tmp_path / "here", 1, place)
    lines = []
    with FaultProxy(moto, Fault("delay", "PUT", "0000002/tensors", seconds=1.0)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); from test_checkpoint_places import *; "
            "save(Path(sys.argv[2]), 2, sys.argv[3])"
        )
        tests = Path(__file__).parent
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tests), str(tmp_path / "here"), place],
            env={**os.environ, "PYTHONPATH": str(tests.parent)},
        )
        for _ in range(600):
            if proxy.hits or process.poll() is not None:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        there = Kept(tmp_path / "there", place, IDENTITY, 2, warn=lines.append)
        assert there.newest().values["step"] == 1
        time.sleep(1.5)  # what was sent may arrive after the death of its sender
        assert Kept(tmp_path / "yonder", place, IDENTITY, 2, warn=lines.append).newest().values["step"] == 1
    assert "state-00000-0000002: not a whole checkpoint, not used" in lines[-1]
    assert save(tmp_path / "here", 3, place).newest().values["step"] == 3
