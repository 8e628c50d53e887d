"""A folder of this machine for what is fetched, in which a second attempt finds what the first one got."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass
class Workspace:
    """A folder for what is fetched.

    Args:
        folder: Of this user alone, and of no other process meanwhile.
        keep: Whether an error leaves it for the next attempt.
    """

    folder: Path
    keep: bool = True


@contextlib.contextmanager
def workspace(uri: str) -> Iterator[Workspace]:
    """Give the folder of a place; it is removed afterwards, but for an error while `Workspace.keep` is set.

    Where another process has it, or it is not this user's, the folder is a new one.

    Args:
        uri: What is fetched.
    """
    key = f"{os.environ.get('AWS_ENDPOINT_URL_S3', '')} {uri}"
    name = f"kubepresso-data-{os.getuid()}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    folder = Path(tempfile.gettempdir(), name)
    lock = _locked(folder)
    if lock is None:
        folder = Path(tempfile.mkdtemp(prefix="kubepresso-data-"))
    work = Workspace(folder, keep=lock is not None)
    try:
        yield work
    except BaseException:
        if not work.keep or not any(folder.iterdir()):
            shutil.rmtree(folder)
        raise
    else:
        shutil.rmtree(folder)
    finally:
        if lock is not None:
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """Make and lock a folder; None where it is another's, is in use, or was removed meanwhile."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held, there = os.fstat(handle), os.stat(folder, follow_symlinks=False)
    except OSError:
        os.close(handle)
        return None
    if held.st_uid != os.getuid() or held.st_ino != there.st_ino:
        os.close(handle)
        return None
    return handle
