"""A tenth of train becomes valid: seeded, and with the same share of every class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import MadeSplit, prepare_made

from kubepresso.data.splitting import held_out


def test_one_class_a_sample_splits_as_it_always_did():
    """Drawn class by class; the choice must not change from version to version."""
    labels = [index % 3 for index in range(60)]
    generator, expected = np.random.default_rng(42), np.zeros(60, bool)
    for label in range(3):
        members = np.array([i for i in range(60) if i % 3 == label])
        expected[generator.permutation(members)[:2]] = True
    assert np.array_equal(held_out([(label,) for label in labels]), expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=60))
def test_any_classes_give_a_seeded_choice_that_leaves_train_something(strata):
    chosen = held_out(strata)
    assert chosen.shape == (len(strata),)
    assert np.array_equal(chosen, held_out([sorted(classes, reverse=True) for classes in strata]))
    for label in range(6):
        having = [bool(chosen[i]) for i, classes in enumerate(strata) if label in classes]
        if len(having) == 1 and len(set(strata[[label in c for c in strata].index(True)])) == 1:
            assert having == [False]


def skewed(count):
    """Images with several classes each; class frequencies fall from 60 % to 0.5 %."""
    generator = np.random.default_rng(3)
    shares = np.geomspace(0.6, 0.005, 12)
    return [np.flatnonzero(generator.random(12) < shares).tolist() for _ in range(count)]


def test_several_classes_a_sample_keep_their_shares():
    strata = skewed(4000)
    chosen = held_out(strata)
    assert abs(chosen.mean() - 0.1) < 0.005
    generator = np.random.default_rng(0)
    blind = generator.permutation(len(strata)) < len(strata) // 10

    def largest_error(choice):
        errors = []
        for label in range(12):
            having = np.array([label in classes for classes in strata])
            errors.append(abs(choice[having].mean() - 0.1))
        return max(errors)

    assert largest_error(chosen) < 0.02
    assert largest_error(chosen) < largest_error(blind) / 2


def test_every_class_of_two_images_or_more_is_in_both_parts():
    strata = [[0], [0, 1], [0, 1], [2], [2], [0], [0], [0, 3], *([0] for _ in range(40))]
    chosen = held_out(strata)
    for label in (0, 1, 2):
        having = {bool(chosen[i]) for i, classes in enumerate(strata) if label in classes}
        assert having == {True, False}, label
    assert not chosen[7]  # the only image of class 3


def test_images_without_a_class_are_split_too():
    chosen = held_out([[]] * 100 + [[0, 1]] * 100)
    assert (chosen[:100].sum(), chosen[100:].sum()) == (10, 10)


@pytest.mark.parametrize("task", ["detection", "segmentation", "pose_estimation"])
def test_valid_is_split_off_where_there_is_none(task, tmp_path):
    first, second = (prepare_made(task, tmp_path / name, {"train": MadeSplit(task, 60)}) for name in "ab")
    assert first.held_out
    assert first.splits["train"].count + first.splits["valid"].count == 60
    assert 5 <= first.splits["valid"].count <= 7
    assert first.manifest.digest == second.manifest.digest
