"""Dotted overrides: ``training.epochs=3``, ``augmentation.train.0.size=64``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kubepresso.config.document import MAX_DEPTH, Document, parse
from kubepresso.config.problems import Mark, Path, Problem

_SHOWN = 160  # characters of an override in what is said of it
_BRACKETS = re.compile(r"\[([0-9]+)\]")
_INDEX = re.compile(r"[0-9]{1,9}")


def apply(document: Document, overrides: Sequence[str]) -> None:
    """Set the values that overrides name, in order; mappings that are not there are made.

    Args:
        document: Changed in place; what is wrong with an override goes to its problems.
        overrides: Each ``key=value`` with dots between keys and list indices; the value is YAML.
    """
    for override in overrides:
        shown = override if len(override) <= _SHOWN else f"{override[:_SHOWN]}..."
        mark = Mark(f"override {shown!r}")
        try:
            path, value = _read(override)
            there = _depth(document.value, path)
            document.value = _set(document.value, path, value, ())
        except _BadOverrideError as error:
            document.problems.append(Problem(mark, error.path, error.text))
            continue
        for marks in (document.keys, document.values):
            for inner in [inner for inner in marks if inner[: len(path)] == path]:
                del marks[inner]
            for depth in range(there + 1, len(path)):
                marks[path[:depth]] = mark
            marks[path] = mark


def _depth(holder: Any, path: Path) -> int:
    """Count the keys of a path whose values are mappings or lists, so that they keep their places."""
    for depth, key in enumerate(path):
        try:
            holder = holder[key if isinstance(holder, list) else str(key)]
        except (KeyError, IndexError, TypeError):
            return depth
        if not isinstance(holder, dict | list):
            return depth
    return len(path)


class _BadOverrideError(Exception):
    def __init__(self, text: str, path: Path = ()) -> None:
        self.text = text
        self.path = path
        super().__init__(text)


def _read(override: str) -> tuple[Path, Any]:
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise _BadOverrideError("not an override; write key.key=value, for example training.epochs=3")
    if indexed := _BRACKETS.search(dotted):
        raise _BadOverrideError(f"write {indexed[0]} with a dot: .{indexed[1]}")
    if not text.strip():
        raise _BadOverrideError("nothing after =; write null for no value, '' for empty text", tuple(keys))
    if len(keys) > MAX_DEPTH:
        raise _BadOverrideError(f"its key is deeper than {MAX_DEPTH} levels")
    value = parse(text, override)
    if value.problems:
        raise _BadOverrideError(value.problems[0].text)
    return tuple(int(key) if _INDEX.fullmatch(key) else key for key in keys), value.value


def _set(holder: Any, path: Path, value: Any, done: Path) -> Any:
    """Return ``holder`` with a value set in it."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(holder, list):
        if not isinstance(key, int) or key >= len(holder):
            allowed = f"allowed: 0 to {len(holder) - 1}" if holder else "the list is empty"
            raise _BadOverrideError(f"{key!r} is no index of this list; {allowed}", done)
        holder[key] = _set(holder[key], rest, value, (*done, key))
        return holder
    if holder is None:
        holder = {}
    if not isinstance(holder, dict):
        raise _BadOverrideError(f"is {holder!r}, so it has no {key!r} in it", done)
    key = str(key)
    holder[key] = _set(holder.get(key), rest, value, (*done, key))
    return holder
