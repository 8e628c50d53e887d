from pathlib import Path

import pytest
from source_layouts import write_class_folders

from kubepresso.data.location import local_source
from kubepresso.data.prepare import Preparation, prepare
from kubepresso.data.workers import start_worker_server


@pytest.fixture
def prepared(tmp_path):
    """Prepare a configuration into ``tmp_path / "prepared"``."""

    def run(data, target: Path | None = None) -> Preparation:
        with local_source(data) as root:
            return prepare(data, root, target or tmp_path / "prepared")

    return run


@pytest.fixture
def folder_source(tmp_path):
    """Write class folders below ``tmp_path / "source"``."""
    return lambda splits: write_class_folders(tmp_path / "source", splits)


@pytest.fixture(scope="session")
def worker_server():
    """Loader workers are forked from a process that has torch, as in training."""
    start_worker_server("kubepresso.augmentation")
