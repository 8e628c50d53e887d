"""Complete configurations of netspresso-trainer 1.4.1: as one file, as six, and one a family of networks."""

from pathlib import Path

import pytest
import yaml
from config_files import HERE, REST, load_yaml


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


@pytest.fixture(scope="session")
def network_files(tmp_path_factory) -> dict[str, str]:
    """A file with all modules for each entry of networks.yaml."""
    folder, tasks = tmp_path_factory.mktemp("networks"), load_yaml("tasks.yaml")
    files = {}
    for name, model in load_yaml("networks.yaml").items():
        content = {**tasks[model["task"]], "model": {"name": name, **model}, **REST}
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        files[name] = str(path)
    return files
