"""Rendering kustomizations, and which there are."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
#: Kustomizations that only tests make, for components that no overlay takes: its overlay, the components.
WITH_COMPONENTS = {
    "postgres-in-cluster": ("cloud", ["postgres"]),
    "queue": ("laptop", ["kueue"]),
}
NAMES = ["base", "overlays/laptop", "overlays/cloud", *WITH_COMPONENTS]


def kustomize(folder: Path) -> subprocess.CompletedProcess:
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize", str(folder)]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build", str(folder)]
    else:
        pytest.skip("neither kubectl nor kustomize is installed")
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
