"""Fixtures that several rooms share: small real images, a small configuration, and where real data lies."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "digits"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, or a skip that says what is missing."""
    folder = Path(os.environ.get("KUBEPRESSO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KUBEPRESSO_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory) -> Path:
    """scikit-learn's digits as class folders: 1,437 images in train, 360 in valid, 32x32 pixels."""
    from make_images import write_images

    folder = tmp_path_factory.mktemp("all-digits")
    write_images(folder)
    return folder
