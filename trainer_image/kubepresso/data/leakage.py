"""Pictures that are in more than one split, equal or alike: what a model was trained on says little of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from kubepresso.data.duplicates import DuplicateFinder
from kubepresso.data.findings import Findings
from kubepresso.data.gallery import SMALL, Picture
from kubepresso.data.pixels import decode_upright
from kubepresso.data.prepared import SplitReader
from kubepresso.data.similarity import TURNS, LikenessFinder
from kubepresso.data.targets import TargetCodec
from kubepresso.reporting.pictures import picture_uri, thumbnail

_PAIRS_SHOWN = 24
_ORDER = ("train", "valid", "test")


class Pair(NamedTuple):
    """A picture of one split that looks like one of an earlier split.

    Args:
        split: ``valid`` or ``test``.
        picture: Its index in its split.
        other_split: Where the other is.
        other: Its index there.
        alike: 0.75 to 1.
        turn: How it is turned, index into `TURNS`.
    """

    split: str
    picture: int
    other_split: str
    other: int
    alike: float
    turn: int


@dataclasses.dataclass(frozen=True)
class NearDuplicates:
    """What the search found; equal pictures are not among them.

    Args:
        images: By split (valid, test): its pictures that look like one of an earlier split.
        shares: The same, as shares of the split.
        groups: Sets of pictures that look alike, over all splits.
        shown: Some pairs, evenly taken from the most to the least alike: both pictures and a caption.
    """

    images: dict[str, int] = dataclasses.field(default_factory=dict)
    shares: dict[str, float] = dataclasses.field(default_factory=dict)
    groups: int = 0
    shown: list[tuple[Picture, Picture, str]] = dataclasses.field(default_factory=list)

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return the numbers by split, for the fingerprint."""
        return {split: {"images": self.images[split], "share": self.shares[split]} for split in self.images}


class LeakageSearch:
    """Collects what tells pictures from one another, and compares at the end.

    Args:
        codec: Of the task, to tell targets from one another.
        one_class: Whether a target is one class, for the messages.
    """

    def __init__(self, codec: TargetCodec, one_class: bool) -> None:
        self._codec, self._one_class = codec, one_class
        self._equal = DuplicateFinder()
        self._alike = LikenessFinder()

    def add(self, split: str, pixels_digest: bytes) -> None:
        """Take the next sample of a split."""
        self._equal.add(split, pixels_digest)

    def add_luma(self, split: str, luma: np.ndarray) -> None:
        """Take the luma of the split's next samples, float64 ``[n, 32, 32]`` in thousandths."""
        self._alike.add(split, luma)

    def report_equal(self, readers: Mapping[str, SplitReader], findings: Findings) -> None:
        """Record pictures with the same pixels, within and across splits."""
        for group in self._equal.groups():
            (first, where), *others = group.members
            named = [f"{split}: {readers[split][index].path}" for split, index in others]
            message = f"the same picture as {', '.join(named)}"
            message += self._contradiction(readers, group.members)
            check = "duplicates_across_splits" if group.across else "duplicates_within_splits"
            findings.add(check, f"{first}: {readers[first][where].path}", message)

    def report_alike(self, readers: Mapping[str, SplitReader], findings: Findings) -> NearDuplicates:
        """Record pictures that look like one of another split, and return the numbers and some pairs."""
        check = "near_duplicates_across_splits"
        if findings.policies[check] == "ignore":
            return NearDuplicates()
        pairs = list(self._pairs(readers))
        for pair in pairs:
            sample, other = readers[pair.split][pair.picture], readers[pair.other_split][pair.other]
            members = [(pair.split, pair.picture), (pair.other_split, pair.other)]
            message = f"looks like {pair.other_split}: {other.path} ({_in_words(pair)})"
            if self._one_class:  # a scaled or shifted picture has other boxes, which contradict nothing
                message += self._contradiction(readers, members)
            findings.add(check, f"{pair.split}: {sample.path}", message)
        images = {
            split: len({pair.picture for pair in pairs if pair.split == split})
            for split in _ORDER[1:]
            if split in readers
        }
        shares = {split: count / max(len(readers[split]), 1) for split, count in images.items()}
        shown = [_side_by_side(pair, readers) for pair in _spread(pairs)]
        return NearDuplicates(images, shares, _groups(pairs), shown)

    def _pairs(self, readers: Mapping[str, SplitReader]) -> Iterator[Pair]:
        present = [split for split in _ORDER if split in readers]
        for position, split in enumerate(present):
            for other in present[:position]:
                for found in self._alike.find(split, other):
                    first, second = (split, found.picture), (other, found.other)
                    if self._equal.key(*first) != self._equal.key(*second):
                        yield Pair(*first, *second, found.alike, found.turn)

    def _contradiction(self, readers: Mapping[str, SplitReader], members: list[tuple[str, int]]) -> str:
        targets = {self._codec.digest(_target(readers, member)) for member in members}
        if len(targets) == 1:
            return ""
        return ", under another class" if self._one_class else ", labelled otherwise"


def _target(readers: Mapping[str, SplitReader], member: tuple[str, int]) -> Any:
    return readers[member[0]][member[1]].target


def _in_words(pair: Pair) -> str:
    return f"{pair.alike:.0%} alike" + (f", {TURNS[pair.turn]}" if pair.turn else "")


def _spread(pairs: list[Pair]) -> list[Pair]:
    ranked = sorted(pairs, key=lambda pair: (-pair.alike, pair))
    kept = np.linspace(0, len(ranked) - 1, min(_PAIRS_SHOWN, len(ranked))).round().astype(int)
    return [ranked[index] for index in kept]


def _side_by_side(pair: Pair, readers: Mapping[str, SplitReader]) -> tuple[Picture, Picture, str]:
    first = _picture(readers[pair.split], pair.split, pair.picture)
    return first, _picture(readers[pair.other_split], pair.other_split, pair.other), _in_words(pair)


def _picture(reader: SplitReader, split: str, index: int) -> Picture:
    sample = reader[index]
    small = thumbnail(decode_upright(sample.image_bytes)[0], SMALL + 30)
    return Picture(picture_uri(small), f"{split}: {sample.path}", small.width)


def _groups(pairs: list[Pair]) -> int:
    """Count the connected sets of alike pictures."""
    parents: dict[tuple[str, int], tuple[str, int]] = {}

    def root(member: tuple[str, int]) -> tuple[str, int]:
        while (parent := parents.setdefault(member, member)) != member:
            parents[member] = parents[parent]
            member = parent
        return member

    for pair in pairs:
        parents[root((pair.split, pair.picture))] = root((pair.other_split, pair.other))
    return sum(member == root(member) for member in list(parents))
