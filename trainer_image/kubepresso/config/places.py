"""Relative places of a configuration made absolute, so that they hold wherever a step runs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from kubepresso import storage
from kubepresso.config.config import Config
from kubepresso.config.data import DataConfig
from kubepresso.config.explain import suggest
from kubepresso.config.problems import ConfigError

#: A folder of images may have a million; a name that is meant stands among few.
_MOST_NAMES = 1000


def with_absolute_places(config: Config, uri: str) -> Config:
    """Return a copy in which the data and the start weights are named absolutely.

    A relative place is looked for in the working directory, then beside the configuration. It concerns
    ``data.path.root``, ``model.checkpoint.path``, and ``data.metadata.repo`` where a folder of this name is
    in one of the two; else that is a repository on the hub.

    Args:
        config: What was loaded.
        uri: From where.

    Raises:
        ConfigError: A relative place is in neither, or what ``data.path`` names on this machine is not there.
    """
    home = uri.rpartition("/")[0] or "." if uri.lower().endswith((".yaml", ".yml")) else uri
    problems: list[str] = []

    def absolute(place: str, key: str | None) -> str:
        here = Path(os.path.expanduser(place))
        if "://" in place or here.is_absolute():
            return place if "://" in place else str(here)
        beside = storage.join(home, place)
        if here.exists():
            return str(here.absolute())
        if storage.exists(beside):
            local = storage.local_path(beside)
            return str(local.absolute()) if local is not None else beside
        if key is not None:
            text = f"{key}: {place!r} is neither {here.absolute()} nor {beside}; give a full path"
            problems.append(config.located(text))
        return place

    data, model = config.data, config.model
    if data.path is not None:
        root = absolute(data.path.root, "data.path.root")
        data = data.model_copy(update={"path": data.path.model_copy(update={"root": root})})
    if data.metadata is not None and data.metadata.repo and data.format == "huggingface":
        repo = absolute(data.metadata.repo, None)
        data = data.model_copy(update={"metadata": data.metadata.model_copy(update={"repo": repo})})
    if model.checkpoint.path is not None and model.checkpoint.use_pretrained:
        weights = absolute(model.checkpoint.path, "model.checkpoint.path")
        model = model.model_copy(update={"checkpoint": model.checkpoint.model_copy(update={"path": weights})})
    if problems := problems or [config.located(problem) for problem in _missing(data)]:
        raise ConfigError(problems)
    return config.model_copy(update={"data": data, "model": model})


def _missing(data: DataConfig) -> Iterator[str]:
    """Tell of each place of a local data set that is not there; an archive is not looked into."""
    root = storage.local_path(data.path.root) if data.path is not None and data.format == "local" else None
    if root is None or data.path is None:
        return
    if not os.path.exists(root):
        yield f"data.path.root: {root} is not there; check the path{_near(root)}"
    elif root.is_dir():
        for split in ("train", "valid", "test"):
            for role, place in getattr(data.path, split):
                if place and "://" not in place and not os.path.exists(root / place):
                    key = f"data.path.{split}.{role}"
                    yield f"{key}: {place!r} is not in {root}; check the path{_near(root / place)}"


def _near(path: Path) -> str:
    """Name what was likely meant instead of the first part of a path that is not there."""
    above = next(parent for parent in path.parents if os.path.isdir(parent))
    try:
        with os.scandir(above) as entries:
            names = [entry.name for entry in itertools.islice(entries, _MOST_NAMES)]
    except OSError:
        return ""
    return suggest(path.relative_to(above).parts[0], names)
