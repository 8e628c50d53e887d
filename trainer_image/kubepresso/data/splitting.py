"""Split a tenth of train off as valid, where the source has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

VALID_SHARE = 0.1
SPLIT_SEED = 42


def held_out(
    strata: Sequence[Sequence[int]], share: float = VALID_SHARE, seed: int = SPLIT_SEED
) -> np.ndarray:
    """Choose validation samples at random, the same share of every class.

    Args:
        strata: The classes in each sample.
        share: Part to hold out; of each class, at least one sample of a class that two or more have.
        seed: The same seed and classes give the same choice.

    Returns:
        bool ``[len(strata)]``, true where the sample is held out.
    """
    sets = [sorted(set(classes)) for classes in strata]
    if all(len(classes) == 1 for classes in sets):
        return _by_class(np.asarray([classes[0] for classes in sets], np.int64), share, seed)
    return _iterative(sets, share, seed)


def _by_class(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    chosen = np.zeros(len(labels), dtype=bool)
    generator = np.random.default_rng(seed)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(round(len(members) * share), 1) if len(members) > 1 else 0
        chosen[generator.permutation(members)[:count]] = True
    return chosen


def _iterative(sets: Sequence[Sequence[int]], share: float, seed: int) -> np.ndarray:
    """Iterative stratification: the samples of the class with the fewest left go where it is wanted most.

    Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011, for two
    parts. Samples without a class are a class of their own.
    """
    labels = [classes or (-1,) for classes in sets]
    members: dict[int, list[int]] = {}
    for index, classes in enumerate(labels):
        for label in classes:
            members.setdefault(label, []).append(index)
    left = {label: len(found) for label, found in members.items()}
    valid = {label: max(count * share, 1.0) if count > 1 else 0.0 for label, count in left.items()}
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
            for label in labels[index]:
                (valid if chosen[index] else train)[label] -= 1
                if label in left:
                    left[label] -= 1
        del left[rarest]
    return chosen
