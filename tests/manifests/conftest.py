"""The manifests as a cluster would get them: rendered by kustomize."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from kustomizations import MANIFESTS, NAMES, WITH_COMPONENTS, kustomize

sys.path.insert(0, str(Path(__file__).parents[1] / "launch"))


@pytest.fixture(scope="session")
def copied(tmp_path_factory) -> Path:
    """The manifests in a folder that a test may write to."""
    folder = tmp_path_factory.mktemp("copied") / "manifests"
    shutil.copytree(MANIFESTS, folder)
    for name, (overlay, components) in WITH_COMPONENTS.items():
        place = folder / name
        place.mkdir()
        content = {
            "resources": [f"../overlays/{overlay}"],
            "components": [f"../components/{component}" for component in components],
            "namespace": "kubeflow" if overlay == "laptop" else "kubepresso",
        }
        (place / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(scope="session")
def rendered(copied) -> dict[str, list[dict]]:
    """All objects of each kustomization, by its name."""
    result = {}
    for name in NAMES:
        run = kustomize(copied / name)
        assert run.returncode == 0, f"{name}: {run.stderr}"
        assert not run.stderr, f"{name}: {run.stderr}"
        result[name] = list(yaml.load_all(run.stdout, yaml.CSafeLoader))
    return result


@pytest.fixture(params=NAMES)
def objects(request, rendered) -> list[dict]:
    return rendered[request.param]
