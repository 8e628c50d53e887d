"""Find pictures of one split that look like one of another: scaled, compressed again, brighter, turned.

A perceptual hash of 63 bits, the signs of the lowest 8 x 8 frequencies of the luma (after Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010), proposes pairs; each is then
verified by what its thumbnails' edges have in common, which skies and studio backgrounds have not. Mirroring
an image turns the sign of every second column of frequencies, and exchanging its axes exchanges theirs, so
pictures that are mirrored or turned by quarters are found by the same hash. Parts of a picture are not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np

_SIDE = 16
_FREQUENCIES = 8
MOST_BITS = 12
"""Hashes of a proposed pair differ in no more bits than this; one in some 100,000 pairs of CIFAR-10 does."""
LEAST_ALIKE = 0.75
"""Least correlation of the edges of a verified pair; more in data whose pictures are all of one kind."""
TURNS = (
    "",
    "mirrored",
    "upside down and mirrored",
    "turned by 180°",
    "turned by 90° and mirrored",
    "turned by 90°",
    "turned by 90°",
    "turned by 90° and mirrored",
)
"""Bit 0: columns reversed; bit 1: rows reversed; bit 2: before that, rows and columns exchanged."""
_MOST_DEMANDED = 0.98
_DEVIATIONS = 6
_SAMPLED_PAIRS = 2000
_LEAST_TONES_ALIKE = 0.5
#: Images that deviate less from their mean have no edges to compare: blank pages, black frames.
_LEAST_CONTRAST = 3.0
_PROPOSED_EACH = 4
_TABLES = 24
_KEY_BITS = (4, 16)
#: Knuth's multiplicative hashing, with 2**64 divided by the golden ratio.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_QUERIES = 4096
#: In one table. Where more pictures share a key, they are a still film, and some of them will do.
_MOST_COMPARED = 256


class Likeness(NamedTuple):
    """A picture and the one it is most like, in another split.

    Args:
        picture: Its index in its split.
        other: Index of the one it is like, in the other split.
        alike: Correlation of their edges, `LEAST_ALIKE` to 1.
        turn: How it is turned against that one, index into `TURNS`.
    """

    picture: int
    other: int
    alike: float
    turn: int


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

    def find(self, split: str, other: str) -> list[Likeness]:
        """Return, for each picture of a split that is like one of another split, the most alike, in order.

        Pairs are proposed by locality-sensitive hashing: where both have equal bits in one of 24 random
        choices of some bits (Indyk and Motwani, "Approximate Nearest Neighbors", 1998). Of pairs whose hashes
        differ in 8 bits, 99 % are; memory and time grow with the sum of both numbers, not with the product.
        """
        if split not in self._files or other not in self._files:
            return []
        hashes = np.concatenate(self._hashes[split])
        others = np.concatenate(self._hashes[other])
        rows, columns, turns = _propose(hashes, others)
        thumbnails, other_thumbnails = self._stored(split), self._stored(other)
        least = _least_alike(thumbnails, other_thumbnails)
        found: list[Likeness] = []
        for part in _parts(rows):
            alike = _verify(thumbnails[rows[part]], other_thumbnails[columns[part]], turns[part])
            found += _best(rows[part], columns[part], turns[part], alike, least)
        return found

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
_BITS = np.array([1 << bit for bit in range(64)], np.uint64)
_MIRROR = np.packbits(np.tile([False, True], 32)).view(np.uint64)[0]
_FLIP = np.packbits(np.tile(np.repeat([False, True], 8), 4)).view(np.uint64)[0]


def _propose(hashes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and turns of pairs whose hashes are close, a few for each row, by row."""
    usable, other_usable = np.flatnonzero(hashes), np.flatnonzero(others)
    hashes, others = hashes[usable], others[other_usable]
    wanted = _turned(hashes)
    size = int(np.clip(np.log2(max(len(others), 1)) - 4, *_KEY_BITS))
    generator = np.random.default_rng(0)
    close: list[np.ndarray] = []
    for _ in range(_TABLES):
        mask = np.bitwise_or.reduce(_BITS[generator.choice(len(_BITS), size, replace=False)])
        close.extend(_close_pairs(wanted, others, mask))
    pairs = np.unique(np.concatenate(close)) if close else np.empty(0, np.int64)
    queries, columns = np.divmod(pairs, max(len(others), 1))
    rows = queries % max(len(hashes), 1)
    bits = np.bitwise_count(wanted[queries] ^ others[columns])
    order = np.lexsort((columns, queries, bits, rows))
    order = order[np.arange(len(order)) - np.searchsorted(rows[order], rows[order]) < _PROPOSED_EACH]
    return usable[rows[order]], other_usable[columns[order]], queries[order] // max(len(hashes), 1)


def _turned(hashes: np.ndarray) -> np.ndarray:
    """Return the hashes of the pictures in all of `TURNS`, one turn after the other."""
    bits = np.unpackbits(hashes.view(np.uint8)).reshape(-1, _FREQUENCIES, _FREQUENCIES)
    exchanged = np.packbits(bits.transpose(0, 2, 1)).view(np.uint64)
    return np.concatenate(
        [
            start ^ mask
            for start in (hashes, exchanged)
            for mask in (np.uint64(0), _MIRROR, _FLIP, _MIRROR ^ _FLIP)
        ]
    )


def _close_pairs(wanted: np.ndarray, others: np.ndarray, mask: np.uint64) -> Iterator[np.ndarray]:
    """Yield pairs, as ``query * len(others) + column``, that agree in the bits of a mask and are close."""
    keys, other_keys = _keys(wanted, mask), _keys(others, mask)
    order = np.argsort(other_keys, kind="stable")  # a radix sort, for 16 bits
    sizes = np.bincount(other_keys, minlength=1 << 16)
    starts = (np.cumsum(sizes) - sizes)[keys]
    counts = np.minimum(sizes, _MOST_COMPARED)[keys]
    for first in range(0, len(keys), _QUERIES):
        begin, count = starts[first : first + _QUERIES], counts[first : first + _QUERIES]
        queries = first + np.repeat(np.arange(len(count)), count)
        columns = order[np.arange(count.sum()) + np.repeat(begin - np.cumsum(count) + count, count)]
        bits = np.bitwise_count(wanted[queries] ^ others[columns])
        near = np.flatnonzero(bits <= MOST_BITS)
        queries, columns = _closest(queries[near], columns[near], bits[near])
        yield queries * len(others) + columns


def _keys(hashes: np.ndarray, mask: np.uint64) -> np.ndarray:
    """Return uint16 keys, equal where the hashes agree in the bits of the mask."""
    keys: np.ndarray = ((hashes & mask) * _SPREAD >> np.uint64(48)).astype(np.uint16)
    return keys


def _closest(rows: np.ndarray, columns: np.ndarray, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((columns, bits, rows))
    rows, columns = rows[order], columns[order]
    kept = np.arange(len(rows)) - np.searchsorted(rows, rows) < _PROPOSED_EACH
    return rows[kept], columns[kept]


def _parts(rows: np.ndarray) -> Iterator[slice]:
    """Cut sorted rows into parts of some thousands; equal rows stay together."""
    begin = 0
    while begin < len(rows):
        end = int(np.searchsorted(rows, rows[min(begin + _QUERIES, len(rows)) - 1], side="right"))
        yield slice(begin, end)
        begin = end


def _verify(
    thumbnails: np.ndarray, others: np.ndarray, turns: np.ndarray, least_tones: float = _LEAST_TONES_ALIKE
) -> np.ndarray:
    """Return the correlation of both thumbnails' edges; 0 where their tones differ too much."""
    first, second = thumbnails.astype(np.float32), others.astype(np.float32)
    for bit, view in ((4, first.transpose(0, 2, 1)), (1, first[:, :, ::-1]), (2, first[:, ::-1])):
        changed = (turns & bit) > 0
        first[changed] = view[changed]
    edges = _correlation(_edges(first), _edges(second))
    tones = _correlation(first.reshape(len(first), -1), second.reshape(len(second), -1))
    return np.where(tones >= least_tones, edges, 0)


def _least_alike(thumbnails: np.ndarray, others: np.ndarray) -> float:
    """Return the likeness to demand: far above that of random pairs, which is high for digits and X-rays."""
    generator = np.random.default_rng(0)
    first = thumbnails[generator.integers(0, len(thumbnails), _SAMPLED_PAIRS)]
    second = others[generator.integers(0, len(others), _SAMPLED_PAIRS)]
    # The same picture drawn from a small data set again and again must not count.
    alike = np.sort(_verify(first, second, np.zeros(len(first), np.int64), -1))[: -_SAMPLED_PAIRS // 50]
    return float(np.clip(alike.mean() + _DEVIATIONS * alike.std(), LEAST_ALIKE, _MOST_DEMANDED))


def _edges(grey: np.ndarray) -> np.ndarray:
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    return np.concatenate([across.reshape(len(grey), -1), down.reshape(len(grey), -1)], axis=1)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = first - first.mean(1, keepdims=True), second - second.mean(1, keepdims=True)
    scale = np.sqrt(np.einsum("ij,ij->i", first, first) * np.einsum("ij,ij->i", second, second))
    correlation: np.ndarray = np.einsum("ij,ij->i", first, second) / np.maximum(scale, 1e-6)
    return correlation


def _best(
    rows: np.ndarray, columns: np.ndarray, turns: np.ndarray, alike: np.ndarray, least: float
) -> Iterator[Likeness]:
    order = np.lexsort((columns, -alike, rows))
    first = order[np.unique(rows[order], return_index=True)[1]]
    for index in first[alike[first] >= least]:
        yield Likeness(
            int(rows[index]), int(columns[index]), min(float(alike[index]), 1.0), int(turns[index])
        )
