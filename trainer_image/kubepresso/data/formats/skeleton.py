"""Keypoints of a skeleton, as the configuration or a data set describes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubepresso.config.data import DataConfig
from kubepresso.config.keypoints import paired_by_name
from kubepresso.data.formats.naming import read_mapping
from kubepresso.data.targets import Keypoint
from kubepresso.errors import UserError


def configured_keypoints(data: DataConfig, root: Path) -> tuple[Keypoint, ...] | None:
    """Return the keypoints of ``data.id_mapping``, None where it is absent.

    A list, or a JSON file with one, of names or of objects with ``name``, ``swap`` and ``color``. Where no
    object says what it swaps with, `paired_by_name` does.

    Raises:
        UserError: It is something else, names one keypoint twice, or swaps with one that is not there.
    """
    mapping: Any = data.keypoints or read_mapping(data, root)
    if mapping is None:
        return None
    if not isinstance(mapping, list | tuple):
        raise UserError("data.id_mapping: poses need a list of keypoints, each with name, swap and color")
    entries = [_entry(item) for item in mapping]
    return skeleton(entries, "data.id_mapping")


Described = tuple[str, str | None, tuple[int, int, int] | None]


def skeleton(entries: Sequence[Described], place: str) -> tuple[Keypoint, ...]:
    """Return keypoints with the index of the one that each changes places with.

    Args:
        entries: Name, name of the partner, colour.
        place: For messages.

    Raises:
        UserError: A name stands there twice or not at all, or partners do not agree.
    """
    names = [name for name, _, _ in entries]
    if not names or "" in names or len(set(names)) != len(names):
        raise UserError(f"{place}: needs at least one keypoint and each name once, got {names}")
    partners = [swap for _, swap, _ in entries]
    if not any(partners):
        partners = paired_by_name(names)
    problems = [
        f"{place}: {name} swaps with {swap!r}, which is no keypoint"
        for name, swap in zip(names, partners, strict=True)
        if swap and swap not in names
    ]
    if problems:
        raise UserError(problems)
    swaps = [names.index(swap) if swap else index for index, swap in enumerate(partners)]
    problems = [
        f"{place}: {names[index]} swaps with {names[swap]}, which swaps with {names[swaps[swap]]}"
        for index, swap in enumerate(swaps)
        if swaps[swap] != index
    ]
    if problems:
        raise UserError(problems)
    return tuple(
        Keypoint(name, swap, entry[2]) for name, swap, entry in zip(names, swaps, entries, strict=True)
    )


def _entry(item: Any) -> Described:
    if isinstance(item, str):
        return item, None, None
    if isinstance(item, dict):  # from a JSON file, which the configuration's schema has not seen
        colour = item.get("color")
        if isinstance(colour, list) and len(colour) == 3 and all(isinstance(value, int) for value in colour):
            colour = (colour[0], colour[1], colour[2])
        else:
            colour = None
        return str(item.get("name") or ""), str(item.get("swap") or "") or None, colour
    colour = item.color
    return item.name, item.swap, (colour[0], colour[1], colour[2]) if colour else None
