"""Split a tenth of train off as valid, where the source has none."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

VALID_SHARE = 0.1
SPLIT_SEED = 42
FEW = 5
"""A class with fewer samples need not be in both parts."""
#: The class of samples that have none.
_NO_CLASS = -1

Sample = TypeVar("Sample")


def held_out(
    strata: Sequence[Sequence[int]], share: float = VALID_SHARE, seed: int = SPLIT_SEED
) -> np.ndarray:
    """Choose validation samples at random, the same share of every class.

    Of a class with fewer than `FEW` samples not every one can have a sample in both parts without more than
    the share being held out: the share of all samples that have such classes alone is, none of them a class's
    last one.

    Args:
        strata: The classes in each sample.
        share: Part to hold out; of a class with `FEW` samples or more at least one.
        seed: The same seed and classes give the same choice.

    Returns:
        bool ``[len(strata)]``, true where the sample is held out.
    """
    sets = [sorted(set(classes)) or [_NO_CLASS] for classes in strata]
    if all(len(classes) == 1 for classes in sets):
        chosen = _by_class(np.asarray([classes[0] for classes in sets], np.int64), share, seed)
    else:
        chosen = _iterative(sets, share, seed)
    _choose_of_few(chosen, sets, share, seed)
    return chosen


def deal(
    samples: Iterable[Sample], usable: Callable[[Sample], bool], strata: Sequence[Sequence[int]]
) -> Iterator[tuple[str, Sample]]:
    """Deal the samples of train to train and valid, by `held_out`, where some turn out to be of no use.

    Where all that were chosen with the same classes are of no use, the next one with these classes takes
    their place. Both parts get at least one where two are usable.

    Args:
        samples: In order.
        usable: Whether a sample can be used.
        strata: The classes in each sample, usable or not.

    Yields:
        The split and the sample, in order within each split.
    """
    chosen = held_out(strata)
    left = collections.Counter(frozenset(strata[index]) for index in np.flatnonzero(chosen).tolist())
    owed: set[frozenset[int]] = set()
    waiting: dict[str, Sample] = {}
    taken: collections.Counter[str] = collections.Counter()
    for index, sample in enumerate(samples):
        classes = frozenset(strata[index])
        if not usable(sample):
            left[classes] -= int(chosen[index])
            if chosen[index] and not left[classes]:
                owed.add(classes)
            yield "train", sample
            continue
        substitute = classes in owed and taken["valid"] <= VALID_SHARE * taken.total()
        split = "valid" if chosen[index] or substitute else "train"
        taken[split] += 1
        if split == "valid":
            owed.discard(classes)
        if split in waiting:  # the last one may be needed by the other part
            yield split, waiting[split]
        waiting[split] = sample
    for split, sample in waiting.items():
        other = "train" if split == "valid" else "valid"
        yield (other if len(waiting) == 1 and taken[split] > 1 else split), sample


def _by_class(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    chosen = np.zeros(len(labels), dtype=bool)
    generator = np.random.default_rng(seed)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(round(len(members) * share), 1) if len(members) >= FEW else 0
        chosen[generator.permutation(members)[:count]] = True
    return chosen


def _iterative(sets: Sequence[Sequence[int]], share: float, seed: int) -> np.ndarray:
    """Iterative stratification: the samples of the class with the fewest left go where it is wanted most.

    Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011, for two
    parts.
    """
    members: dict[int, list[int]] = {}
    for index, classes in enumerate(sets):
        for label in classes:
            members.setdefault(label, []).append(index)
    left = {label: len(found) for label, found in members.items()}
    valid = {label: max(count * share, 1.0) if count >= FEW else 0.0 for label, count in left.items()}
    train = {label: count - valid[label] for label, count in left.items()}
    room = [len(sets) * (1 - share), len(sets) * share]
    chosen, dealt = np.zeros(len(sets), dtype=bool), np.zeros(len(sets), dtype=bool)
    generator = np.random.default_rng(seed)
    while left:
        rarest = min(left, key=lambda label: (left[label], label))
        for index in generator.permutation(members[rarest]).tolist():
            if dealt[index]:
                continue
            dealt[index] = True
            chosen[index] = (valid[rarest], room[1]) > (train[rarest], room[0])
            room[int(chosen[index])] -= 1
            for label in sets[index]:
                (valid if chosen[index] else train)[label] -= 1
                if label in left:
                    left[label] -= 1
        del left[rarest]
    return chosen


def _choose_of_few(chosen: np.ndarray, sets: Sequence[Sequence[int]], share: float, seed: int) -> None:
    """Add to the choice among samples that have rare classes alone; from any, where nothing is chosen yet."""
    left = collections.Counter(label for index in np.flatnonzero(~chosen).tolist() for label in sets[index])
    size = left + collections.Counter(
        label for index in np.flatnonzero(chosen).tolist() for label in sets[index]
    )
    few = [index for index, classes in enumerate(sets) if all(size[label] < FEW for label in classes)]
    missing = round(len(few) * share) - int(chosen[few].sum())
    if missing <= 0 and not chosen.any():
        few, missing = list(range(len(sets))), 1
    for index in np.random.default_rng(seed).permutation(few).tolist():
        if missing <= 0:
            return
        if not chosen[index] and all(left[label] > 1 for label in sets[index]):
            chosen[index] = True
            missing -= 1
            left.subtract(sets[index])
