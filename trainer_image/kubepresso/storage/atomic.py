"""Outputs that are whole or absent: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kubepresso.errors import UserError

_FIXES = {
    errno.ENOSPC: "the disk is full; free space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free space or choose another folder",
    errno.EFBIG: "the file is larger than the limit of the process or the file system; raise it (ulimit -f)",
    errno.EACCES: "no permission to write; choose another folder or change its owner",
    errno.EROFS: "the file system is read-only; choose another folder",
}
#: How native writers (safetensors among them) name the error of the system in their messages.
_NAMED_ERRNO = re.compile(r"\(os error (\d+)\)")
#: So often a folder that another process puts into our way is moved aside.
_REPLACE_ATTEMPTS = 20
#: Fewer free bytes than this are a full disk: less than any weights need.
_NEXT_TO_NOTHING = 64 << 10


@contextlib.contextmanager
def explained_write(target: Path) -> Iterator[None]:
    """Turn a failing write below ``target`` (disk full, quota, permission) into a UserError naming it.

    Native writers say it without an OSError: by the number in the message, or, as torch.save does, by a
    RuntimeError that does not say it at all, while the file system has no space left.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = _errno_of(error, target)
        if number not in _FIXES:
            raise
        place = getattr(error, "filename", None) or target
        raise UserError(f"{place}: cannot write ({os.strerror(number)}): {_FIXES[number]}") from error


def _errno_of(error: Exception, target: Path) -> int:
    """Return the number of the system's error behind an exception; 0 where there is none."""
    if isinstance(error, OSError):
        return error.errno or 0
    if named := _NAMED_ERRNO.search(str(error)):
        return int(named[1])
    if isinstance(error, RuntimeError) and target.parent.is_dir():
        return errno.ENOSPC if shutil.disk_usage(target.parent).free < _NEXT_TO_NOTHING else 0
    return 0


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder that becomes ``target`` when the block ends without an error.

    What stood at ``target`` is replaced. After an error, nothing new is left behind. A process that is killed
    outright leaves its temporary folder ``.<name>.*.partial``; killed in the instant between the two renames
    of a replacement, also the old folder, whole, as ``.<name>.*.old``, and nothing at ``target``.

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
        with explained_write(target):  # looks at the free space before the temporary folder is removed
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
        with explained_write(target):
            yield temporary
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(temporary: Path, target: Path) -> None:
    """Rename a folder onto another, which leaves its name first: a rename needs an empty target.

    Where two do this at the same time, the last one's folder is there in the end.
    """
    if not target.is_dir():
        with contextlib.suppress(IsADirectoryError):
            target.unlink(missing_ok=True)
    for _ in range(_REPLACE_ATTEMPTS - 1):
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
        with contextlib.suppress(FileNotFoundError):
            target.replace(old)
        try:
            temporary.replace(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                _put_back(old, target)
                raise
        finally:
            shutil.rmtree(old, ignore_errors=True)
    temporary.replace(target)


def _put_back(old: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        if any(old.iterdir()):
            old.replace(target)
