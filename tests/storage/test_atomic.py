"""A full disk, said by each writer in its own way, is one clear message; nothing half-written stays."""

import os
import subprocess

import pytest
import torch
from safetensors.torch import save_file

from kubepresso.errors import UserError
from kubepresso.storage.atomic import atomic_file, atomic_folder

TENSOR = {"weight": torch.zeros(100_000)}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 128 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], timeout=20).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True, timeout=20)


WRITERS = {
    "bytes": lambda path: path.write_bytes(bytes(400_000)),
    "safetensors": lambda path: save_file(TENSOR, path),
    "torch": lambda path: torch.save(TENSOR, path),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_named_and_leaves_nothing(small_disk, writer):
    full = r"/disk/.*: cannot write .*the disk is full"
    with pytest.raises(UserError, match=full), atomic_file(small_disk / "weights.bin") as path:
        WRITERS[writer](path)
    with pytest.raises(UserError, match=full), atomic_folder(small_disk / "model") as folder:
        WRITERS[writer](folder / "weights.bin")
    assert list(small_disk.iterdir()) == []


def test_an_error_of_the_program_stays_what_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="a bug"), atomic_file(tmp_path / "a") as path:
        raise RuntimeError(f"a bug in {path}")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_replaced_stays(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").write_text("old")
    with pytest.raises(OSError, match="No such file"), atomic_folder(target) as folder:
        folder.rmdir()
    assert (target / "weights").read_text() == "old"
