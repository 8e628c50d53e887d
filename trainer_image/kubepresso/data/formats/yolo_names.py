"""Class names that lie beside YOLO labels."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kubepresso.errors import UserError

_DESCRIPTIONS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_LISTS = ("classes.txt", "obj.names", "labels/classes.txt")
_FIX = "correct it, or name the classes in data.id_mapping"


class Description(NamedTuple):
    """Ultralytics' description of a data set: its file, and what it holds."""

    file: Path
    content: dict[str, Any]


def names_beside(root: Path, described: Description | None) -> list[str] | None:
    """Return the names of Ultralytics' description (``names``), or of a list with one name a line.

    Raises:
        UserError: A list is there and cannot be read, or names are missing or stand there twice.
    """
    if described is not None:
        return _names_in(*described)
    for name in _LISTS:
        if (root / name).is_file():
            names = [line.strip() for line in _read(root / name).splitlines() if line.strip()]
            return _checked(root / name, names)
    return None


def description(root: Path) -> Description | None:
    """Return Ultralytics' description of the data set; None where there is none.

    It is called ``data.yaml``, or else as the data set: the only YAML file with ``train`` and ``names``.

    Raises:
        UserError: The file is there and cannot be read.
    """
    file = next((root / name for name in _DESCRIPTIONS if (root / name).is_file()), None)
    return _other_description(root) if file is None else Description(file, _parse(file))


def _other_description(root: Path) -> Description | None:
    found = []
    for file in sorted((*root.glob("*.yaml"), *root.glob("*.yml"))):
        with contextlib.suppress(UserError):  # a file of something else
            content = _parse(file)
            if {"train", "names"} <= content.keys():
                found.append(Description(file, content))
    return found[0] if len(found) == 1 else None


def _parse(file: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.load(_read(file), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = (
            error.problem_mark.line + 1
            if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark
            else 1
        )
        raise UserError(f"{file}:{line}: not YAML; {_FIX}") from error
    return content if isinstance(content, dict) else {}


def _names_in(file: Path, content: dict[str, Any]) -> list[str] | None:
    names = content.get("names")
    if names is None:
        return None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise UserError(f"{file}: the keys of names must be 0 to {len(names) - 1}; {_FIX}")
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list):
        raise UserError(f"{file}: names is neither a list nor a mapping; {_FIX}")
    return _checked(file, [str(name) for name in names])


def _checked(file: Path, names: list[str]) -> list[str]:
    if not names or len(set(names)) != len(names):
        raise UserError(f"{file}: needs at least one name and each name once, got {names}; {_FIX}")
    return names


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as UTF-8 ({error}); {_FIX}") from error
