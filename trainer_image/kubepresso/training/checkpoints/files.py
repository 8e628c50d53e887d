"""One checkpoint on disk: a folder with tensors and a manifest that proves them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from kubepresso.errors import UserError
from kubepresso.storage.atomic import atomic_folder

FORMAT = 3
MANIFEST_FILE = "manifest.json"
TENSORS_FILE = "tensors.safetensors"


class DamagedError(Exception):
    """A folder that is no whole checkpoint; its text says why."""


@dataclass(frozen=True)
class Manifest:
    """What stands beside the tensors.

    Args:
        identity: Digest of all that decides the course of the training.
        values: All that is no tensor, fit for JSON.
        size: Bytes of the tensors' file.
        digest: ``sha256:...`` of it.
        format: Version of the layout.
    """

    identity: str
    values: dict[str, Any]
    size: int
    digest: str
    format: int = FORMAT


@dataclass(frozen=True)
class Found:
    """A checkpoint to go on from.

    Args:
        place: Folder or URI.
        tensors: See `Snapshot`.
        values: See `Snapshot`.
    """

    place: str
    tensors: dict[str, Tensor]
    values: dict[str, Any]


def prepare(home: Path) -> None:
    """Make a folder for checkpoints, and prove that it can be written.

    Raises:
        UserError: It cannot.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"proof")
    except OSError as error:
        raise UserError(
            f"{home}: checkpoints cannot be written here ({error.strerror}); mend that, or name another "
            "training.checkpoints.place"
        ) from error


def write(folder: Path, identity: str, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> int:
    """Write a checkpoint; it takes its name when every byte of it is on the disk.

    Args:
        folder: The checkpoint; what stood there is replaced.
        identity: See `Manifest`.
        tensors: Contiguous, on the CPU.
        values: See `Manifest`.

    Returns:
        Bytes written.

    Raises:
        UserError: The disk is full, or the place cannot be written.
    """
    try:
        return _write(folder, identity, tensors, values)
    except (OSError, SafetensorError):
        if folder.parent.is_dir():
            raise
        # Another training of the same settings came to its end and removed everything.
        return _write(folder, identity, tensors, values)


def _write(folder: Path, identity: str, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> int:
    with atomic_folder(folder) as temporary:
        file = temporary / TENSORS_FILE
        save_file(dict(tensors), file)
        size, digest = file.stat().st_size, _digest(file)
        manifest = asdict(Manifest(identity, dict(values), size, digest))
        text = json.dumps({"manifest": manifest, "seal": _seal(manifest)})
        (temporary / MANIFEST_FILE).write_text(text, encoding="utf-8")
        for path in (file, temporary / MANIFEST_FILE):
            _sync(path)
        if folder.is_symlink():
            folder.unlink()
    with contextlib.suppress(OSError):  # not every network file system can do it
        _sync(folder.parent)
    return size


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk: what the new checkpoint replaces is removed afterwards."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_manifest(folder: Path) -> Manifest:
    """Read a checkpoint's manifest.

    Raises:
        DamagedError: There is none, or it is not one of this version.
    """
    try:
        text = (folder / MANIFEST_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(f"its {MANIFEST_FILE} cannot be read ({error})") from error
    return parse_manifest(text)


def parse_manifest(text: str) -> Manifest:
    """Read the text of a manifest and prove it.

    Raises:
        DamagedError: It is not one of this version, or not what was written.
    """
    try:
        content = json.loads(text)
        found, seal = content["manifest"], content["seal"]
        if seal != _seal(found):
            raise DamagedError(f"its {MANIFEST_FILE} is not what was written")
        manifest = Manifest(**found)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"its {MANIFEST_FILE} is not one of this version ({error!r})") from error
    if manifest.format != FORMAT:
        raise DamagedError(f"it has the format {manifest.format}, not {FORMAT}")
    return manifest


def read(folder: Path) -> tuple[dict[str, Tensor], Manifest]:
    """Read a whole checkpoint and prove its bytes.

    Raises:
        DamagedError: A byte differs from what was written.
    """
    manifest = read_manifest(folder)
    file = folder / TENSORS_FILE
    try:
        if file.stat().st_size != manifest.size or _digest(file) != manifest.digest:
            raise DamagedError(f"its {TENSORS_FILE} is not what was written")
        return load_file(file), manifest
    except (OSError, SafetensorError) as error:
        raise DamagedError(f"its {TENSORS_FILE} cannot be read ({error})") from error


def _seal(manifest: object) -> str:
    text = json.dumps(manifest, sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
