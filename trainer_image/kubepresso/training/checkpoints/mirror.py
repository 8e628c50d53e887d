"""The copies of a training's checkpoints in object storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kubepresso.storage import exists, get_folder, join, list_files, put_folder, remove_folder
from kubepresso.training.checkpoints import files


@dataclass(frozen=True)
class Listing:
    """What is there.

    Args:
        whole: Names of whole checkpoints.
        broken: Names of those whose upload or removal broke off, or goes on.
    """

    whole: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mirror:
    """The same folders as on this machine, below a URI. Every call raises UserError where the storage fails.

    Args:
        home: URI of this training's checkpoints.
    """

    home: str

    def place(self, name: str) -> str:
        """Return the URI of a checkpoint."""
        return join(self.home, name)

    def look(self) -> Listing:
        """List what is there: a checkpoint is whole when it has a manifest, which is written last."""
        if not exists(self.home):
            return Listing()
        entries = [entry for entry in list_files(self.home) if entry.key.count("/") == 1]
        names = frozenset(entry.key.partition("/")[0] for entry in entries)
        whole = frozenset(
            entry.key.partition("/")[0]
            for entry in entries
            if entry.key.endswith(f"/{files.MANIFEST_FILE}") and entry.size
        )
        return Listing(whole, names - whole)

    def save(self, folders: Iterable[Path], old: Callable[[Listing], Iterable[str]]) -> None:
        """Copy checkpoints that are not there yet, then remove old ones.

        Args:
            folders: In the order in which they are needed; the last one is written even if it is there.
            old: Says which may go, now that the others are there.
        """
        there = self.look()
        *needed, newest = folders
        for folder in [*(folder for folder in needed if folder.name not in there.whole), newest]:
            put_folder(folder, self.place(folder.name))
            there = Listing(there.whole | {folder.name}, there.broken - {folder.name})
        for name in old(there):
            remove_folder(self.place(name))

    def fetch(self, name: str, folder: Path) -> None:
        """Copy a checkpoint to this machine."""
        get_folder(self.place(name), folder, whole=True)
