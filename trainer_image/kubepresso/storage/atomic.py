"""Outputs that are whole or absent: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kubepresso.errors import UserError

_FIXES = {
    errno.ENOSPC: "the disk is full; free space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free space or choose another folder",
    errno.EACCES: "no permission to write; choose another folder or change its owner",
    errno.EROFS: "the file system is read-only; choose another folder",
}


@contextlib.contextmanager
def explained_write(target: Path) -> Iterator[None]:
    """Turn a failing write below ``target`` (disk full, quota, permission) into a UserError naming it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FIXES:
            raise
        place = error.filename or target
        raise UserError(f"{place}: cannot write ({error.strerror}): {_FIXES[error.errno]}") from error


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder that becomes ``target`` when the block ends without an error.

    What stood at ``target`` is replaced. After an error, nothing new is left behind.

    Args:
        target: The folder to make; its parent is created.

    Yields:
        The temporary folder to write into, on the same file system.

    Raises:
        UserError: The disk is full, or the place cannot be written.
    """
    with explained_write(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            for file in temporary.rglob("*"):
                file.chmod(0o755 if file.is_dir() else 0o644)  # some writers make files for their user alone
            _replace(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Give a temporary file path that is renamed to ``target`` when the block ends without an error.

    Args:
        target: The file to make; its parent is created.

    Yields:
        The temporary path to write to, with the suffix of ``target``.

    Raises:
        UserError: The disk is full, or the place cannot be written.
    """
    with explained_write(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
        try:
            yield temporary
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _replace(temporary: Path, target: Path) -> None:
    """Rename a folder onto another; the old one leaves its name first: a rename needs an empty target."""
    if target.is_dir():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
        target.replace(old)
        temporary.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
        temporary.replace(target)
