"""Find pictures of one split that look like one of another: scaled, compressed again, brighter, mirrored.

A perceptual hash of 63 bits, the signs of the lowest 8 x 8 frequencies of the luma (after Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010), proposes pairs; each is then
verified by what its thumbnails' edges have in common, which skies and studio backgrounds have not. Mirroring
an image turns the sign of every second column of frequencies, so mirrored ones are found by the same hash.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple

import numpy as np

_SIDE = 16
_FREQUENCIES = 8
MOST_BITS = 12
"""Hashes of a proposed pair differ in no more bits than this; one in some 100,000 pairs of CIFAR-10 does."""
LEAST_ALIKE = 0.75
"""Least correlation of the edges of a verified pair."""
_LEAST_TONES_ALIKE = 0.5
#: Images that deviate less from their mean have no edges to compare: blank pages, black frames.
_LEAST_CONTRAST = 3.0
_PROPOSED_EACH = 4
_ROWS = 64


class Likeness(NamedTuple):
    """A picture and the one it is most like, in another split.

    Args:
        picture: Its index in its split.
        other: Index of the one it is like, in the other split.
        alike: Correlation of their edges, `LEAST_ALIKE` to 1.
        mirrored: Whether it is like that one's mirror image.
    """

    picture: int
    other: int
    alike: float
    mirrored: bool


class LikenessFinder:
    """Keeps 8 bytes an image in memory and 256 in an unnamed file, and compares at the end."""

    def __init__(self) -> None:
        self._hashes: dict[str, list[np.ndarray]] = {}
        self._files: dict[str, IO[bytes]] = {}

    def add(self, split: str, luma: np.ndarray) -> None:
        """Take the next images of a split.

        Args:
            split: Its name.
            luma: Of thumbnails, in thousandths (0 to 255,000), float64 ``[n, 32, 32]``.
        """
        if split not in self._files:
            self._files[split] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the finder)
            self._hashes[split] = []
        grey = grey_thumbnails(luma)
        self._hashes[split].append(perceptual_hashes(grey))
        self._files[split].write(grey.tobytes())

    def find(self, split: str, other: str) -> Iterator[Likeness]:
        """Yield, for each picture of a split that is like one of another split, the most alike, in order.

        It takes time in proportion to the product of both numbers (3 s for 10,000 with 50,000 on one core)
        and memory in proportion to their sum.
        """
        if split not in self._files or other not in self._files:
            return
        hashes = np.concatenate(self._hashes[split])
        others = np.concatenate(self._hashes[other])
        thumbnails, other_thumbnails = self._stored(split), self._stored(other)
        starts = range(0, len(hashes), _ROWS)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            proposed = pool.map(lambda start: _propose(hashes[start : start + _ROWS], others), starts)
            for start, (rows, columns, mirrored) in zip(starts, proposed, strict=True):
                if len(rows):
                    alike = _verify(thumbnails[start + rows], other_thumbnails[columns], mirrored)
                    yield from _best(start + rows, columns, mirrored, alike)

    def close(self) -> None:
        """Drop the file."""
        for file in self._files.values():
            file.close()

    def _stored(self, split: str) -> np.ndarray:
        self._files[split].flush()
        return np.memmap(self._files[split], np.uint8, "r").reshape(-1, _SIDE, _SIDE)


def grey_thumbnails(luma: np.ndarray) -> np.ndarray:
    """Return luma in thousandths, float64 ``[n, 32, 32]``, as uint8 ``[n, 16, 16]``."""
    grey: np.ndarray = (_HALVES @ luma @ _HALVES.T / 1000).astype(np.uint8)
    return grey


def perceptual_hashes(grey: np.ndarray) -> np.ndarray:
    """Return the perceptual hash of grey thumbnails.

    Args:
        grey: uint8 ``[n, 16, 16]``.

    Returns:
        uint64 ``[n]``; 0 for an image without contrast, which is like no other.
    """
    # The signs do not depend on the scale of the transform, so its factors are left out.
    centred = grey.astype(np.float32) - 127
    spectrum = _COSINES @ centred @ _COSINES.T
    bits = (spectrum > 1e-2).reshape(len(grey), -1)
    bits[:, 0] = True  # the mean says nothing; instead, this bit tells a hash from 0
    hashes = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    hashes[grey.reshape(len(grey), -1).std(1) < _LEAST_CONTRAST] = 0
    return hashes


_HALVES = np.repeat(np.eye(_SIDE), 2, axis=1) / 2
_COSINES = np.cos(np.pi / _SIDE * np.outer(np.arange(_FREQUENCIES), np.arange(_SIDE) + 0.5), dtype=np.float32)
_MIRROR = np.packbits(np.tile([False, True], 32)).view(np.uint64)[0]


def _propose(hashes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and mirrored of the pairs whose hashes are close, the closest few of each row."""
    found = []
    for mirrored, wanted in ((False, hashes), (True, hashes ^ _MIRROR)):
        bits = np.bitwise_count(wanted[:, None] ^ others)
        rows, columns = np.nonzero(bits <= MOST_BITS)
        usable = (hashes[rows] != 0) & (others[columns] != 0)
        rows, columns = rows[usable], columns[usable]
        found.append((rows, columns, bits[rows, columns], np.full(len(rows), mirrored)))
    rows, columns, bits, mirror = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((columns, bits, rows))
    rows, columns, mirror = rows[order], columns[order], mirror[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    near = rank < _PROPOSED_EACH
    return rows[near], columns[near], mirror[near]


def _verify(thumbnails: np.ndarray, others: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Return the correlation of both thumbnails' edges; 0 where their tones differ too much."""
    first, second = thumbnails.astype(np.float32), others.astype(np.float32)
    first[mirrored] = first[mirrored][:, :, ::-1]
    edges = _correlation(_edges(first), _edges(second))
    tones = _correlation(first.reshape(len(first), -1), second.reshape(len(second), -1))
    return np.where(tones >= _LEAST_TONES_ALIKE, edges, 0)


def _edges(grey: np.ndarray) -> np.ndarray:
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    return np.concatenate([across.reshape(len(grey), -1), down.reshape(len(grey), -1)], axis=1)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = first - first.mean(1, keepdims=True), second - second.mean(1, keepdims=True)
    scale = np.sqrt(np.einsum("ij,ij->i", first, first) * np.einsum("ij,ij->i", second, second))
    correlation: np.ndarray = np.einsum("ij,ij->i", first, second) / np.maximum(scale, 1e-6)
    return correlation


def _best(
    rows: np.ndarray, columns: np.ndarray, mirrored: np.ndarray, alike: np.ndarray
) -> Iterator[Likeness]:
    order = np.lexsort((columns, -alike, rows))
    first = order[np.unique(rows[order], return_index=True)[1]]
    for index in first[alike[first] >= LEAST_ALIKE]:
        yield Likeness(
            int(rows[index]), int(columns[index]), min(float(alike[index]), 1.0), bool(mirrored[index])
        )
