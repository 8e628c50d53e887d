"""Which keys of the configuration each step reads.

A step gets these keys alone, as a YAML text that takes part in its cache key: a change of any other key
leaves its result as true as it was, so the step is not run again. Keys that only say where things are written
(``logging.output_dir``) belong to no view; steps learn the tracking store from their environment.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import yaml

from kubepresso import __version__
from kubepresso.config import dump


@dataclass(frozen=True)
class Reads:
    """What a step reads.

    Attributes:
        keys: Dotted keys, whole modules or parts of them.
        without: Dotted keys below these that it does not read.
    """

    keys: tuple[str, ...]
    without: tuple[str, ...] = ()


_TRAINING = Reads(
    keys=("augmentation", "model", "training", "logging", "environment"),
    without=(
        "augmentation.checks",
        "model.compression",
        "training.retraining",
        "logging.mlflow",
        "logging.output_dir",
        "logging.project_id",
        "logging.promotion",
        "logging.tensorboard",
    ),
)

VIEWS: dict[str, Reads] = {
    "prepare_dataset": Reads(("data",)),
    "validate_augmentation": Reads(
        # Of training, the epochs alone: some transforms are off in the last ones.
        ("augmentation", "model", "environment", "training.epochs"),
        without=("environment.distributed", "environment.gpus", "model.compression"),
    ),
    "train": _TRAINING,
    "retrain": Reads(_TRAINING.keys, tuple(key for key in _TRAINING.without if key != "training.retraining")),
    "evaluate": Reads(("logging.metrics",)),
    "compress": Reads(("model",)),
    "promote": Reads(("model", "logging.metrics", "logging.project_id", "logging.promotion")),
}
"""By step, in the order of the pipeline; ``retrain`` is the step train when it starts from a model."""


def cut_views(text: str) -> dict[str, str]:
    """Cut the view of each step out of a whole configuration.

    Each text begins with a comment that names the version of kubepresso: another one may give other results.

    Args:
        text: All six modules as YAML, with every default written out.

    Returns:
        By step a YAML text; equal contents give equal texts.
    """
    content = yaml.safe_load(text)
    return {
        step: f"# kubepresso {__version__}\n{_dump(_cut(content, reads))}" for step, reads in VIEWS.items()
    }


def _cut(content: dict[str, Any], reads: Reads) -> dict[str, Any]:
    view: dict[str, Any] = {}
    for key in reads.keys:
        _put(view, key.split("."), _at(content, key.split(".")))
    for key in reads.without:
        *above, last = key.split(".")
        holder = _at(view, above)
        if isinstance(holder, dict):
            holder.pop(last, None)
    return view


def _at(content: Any, path: list[str]) -> Any:
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _put(view: dict[str, Any], path: list[str], value: Any) -> None:
    *above, last = path
    for name in above:
        view = view.setdefault(name, {})
    view[last] = copy.deepcopy(value)


def _dump(view: dict[str, Any]) -> str:
    return dump(view, sort_keys=True)
