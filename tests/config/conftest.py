"""A complete configuration of netspresso-trainer 1.4.1, as one file and as six."""

from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def complete_text() -> str:
    return (HERE / "classification.yaml").read_text()


@pytest.fixture(scope="session")
def complete_file() -> str:
    return str(HERE / "classification.yaml")


@pytest.fixture
def six_files(tmp_path, complete_text) -> Path:
    """Each module in its file, with its original lines where it has several."""
    for name, content in yaml.safe_load(complete_text).items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({name: content}, sort_keys=False))
    return tmp_path
