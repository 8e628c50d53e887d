from pathlib import Path

import pytest
from source_layouts import write_class_folders

from kubepresso.data.location import local_source
from kubepresso.data.prepare import Preparation, prepare


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
