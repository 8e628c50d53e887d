"""Where the source of a data set lies, brought to this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.archive import SUFFIXES, extract, is_archive
from kubepresso.data.formats.naming import SPLIT_ALIASES, canonical_split, is_hidden, split_path
from kubepresso.data.formats.places import IMAGE_FOLDERS
from kubepresso.data.workspace import workspace
from kubepresso.errors import UserError
from kubepresso.storage import get_folder, local_path
from kubepresso.storage.transfer import get_file


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
    if repo is not None and ("://" in repo or Path(repo).is_dir() or is_archive(repo)):
        return repo
    return root


@contextlib.contextmanager
def local_source(data: DataConfig) -> Iterator[Path | None]:
    """Give the folder of the data on this machine; what is fetched or unpacked is removed afterwards.

    What was fetched before a connection broke down stays, and the next call goes on from there.

    Yields:
        The folder, of an archive the one folder in it if there is nothing else; None for a repository of the
        hub.

    Raises:
        UserError: The place does not exist or cannot be read.
    """
    uri = source_uri(data)
    if uri is None:
        yield None
        return
    place = local_path(uri)
    if place is not None and (place.is_dir() or not is_archive(uri)):
        if not place.is_dir():
            raise UserError(
                f"data.path.root: {uri} is not a folder; give the folder that holds the data set, or an "
                f"archive of it ({', '.join(SUFFIXES)})"
            )
        yield place
        return
    if place is not None and not place.is_file():
        raise UserError(f"data.path.root: {uri} is not a file; check the path")
    with workspace(uri) as work:
        fetched = place or _fetch(uri, work.folder)
        work.keep = False
        if is_archive(uri):
            extract(fetched, work.folder / "unpacked", uri)
            fetched = _entered(data, work.folder / "unpacked")
        yield fetched


def _fetch(uri: str, folder: Path) -> Path:
    if is_archive(uri):
        return get_file(uri, folder / uri.rpartition("/")[2])
    return get_folder(uri, folder / "source")


def _entered(data: DataConfig, folder: Path) -> Path:
    """Return the only folder inside, unless its name means something to the formats or is configured."""
    inside = [entry for entry in folder.iterdir() if not is_hidden(entry.name)]
    if len(inside) != 1 or not inside[0].is_dir():
        return folder
    name = inside[0].name
    places = (split_path(data, split, key) for split in SPLIT_ALIASES for key in ("image", "label"))
    configured = {Path(place).parts[0] for place in places if place}
    known = name in IMAGE_FOLDERS or canonical_split(name) is not None or name in configured
    return folder if known else inside[0]
