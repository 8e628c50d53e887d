"""Which checkpoints there are, here and in object storage: the newest, the best, and what may go."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from kubepresso.errors import UserError
from kubepresso.storage import get_folder, join, list_files, put_folder, remove_folder
from kubepresso.training.checkpoints import files

_STATE = re.compile(r"state-(\d{5})-(\d{7})")
_BEST = re.compile(r"best-(\d{5})")
_SHORT = 16


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


@dataclass
class Kept:
    """The checkpoints of one training, in a folder of their own below ``folder`` and, if wanted, a mirror.

    ``state-<epochs done>-<steps of the next>`` is all that training needs to go on; ``best-<epoch>`` holds
    the weights of the best epoch, by the model's own names.

    Args:
        folder: Where the checkpoints of all trainings lie on this machine.
        mirror: URI of the same in object storage, or None. It is written after the folder, and read where the
            folder has nothing newer: on another machine.
        identity: Digest of all that decides the training's course; a checkpoint of another one is not used.
        keep: Number of newest states that stay.
        keep_epochs: Which epochs' states stay for good.
        warn: Told what is not as it should be and not worth ending the training.
    """

    folder: Path
    mirror: str | None
    identity: str
    keep: int
    keep_epochs: Callable[[int], bool] = lambda epoch: False
    warn: Callable[[str], None] = field(default=lambda line: print(f"warning: {line}", file=sys.stderr))

    @property
    def home(self) -> Path:
        """The folder of this training's checkpoints."""
        return self.folder / self.identity[:_SHORT]

    @property
    def remote_home(self) -> str | None:
        """The same in object storage."""
        return join(self.mirror, self.identity[:_SHORT]) if self.mirror else None

    def save(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Write a state, and remove the states and best weights that it replaces.

        Raises:
            UserError: The folder cannot be written. A mirror that cannot be is a warning.
        """
        name = state_name(values["epoch"], values["step"])
        self._write(name, tensors, values)
        best = values["best_epoch"]
        states = sorted(found for found in self._names() if _STATE.fullmatch(found))
        for old in states[: -self.keep]:
            if not self._stays(old):
                self._remove(old)
        for old in self._names():
            if (match := _BEST.fullmatch(old)) and int(match[1]) != best:
                self._remove(old)

    def save_best(self, epoch: int, tensors: dict[str, Tensor]) -> None:
        """Write the weights of an epoch that is the best so far."""
        self._write(best_name(epoch), tensors, {"epoch": epoch})

    def newest(self) -> Found | None:
        """Return the newest whole state whose best weights are there too; None where there is none."""
        places = {name: self.home / name for name in self._names()}
        remote = {name: join(self.remote_home or "", name) for name in self._remote_names()}
        for name in sorted({*places, *remote}, reverse=True):
            if _STATE.fullmatch(name):
                found = self._load(name, name in remote)
                if found and self._has_best(found.values["best_epoch"], remote):
                    return found
        return None

    def strangers(self) -> bool:
        """Say whether the folder holds checkpoints of other trainings only."""
        folders = [path for path in self.folder.glob("*") if path.is_dir() and not path.name.startswith(".")]
        return bool(folders) and not self.home.is_dir()

    def load_best(self, epoch: int) -> dict[str, Tensor]:
        """Return the weights of the best epoch.

        Args:
            epoch: The best one by the history.

        Raises:
            UserError: They are not there any more, or not what was written.
        """
        found = self._load(best_name(epoch), self.mirror is not None)
        if found is None:
            raise UserError(
                f"{self.home / best_name(epoch)}: the weights of the best epoch are missing or damaged; "
                f"remove {self.home} to start anew"
            )
        return found.tensors

    def remove(self) -> None:
        """Remove everything, here and in object storage, once the training's result is safe."""
        shutil.rmtree(self.home, ignore_errors=True)
        if self.remote_home:
            self._tolerate(lambda: remove_folder(self.remote_home or ""))

    def _write(self, name: str, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        folder = self.home / name
        files.write(folder, self.identity, tensors, values)
        if self.remote_home:
            place = join(self.remote_home, name)
            self._tolerate(lambda: put_folder(folder, place))

    def _load(self, name: str, in_mirror: bool) -> Found | None:
        folder = self.home / name
        for place in self._places(folder, name, in_mirror):
            try:
                tensors, manifest = files.read(folder)
                if manifest.identity != self.identity:
                    raise files.DamagedError("it is of another training")
                return Found(place, tensors, manifest.values)
            except files.DamagedError as error:
                self.warn(f"{place}: not a whole checkpoint, not used: {error}")
        return None

    def _places(self, folder: Path, name: str, in_mirror: bool) -> Iterator[str]:
        """Yield the folder where it is there, then, once the folder is fetched again, the mirror."""
        if folder.is_dir():
            yield str(folder)
        if in_mirror and self.remote_home:
            place = join(self.remote_home, name)
            if self._tolerate(lambda: get_folder(place, folder)):
                yield place

    def _has_best(self, epoch: int | None, remote: dict[str, str]) -> bool:
        if epoch is None:
            return True
        if self._load(best_name(epoch), best_name(epoch) in remote):
            return True
        self.warn(f"{self.home / best_name(epoch)}: missing, so the states after it are not used")
        return False

    def _names(self) -> list[str]:
        found = self.home.iterdir() if self.home.is_dir() else ()
        return [path.name for path in found if _STATE.fullmatch(path.name) or _BEST.fullmatch(path.name)]

    def _remote_names(self) -> list[str]:
        """Return the names that have a manifest: it is written last."""
        names: list[str] = []
        if self.remote_home:
            home = self.remote_home
            self._tolerate(lambda: names.extend(_with_manifest(home)))
        return names

    def _stays(self, name: str) -> bool:
        match = _STATE.fullmatch(name)
        assert match is not None
        return int(match[2]) == 0 and self.keep_epochs(int(match[1]))

    def _remove(self, name: str) -> None:
        shutil.rmtree(self.home / name, ignore_errors=True)
        if self.remote_home:
            place = join(self.remote_home, name)
            self._tolerate(lambda: remove_folder(place))

    def _tolerate(self, call: Callable[[], object]) -> bool:
        """Do what needs the object storage; without it training goes on, with what is on this machine."""
        try:
            call()
        except UserError as error:
            self.warn(f"checkpoints in object storage: {error}")
            return False
        return True


def state_name(epoch: int, step: int) -> str:
    """Return the name of the state after ``epoch`` epochs and ``step`` steps of the next one."""
    return f"state-{epoch:05d}-{step:07d}"


def best_name(epoch: int) -> str:
    """Return the name of the weights of an epoch."""
    return f"best-{epoch:05d}"


def _with_manifest(home: str) -> list[str]:
    suffix = f"/{files.MANIFEST_FILE}"
    keys = [entry.key for entry in list_files(home)]
    return [key.removesuffix(suffix) for key in keys if key.endswith(suffix) and key.count("/") == 1]
