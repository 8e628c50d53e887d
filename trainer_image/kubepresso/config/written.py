"""Where keys are written: for what is said of them, here or later by a step, which gets values alone."""

from __future__ import annotations

from collections.abc import Mapping

from kubepresso.config.document import Document
from kubepresso.config.problems import Mark, Path, dotted


def mark_of(document: Document, path: Path) -> Mark:
    """Find the place of a value or, where it is not there, of the nearest key above it."""
    if path in document.values and path in document.keys:
        return document.values[path]
    while path and path not in document.keys:
        path = path[:-1]
    return document.keys.get(path, Mark("configuration"))


def mark_of_key(document: Document, path: Path) -> Mark:
    """Find the place of a key; one inside a value that an override gave has the override's."""
    return document.keys[path] if path in document.keys else mark_of(document, path)


def written_keys(document: Document) -> dict[str, Mark]:
    """Return the place of each value that is written, by its dotted key."""
    return {dotted(path): mark_of(document, path) for path in document.keys if path}


def nearest(written: Mapping[str, Mark], key: str) -> Mark | None:
    """Find the place of a dotted key or of the nearest key above it; None where neither is written."""
    while key and key not in written:
        key = key.rpartition(".")[0]
    return written.get(key)
