"""Checkpoints: each one safetensors file, with all that is no tensor as JSON in its header."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from kubepresso.config.logging import ModelSaveOptions
from kubepresso.errors import UserError
from kubepresso.storage.atomic import atomic_file
from kubepresso.training.state import TrainingState

_STATE = "kubepresso.training"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    ``best.safetensors`` holds the weights of the best epoch alone, by the model's own names.
    ``last.safetensors`` holds all that training needs to go on; ``epoch_0001.safetensors`` and so on are
    former last ones.

    Args:
        folder: Where they lie.
        identity: Digest of all that decides the training's course; a checkpoint of another one is not used.
        options: ``logging.model_save_options``.
    """

    folder: Path
    identity: str
    options: ModelSaveOptions

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.folder / "best.safetensors"

    @property
    def last(self) -> Path:
        """The newest state."""
        return self.folder / "last.safetensors"

    def save_best(self, state: TrainingState) -> None:
        """Write the weights that were just validated."""
        _save(
            self.best, dict(state.evaluated.state_dict()), {"identity": self.identity, "epoch": state.epoch}
        )

    def save(self, state: TrainingState) -> None:
        """Write the state as the last one; keep it under its epoch's name unless only the best is wanted."""
        kinds = state.tensors()
        if not self.options.save_optimizer_state:
            del kinds["optimizer"]
        tensors = {f"{kind}/{name}": value for kind, part in kinds.items() for name, value in part.items()}
        _save(
            self.last,
            tensors,
            {"identity": self.identity, "resumable": "optimizer" in kinds, **state.values()},
        )
        if not self.options.save_best_only:
            kept = self.folder / f"epoch_{state.epoch:04d}.safetensors"
            kept.unlink(missing_ok=True)
            os.link(self.last, kept)

    def restore(self, state: TrainingState) -> str | None:
        """Put the last checkpoint into ``state``, if there is one of this very training.

        Returns:
            What was done, in a line; None where there is no checkpoint.

        Raises:
            UserError: The file is damaged.
        """
        if not self.last.is_file():
            return None
        values = _read_values(self.last)
        if values["identity"] != self.identity:
            return f"{self.last}: from other settings or data, not used"
        if not values["resumable"]:
            return f"{self.last}: saved without the optimizer's state, not used"
        if not self.best.is_file() or _read_values(self.best)["identity"] != self.identity:
            return f"{self.last}: not used, since {self.best} is missing or from another training"
        kinds: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, value in load_file(self.last).items():
            kind, _, name = key.partition("/")
            kinds[kind][name] = value
        state.restore(kinds, values)
        return f"{self.last}: going on after epoch {state.epoch}"

    def load_best(self, epoch: int) -> dict[str, Tensor]:
        """Return the weights of the best epoch.

        Args:
            epoch: The best one by the history.

        Raises:
            UserError: The file is missing or damaged, or of another training or epoch.
        """
        values = _read_values(self.best)
        if values["identity"] != self.identity:
            raise UserError(f"{self.best}: from another training; train each model into a folder of its own")
        if values["epoch"] != epoch:
            raise UserError(
                f"{self.best}: holds epoch {values['epoch']}, but the best one is {epoch}; remove "
                f"{self.folder} to start anew"
            )
        return dict(load_file(self.best))


def _save(path: Path, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(plain, temporary, metadata={_STATE: json.dumps(values)})
        temporary.chmod(0o644)


def _read_values(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as file:
            values: dict[str, Any] = json.loads((file.metadata() or {})[_STATE])
            return values
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not a readable checkpoint ({error}); remove it to start anew") from error
