"""Which checkpoints there are, here and in object storage: the newest, the best, and what may go."""

from __future__ import annotations

import contextlib
import functools
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from kubepresso.errors import UserError
from kubepresso.storage import join, remove_folder
from kubepresso.training.checkpoints import files
from kubepresso.training.checkpoints.files import Found
from kubepresso.training.checkpoints.mirror import Listing, Mirror
from kubepresso.training.checkpoints.names import best_name, is_checkpoint, is_state, state_name, superseded

_SHORT = 16
#: Before object storage that fails is asked again for a checkpoint to go on from.
PAUSES_SECONDS = (2.0, 8.0)
#: What a killed process left half written goes when it is older than this: none writes for so long.
_LEFTOVER_SECONDS = 3600
_AGAIN = "start again when the storage answers, or name another training.checkpoints.place to start anew"
_LEFTOVERS = (".partial", ".old", ".download")


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
        keep: Number of newest states that stay, here and in the mirror, with the best weights they name.
        keep_epochs: Which epochs' states stay for good.
        warn: Told what is not as it should be and not worth ending the training.
    """

    folder: Path
    mirror: str | None
    identity: str
    keep: int
    keep_epochs: Callable[[int], bool] = lambda epoch: False
    warn: Callable[[str], None] = field(default=lambda line: print(f"warning: {line}", file=sys.stderr))
    _damaged: set[str] = field(default_factory=set)
    _best: tuple[int, dict[str, Tensor]] | None = None

    @property
    def home(self) -> Path:
        """The folder of this training's checkpoints."""
        return self.folder / self.identity[:_SHORT]

    @property
    def remote(self) -> Mirror | None:
        """The same in object storage."""
        return Mirror(join(self.mirror, self.identity[:_SHORT])) if self.mirror else None

    def prepare(self) -> None:
        """Prove that checkpoints can be written, before there is work that could be lost.

        Raises:
            UserError: They cannot.
        """
        files.prepare(self.home)

    def save(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Write a state here, then to the mirror, and remove what it replaces; see `write` and `copy`."""
        self.write(tensors, values)
        self.copy(values)

    def write(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Write a state to this machine, and remove the states and best weights that it replaces.

        Raises:
            UserError: The folder cannot be written.
        """
        self._sweep()
        self._restore_best(values["best_epoch"])
        name = state_name(values["epoch"], values["step"])
        self._write(name, tensors, values)
        for old in self._superseded(self._names(), set(), name):
            shutil.rmtree(self.home / old, ignore_errors=True)

    def copy(self, values: dict[str, Any]) -> None:
        """Bring a state that was written, and its best weights, to the mirror; a failure is a warning."""
        if self.remote:
            name, best = state_name(values["epoch"], values["step"]), values["best_epoch"]
            needed = [] if best is None else [self.home / best_name(best)]
            self._copy(self.remote, [*needed, self.home / name])

    def save_best(self, epoch: int, tensors: dict[str, Tensor]) -> None:
        """Write the weights of an epoch that is the best so far; the mirror gets them with the next state.

        They also stay in main memory: another training of the same settings that ends removes the files.

        Raises:
            UserError: The folder cannot be written.
        """
        self._best = epoch, tensors
        self._write(best_name(epoch), tensors, {"epoch": epoch})

    def newest(self) -> Found | None:
        """Return the newest whole state whose best weights are there too; None where there is none.

        Raises:
            UserError: There is none here, and the object storage does not say or give what it has, though
                asked several times: to start anew would throw away what may be there.
        """
        for pause in PAUSES_SECONDS:
            try:
                return self._newest(patient=True)
            except UserError as error:
                self.warn(f"checkpoints in object storage: {error}; asked again in {pause:.0f} s")
                time.sleep(pause)
        return self._newest(patient=False)

    def strangers(self) -> bool:
        """Say whether the folder holds checkpoints of other trainings only."""
        return not self._names() and any(is_checkpoint(path.name) for path in self.folder.glob("[!.]*/*"))

    def load_best(self, epoch: int) -> dict[str, Tensor]:
        """Return the weights of the best epoch.

        Args:
            epoch: The best one by the history.

        Raises:
            UserError: They are not there any more, or not what was written.
        """
        if self._best and self._best[0] == epoch:
            return self._best[1]
        found = self._load(best_name(epoch), self.mirror is not None)
        if found is None:
            raise UserError(
                f"{self.home / best_name(epoch)}: the weights of the best epoch are missing or damaged; "
                f"remove {self.home} to start anew"
            )
        return found.tensors

    def places(self) -> list[str]:
        """Return where everything lies that is to be removed once the training's result is safe."""
        return [str(self.home), *([self.remote.home] if self.remote else [])]

    def remove(self) -> None:
        """Remove everything; what a bucket refuses is a warning."""
        for place in self.places():
            self._tolerate(functools.partial(remove_folder, place))

    def _restore_best(self, epoch: int | None) -> None:
        """Write the best weights that a state needs once more where another training has removed them."""
        if self._best and self._best[0] == epoch and not (self.home / best_name(epoch)).is_dir():
            self._write(best_name(epoch), self._best[1], {"epoch": epoch})

    def _write(self, name: str, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        files.write(self.home / name, self.identity, tensors, values)
        self._damaged.discard(name)

    def _copy(self, mirror: Mirror, folders: list[Path]) -> None:
        newest = folders[-1].name
        self._tolerate(
            lambda: mirror.save(
                folders,
                lambda there: self._superseded(there.whole | there.broken, set(there.broken), newest),
            )
        )

    def _superseded(self, names: set[str] | frozenset[str], broken: set[str], newest: str) -> list[str]:
        return superseded(names, self._damaged | broken, newest, self.keep, self.keep_epochs)

    def _newest(self, patient: bool) -> Found | None:
        """Look once; what the storage does not give is an error, or, at last, left out where others are."""
        local, trouble = self._names(), list[str]()
        there = self._look(trouble)
        if trouble and patient and not any(map(is_state, local)):
            raise UserError(trouble)
        for name in sorted(filter(is_state, local | there.whole | there.broken), reverse=True):
            try:
                found = self._usable(name, local, there)
            except UserError as error:
                if patient:
                    raise
                trouble += error.problems
                continue
            if found:
                for line in trouble:
                    self.warn(f"checkpoints in object storage: {line}; {found.place} is used")
                return found
        if trouble:
            raise UserError(
                [f"{line}; a checkpoint to go on from may be there: {_AGAIN}" for line in trouble]
            )
        return None

    def _look(self, trouble: list[str]) -> Listing:
        try:
            return self.remote.look() if self.remote else Listing()
        except UserError as error:
            trouble += error.problems
            return Listing()

    def _usable(self, name: str, local: set[str], there: Listing) -> Found | None:
        """Return a state with which one can go on, None where it is not whole."""
        if name not in local | there.whole:
            place = self.remote.place(name) if self.remote else name
            self.warn(f"{place}: not a whole checkpoint, not used: its upload or removal broke off")
            return None
        found = self._load(name, name in there.whole)
        return found if found and self._has_best(found.values["best_epoch"], there) else None

    def _load(self, name: str, in_mirror: bool) -> Found | None:
        if name in self._damaged:
            return None
        folder = self.home / name
        for place in self._places(folder, name, in_mirror):
            try:
                tensors, manifest = files.read(folder)
                if manifest.identity != self.identity:
                    raise files.DamagedError("it is of another training")
                return Found(place, tensors, manifest.values)
            except files.DamagedError as error:
                self.warn(f"{place}: not a whole checkpoint, not used: {error}")
        self._damaged.add(name)
        return None

    def _places(self, folder: Path, name: str, in_mirror: bool) -> Iterator[str]:
        """Yield the folder where it is there, then, once the folder is fetched again, the mirror."""
        if folder.is_dir():
            yield str(folder)
        if in_mirror and self.remote:
            self.remote.fetch(name, folder)
            yield self.remote.place(name)

    def _has_best(self, epoch: object, there: Listing) -> bool:
        if epoch is None:
            return True
        if not isinstance(epoch, int):  # it becomes part of a path
            self.warn(f"{self.home}: a state whose best epoch is {epoch!r}: not used")
            return False
        if found := self._load(best_name(epoch), best_name(epoch) in there.whole):
            self._best = epoch, found.tensors
            return True
        self.warn(f"{self.home / best_name(epoch)}: missing, so the states after it are not used")
        return False

    def _names(self) -> set[str]:
        try:
            return {path.name for path in self.home.iterdir() if is_checkpoint(path.name)}
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def _sweep(self) -> None:
        """Remove what killed processes left: each may be as large as a checkpoint, and fill the disk."""
        mine = [path for path in self.home.glob(".*.*") if is_checkpoint(path.name.split(".")[1])]
        for path in (*mine, *self.folder.glob(f".{self.home.name}.*")):
            with contextlib.suppress(FileNotFoundError):  # another attempt is at work here
                if path.suffix in _LEFTOVERS and time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    def _tolerate(self, call: Callable[[], object]) -> None:
        """Do what needs the object storage; without it training goes on, with what is on this machine."""
        try:
            call()
        except UserError as error:
            self.warn(f"checkpoints in object storage: {error}")
