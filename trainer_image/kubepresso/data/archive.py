"""Data sets in archives, which are not to be trusted: nothing leaves the folder, or grows without end."""

from __future__ import annotations

import errno
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kubepresso.errors import UserError
from kubepresso.storage.atomic import explained_write

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
#: What an archive may hold: files, and bytes, which are compared with its own size where they are many.
MOST_FILES = 10_000_000
MOST_GROWTH = 100
_ALWAYS_ALLOWED = 1 << 30
_BLOCK = 1 << 20
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error)
_UNREADABLE = (NotImplementedError, RuntimeError, ValueError, struct.error)
#: What the system says of a seek before the beginning, and of names that it cannot have; gzip gives none.
_OF_THE_ARCHIVE = (
    None,
    errno.EINVAL,
    errno.ENAMETOOLONG,
    errno.EILSEQ,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
)


def is_archive(uri: str) -> bool:
    """Say whether a path or URI names an archive, by its suffix."""
    return uri.lower().endswith(SUFFIXES)


def extract(archive: Path, target: Path, name: str) -> None:
    """Write the files of an archive below a folder.

    Args:
        archive: A tar, gzipped or not, or a zip.
        target: Folder to make.
        name: The archive's name in messages.

    Raises:
        UserError: It is encrypted, broken or cut off; holds links, devices, or names that lead out of the
            folder; or expands to more than 100 times its size.
    """
    budget = _Budget(name, max(_ALWAYS_ALLOWED, MOST_GROWTH * archive.stat().st_size))
    unpack = _unzip if archive.name.lower().endswith(".zip") else _untar
    with explained_write(target):
        target.mkdir(parents=True)
        try:
            unpack(archive, target, budget)
        except _BROKEN as error:
            raise UserError(f"{name}: broken or cut off ({error}); copy it anew") from error
        except _UNREADABLE as error:
            raise UserError(f"{name}: cannot be unpacked ({error}); pack it anew as .tar.gz") from error
        except OSError as error:
            if error.errno not in _OF_THE_ARCHIVE:
                raise
            raise UserError(
                f"{name}: holds a name that cannot be a file, or is broken ({error}); pack it anew"
            ) from error


class _Budget:
    def __init__(self, name: str, most_bytes: int) -> None:
        self.name = name
        self._bytes = most_bytes
        self._most = most_bytes
        self._files = MOST_FILES

    def file(self) -> None:
        self._files -= 1
        if self._files < 0:
            raise UserError(f"{self.name}: holds more than {MOST_FILES:,} files; unpack it yourself")

    def spend(self, count: int) -> None:
        self._bytes -= count
        if self._bytes < 0:
            raise UserError(
                f"{self.name}: expands to more than {self._most >> 20:,} MiB ({MOST_GROWTH} times its size), "
                "as archives made to fill disks do; unpack it yourself if it is what it should be"
            )


def _untar(archive: Path, target: Path, budget: _Budget) -> None:
    mode = "r:" if archive.name.lower().endswith(".tar") else "r:gz"
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        for member in tar:
            budget.file()
            if not (member.isreg() or member.isdir()):
                raise UserError(
                    f"{budget.name}: {member.name!r} is a link or a device; pack files and folders alone"
                )
            path = _inside(target, member.name, budget)
            tarfile.data_filter(member, str(target))  # raises FilterError for what is left to refuse
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif not _left_out(member.name):
                content = tar.extractfile(member)
                assert content is not None
                _write(content, path, member.size, budget)


def _unzip(archive: Path, target: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            budget.file()
            if member.flag_bits & 1:
                raise UserError(
                    f"{budget.name}: {member.filename!r} is encrypted; pack it without a password"
                )
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UserError(
                    f"{budget.name}: {member.filename!r} is a link or a device; pack files and folders alone"
                )
            path = _inside(target, member.filename, budget)
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            elif not _left_out(member.filename):
                with file.open(member) as content:
                    _write(content, path, member.file_size, budget)


def _inside(target: Path, name: str, budget: _Budget) -> Path:
    parts = name.split("/")
    if "\\" in name:
        raise UserError(
            f"{budget.name}: the name {name!r} has a backslash, as some tools of Windows write in place of "
            "/; pack it anew with another tool"
        )
    if name.startswith("/") or "\0" in name or ".." in parts or ":" in parts[0]:
        raise UserError(f"{budget.name}: the name {name!r} leads out of the folder; pack it anew")
    return target / name


def _left_out(name: str) -> bool:
    *folders, file = name.split("/")
    return "__MACOSX" in folders or file.startswith("._")  # what macOS adds: no data


def _write(content: IO[bytes], path: Path, size: int, budget: _Budget) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("wb") as file:
        for block in _blocks(content):
            written += len(block)
            budget.spend(len(block))
            file.write(block)
    if written != size:
        raise EOFError(f"{path.name} has {written} of {size} bytes")


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(_BLOCK):
        yield block
