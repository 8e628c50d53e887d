"""Where the six files go: never over a file of someone else, and all of them or none."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from kubepresso.config import MODULES
from kubepresso.config.document import parse
from kubepresso.errors import UserError
from kubepresso.storage import local_path
from kubepresso.storage.atomic import atomic_folder, explained_write

TITLES = {
    "data": "where the images are and what their labels mean",
    "augmentation": "what happens to an image on its way to the model",
    "model": "the network, its losses and its compression",
    "training": "how long and how fast it learns",
    "logging": "what is written and when a model is promoted",
    "environment": "seed, batch and processes",
}


def default_folder(data_uri: str, name: str) -> Path:
    """Return ``name``, or ``name-config`` where something else, such as the data set, has that name.

    Raises:
        UserError: It would be a folder of the data set, in which folders mean something.
    """
    folder, data = Path(name), local_path(data_uri)
    if folder.exists() and not _is_module(folder / "data.yaml", "data"):
        folder = Path(f"{name}-config")
    if data is not None and data.is_dir() and Path.cwd().is_relative_to(data.resolve()):
        proposed = Path(os.path.relpath(data.resolve().parent), f"{name}-config")
        raise UserError(
            f"this folder is part of the data set; say with --output where the files go, such as "
            f"--output {proposed}"
        )
    return folder


def check_free(folder: Path, name: str, force: bool) -> None:
    """Refuse a place that is no folder, and to write over files or beside ones of the same module.

    Args:
        folder: Where to write.
        name: Of the data set, for a proposal.
        force: Modules may be replaced; other files never are.

    Raises:
        UserError: With what is in the way.
    """
    with _told(folder):
        _check_folder(folder)
        files = [(module, folder / f"{module}{end}") for module in MODULES for end in (".yaml", ".yml")]
        there = [(module, file) for module, file in files if file.exists() or file.is_symlink()]
    foreign = [file for module, file in there if not _is_module(file, module)]
    if foreign:
        raise UserError(
            f"{folder}: {_are(foreign)} there and no module of kubepresso, so not replaced; write elsewhere "
            f"with --output, such as --output {name}-config"
        )
    left = [file for _, file in there if not (force and file.suffix == ".yaml")]
    if left:
        fix = "remove them" if force else "write elsewhere with --output, or replace them with --force"
        raise UserError(f"{folder}: {_are(left)} there already; {fix}")


def _are(files: list[Path]) -> str:
    return f"{', '.join(file.name for file in files)} {'is' if len(files) == 1 else 'are'}"


def _check_folder(folder: Path) -> None:
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"{folder}: {there} is a file, not a folder; choose another place with --output")


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        with explained_write(folder):
            yield
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another place with --output"
        ) from error


def _is_module(file: Path, module: str) -> bool:
    """Tell a module of the configuration by its key, or by the title that was written at its head."""
    try:
        content = file.read_bytes()
    except OSError:
        return False
    value = parse(content, file.name).value
    titled = content.split(b"\n", 1)[0].rstrip().endswith(f": {TITLES[module]}.".encode())
    return titled or (isinstance(value, dict) and module in value)


@contextlib.contextmanager
def placed(folder: Path) -> Iterator[Path]:
    """Give an empty folder whose files come to be in ``folder``, all of them, when the block ends.

    A folder that is not there is made by one rename. In one that is, file after file takes its place; when
    that is interrupted, those of before come back.

    Raises:
        UserError: The place cannot be written.
    """
    with _told(folder):
        if not folder.is_dir():
            with atomic_folder(folder) as staging:
                yield staging
            return
        with tempfile.TemporaryDirectory(prefix=".kubepresso-init.", dir=folder) as name:
            new, old = Path(name, "new"), Path(name, "old")
            new.mkdir()
            old.mkdir()
            yield new
            _exchange(new, folder, old)


def _exchange(new: Path, folder: Path, old: Path) -> None:
    names = sorted(file.name for file in new.iterdir())
    try:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.replace(folder / name, old / name)
            os.replace(new / name, folder / name)
    except BaseException:
        for name in names:
            if (old / name).exists():
                os.replace(old / name, folder / name)
            elif not (new / name).exists():
                (folder / name).unlink(missing_ok=True)
        raise


def texts_to(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the text of each module to its file."""
    for module, text in texts.items():
        (folder / f"{module}.yaml").write_text(text, encoding="utf-8")
