"""The model bundle: one folder for a trained, a compressed or a retrained model.

``manifest.json`` is written last and lists every other file with its SHA-256.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import fx, nn

from kubepresso.errors import UserError
from kubepresso.export import GRAPH_FILE, WEIGHTS_FILE, load_graph, measure_cost, save_graph, trace
from kubepresso.export.onnx import export_onnx
from kubepresso.storage.atomic import atomic_folder

MANIFEST_FILE = "manifest.json"
ONNX_FILE = "model.onnx"
#: A pickled GraphModule, the form that NetsPresso takes. It is written for others and never read here.
INTERCHANGE_FILE = "model_fx.pt"
DEFAULT_OPSET = 17
_REQUIRED_FILES = (GRAPH_FILE, WEIGHTS_FILE, ONNX_FILE)


class FileRecord(BaseModel):
    """One file of a bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class BundleManifest(BaseModel):
    """What a bundle says about its model.

    Attributes:
        format: Version of the layout.
        name: ``model.name``.
        task: ``model.task``.
        classes: Class names in the order of the logits.
        input_size: Height and width in pixels, as the network sees images.
        preprocessing: The entries of ``augmentation.inference``.
        lineage: Where it came from: ``config_digest``, ``dataset_digest``, ``parent`` (a bundle's digest),
            ``method``, ``ratio`` and what else the writer knows.
        metrics: Measured on the model as it is here.
        parameters: Numbers that training learnt; filled in when saved.
        macs: Multiply-accumulates an image; filled in when saved.
        onnx_opset: Operator set of ``model.onnx``; filled in when saved.
        files: By name; filled in when saved.
        content_digest: What ``digest`` gave; filled in when saved.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: Literal["kubepresso.bundle/1"] = "kubepresso.bundle/1"
    name: str
    task: str
    classes: list[str]
    input_size: tuple[int, int]
    preprocessing: list[dict[str, Any]] = []
    lineage: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    parameters: int = 0
    macs: int = 0
    onnx_opset: int = 0
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")], FileRecord] = {}
    content_digest: str = ""

    def digest(self) -> str:
        """Return ``sha256:...`` of what the model computes: graph, weights, classes and preprocessing.

        ``model.onnx`` and ``model_fx.pt`` follow from these and are left out.
        """
        content = {
            "graph": self.files[GRAPH_FILE].sha256,
            "weights": self.files[WEIGHTS_FILE].sha256,
            **self.model_dump(mode="json", include={"task", "classes", "input_size", "preprocessing"}),
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: the graph in evaluation mode on the CPU, the manifest, and the folder it lies in."""

    graph: fx.GraphModule
    manifest: BundleManifest
    folder: Path

    @property
    def onnx(self) -> Path:
        """The ONNX file."""
        return self.folder / ONNX_FILE


def save_bundle(
    folder: Path, module: nn.Module, manifest: BundleManifest, onnx_opset: int = DEFAULT_OPSET
) -> BundleManifest:
    """Write a bundle, whole or not at all.

    Args:
        folder: The folder to make; what stood there is replaced.
        module: A network, or its traced graph; it is not changed. Weights are stored as fp32.
        manifest: What is known of the model; cost, operator set and files are filled in.
        onnx_opset: Operator set of ``model.onnx``.

    Returns:
        The manifest as written.

    Raises:
        UserError: The model cannot be traced, written as data or as ONNX, or the disk is full.
    """
    graph = copy.deepcopy(trace(module)).cpu().float().eval().requires_grad_(True)
    with atomic_folder(folder) as temporary:
        save_graph(temporary, graph)
        export_onnx(graph, temporary / ONNX_FILE, manifest.input_size, onnx_opset)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.save(graph, temporary / INTERCHANGE_FILE)
        cost = measure_cost(graph, manifest.input_size)
        written = manifest.model_copy(
            update={
                "parameters": cost.parameters,
                "macs": cost.macs,
                "onnx_opset": onnx_opset,
                "files": {path.name: _record(path) for path in sorted(temporary.iterdir())},
            }
        )
        written = written.model_copy(update={"content_digest": written.digest()})
        (temporary / MANIFEST_FILE).write_text(written.model_dump_json(indent=2), encoding="utf-8")
    return written


def load_bundle(folder: Path, verify: bool = True) -> Bundle:
    """Load the graph and the manifest of a bundle; the ONNX file is found as ``bundle.onnx``.

    Args:
        folder: A bundle's folder.
        verify: Compare every file with the manifest's SHA-256.

    Raises:
        UserError: The folder is no bundle, is incomplete, or was altered; all problems at once.
    """
    manifest = load_manifest(folder)
    listed, place = manifest.files, folder / MANIFEST_FILE
    problems = [f"{place}: files: {name} is not listed" for name in _REQUIRED_FILES if name not in listed]
    if verify and not problems and manifest.content_digest != manifest.digest():
        problems.append(f"{place}: what it says of the model is not what was written")
    for name, record in listed.items():
        problems += _problems(folder / name, record, verify)
    if problems:
        raise UserError(
            [*problems, f"{folder}: this bundle is incomplete or altered; fetch or make it again"]
        )
    return Bundle(load_graph(folder), manifest, folder)


def load_manifest(folder: Path) -> BundleManifest:
    """Read a bundle's manifest alone.

    Raises:
        UserError: The folder has no manifest, or not one of a bundle.
    """
    place = folder / MANIFEST_FILE
    try:
        return BundleManifest.model_validate_json(place.read_bytes())
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); a model bundle is expected here"
        raise UserError(f"{place}: {reason}") from error
    except ValidationError as error:
        lines = [f"{place}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError(lines) from error


def _record(path: Path) -> FileRecord:
    return FileRecord(sha256=_sha256(path), bytes=path.stat().st_size)


def _problems(path: Path, record: FileRecord, verify: bool) -> list[str]:
    if not path.is_file():
        return [f"{path}: missing"]
    if path.stat().st_size != record.bytes:
        return [f"{path}: {path.stat().st_size} bytes, the manifest says {record.bytes}"]
    if verify and _sha256(path) != record.sha256:
        return [f"{path}: its SHA-256 is not the one of the manifest"]
    return []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
