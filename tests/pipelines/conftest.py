from pathlib import Path

import pytest
import yaml

from pipelines.compile import PIPELINES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", params=sorted(PIPELINES))
def documents(request):
    """The two documents of a committed package: the pipeline and what Kubernetes is told."""
    text = (ROOT / "pipelines" / "compiled" / f"{request.param}.yaml").read_text()
    return list(yaml.load_all(text, yaml.CSafeLoader))
