"""Find pictures that occur more than once, within and across splits."""

from __future__ import annotations

import dataclasses

import numpy as np

_KEY_BYTES = 16


@dataclasses.dataclass(frozen=True)
class DuplicateGroup:
    """The same pixels, several times.

    Args:
        members: ``(split, index)`` of each, in order.
    """

    members: list[tuple[str, int]]

    @property
    def across(self) -> bool:
        """Whether they lie in more than one split."""
        return len({split for split, _ in self.members}) > 1


class DuplicateFinder:
    """Collects 16 bytes a sample, and groups them at the end."""

    def __init__(self) -> None:
        self._keys: dict[str, bytearray] = {}

    def add(self, split: str, pixels_digest: bytes) -> None:
        """Take the next sample of a split."""
        self._keys.setdefault(split, bytearray()).extend(pixels_digest[:_KEY_BYTES])

    def key(self, split: str, index: int) -> bytes:
        """Return what tells the pixels of a sample from others."""
        return bytes(self._keys[split][index * _KEY_BYTES : (index + 1) * _KEY_BYTES])

    def groups(self) -> list[DuplicateGroup]:
        """Return every set of equal pictures, in the order of their first member."""
        names = list(self._keys)
        parts = [np.frombuffer(bytes(self._keys[name]), dtype="<u8").reshape(-1, 2) for name in names]
        if not parts:
            return []
        keys = np.concatenate(parts)
        starts = np.cumsum([0, *map(len, parts)])
        order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
        new = np.any(keys[order][1:] != keys[order][:-1], axis=1)
        begins = np.concatenate([[0], np.flatnonzero(new) + 1])[: len(keys)]
        lengths = np.diff(begins, append=len(keys))
        groups = []
        for begin, length in zip(begins[lengths > 1], lengths[lengths > 1], strict=True):
            run = order[begin : begin + length]
            splits = np.searchsorted(starts, run, side="right") - 1
            groups.append([(names[s], int(i - starts[s])) for s, i in zip(splits, run, strict=True)])
        rank = {name: position for position, name in enumerate(names)}
        groups.sort(key=lambda group: (rank[group[0][0]], group[0][1]))
        return [DuplicateGroup(group) for group in groups]
