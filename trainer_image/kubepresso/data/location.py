"""Where the source of a data set lies, brought to this machine."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.errors import UserError
from kubepresso.storage import get_folder, local_path


def source_uri(data: DataConfig) -> str | None:
    """Return the place of the data: a path or URI; None for a repository of the hub.

    ``data.format: local`` reads ``data.path.root``. ``huggingface`` reads ``data.metadata.repo`` where that
    is a URI or a folder that exists, else ``data.path.root`` where given, else the hub.

    Raises:
        UserError: The configuration names no place.
    """
    root = data.path.root if data.path is not None else None
    if data.format == "local":
        if root is None:
            raise UserError("data.path.root: missing; data.format local needs the folder of the data set")
        return root
    repo = data.metadata.repo if data.metadata is not None else None
    if repo is not None and ("://" in repo or Path(repo).is_dir()):
        return repo
    return root


@contextlib.contextmanager
def local_source(data: DataConfig) -> Iterator[Path | None]:
    """Give the folder of the data on this machine; what lies in a bucket is fetched and removed afterwards.

    Yields:
        The folder; None for a repository of the hub.

    Raises:
        UserError: The place does not exist or cannot be read.
    """
    uri = source_uri(data)
    if uri is None:
        yield None
        return
    folder = local_path(uri)
    if folder is not None:
        if not folder.is_dir():
            raise UserError(f"data.path.root: {uri} is not a folder; give the folder that holds the data set")
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="kubepresso-data-") as temporary:
        yield get_folder(uri, Path(temporary) / "source")
