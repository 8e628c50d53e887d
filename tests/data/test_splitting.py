"""A tenth of train becomes valid: seeded, and with the same share of every class."""

import collections
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import MadeSplit, make_target, prepare_made
from PIL import Image

from kubepresso.config import DataConfig
from kubepresso.data.formats import mask_files
from kubepresso.data.prepare import prepare
from kubepresso.data.splitting import held_out
from kubepresso.data.targets import LabelProblemError


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


def test_every_class_of_five_images_or_more_is_in_both_parts():
    strata = [
        [0],
        *([0, 1] for _ in range(5)),
        *([2] for _ in range(5)),
        [0],
        [0, 3],
        *([0] for _ in range(40)),
    ]
    chosen = held_out(strata)
    for label in (0, 1, 2):
        having = {bool(chosen[i]) for i, classes in enumerate(strata) if label in classes}
        assert having == {True, False}, label
    assert not chosen[12]  # the only image of class 3


PAIRS = [classes for rare in range(50) for classes in [(0,), (0, rare + 1), (0, rare + 1)]]


@pytest.mark.parametrize(
    "strata",
    [
        [(index // 2,) for index in range(400)],
        [(index // 4,) for index in range(400)],
        [(index // 3, 200 + index // 2) for index in range(240)],
        [(0,)] * 100 + [(1 + index // 2,) for index in range(200)],
        PAIRS,
    ],
)
def test_a_tenth_is_a_tenth_where_classes_are_small(strata):
    chosen = held_out(strata)
    assert chosen.mean() == pytest.approx(0.1, abs=0.02)
    for label in {label for classes in strata for label in classes}:
        assert any(label in classes for classes, valid in zip(strata, chosen, strict=True) if not valid)


@pytest.mark.parametrize("strata", [[(0,)] * 2, [(0,)] * 4, [(0,), (0,), (1,), (1,)], [(0, 1), (0, 1), (2,)]])
def test_valid_is_not_empty_where_the_data_is_small(strata):
    chosen = held_out(strata)
    assert chosen.sum() == 1


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


def all_but(*usable):
    def target(task, index):
        if index not in usable:
            raise LabelProblemError("no label")
        return make_target(task, index)

    return target


@pytest.mark.parametrize("usable", [(3, 17), (0, 1), (18, 19), (0, 3, 6, 9), tuple(range(0, 20, 3))])
def test_valid_is_held_out_of_the_usable_samples(usable, tmp_path):
    splits = {"train": MadeSplit("detection", 20, target=all_but(*usable))}
    found = prepare_made("detection", tmp_path / "prepared", splits, invalid_labels="skip")
    assert found.manifest is not None
    assert found.splits["valid"].count >= 1
    assert 1 <= found.splits["train"].count == len(usable) - found.splits["valid"].count


def test_a_class_whose_choice_is_of_no_use_gets_another(tmp_path):
    strata = [(index % 3,) for index in range(60)]
    bad = int(np.flatnonzero(held_out(strata))[0]) % 3
    chosen = [index for index in np.flatnonzero(held_out(strata)).tolist() if index % 3 == bad]
    usable = [index for index in range(60) if index not in chosen]
    splits = {"train": MadeSplit("classification", 60, target=all_but(*usable))}
    found = prepare_made("classification", tmp_path / "prepared", splits, invalid_labels="skip")
    assert found.splits["valid"].class_counts == [1 if label == bad else 2 for label in range(3)]


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({"train": MadeSplit("detection", 9, target=all_but(5))}, "valid: nothing to hold out"),
        ({"train": MadeSplit("detection", 9, target=all_but())}, "train: no image that can be used"),
        (
            {"train": MadeSplit("detection", 9), "valid": MadeSplit("detection", 3, 9, all_but())},
            "valid: no image that can be used",
        ),
    ],
)
def test_an_empty_split_is_refused_with_the_fix(splits, expected, tmp_path):
    found = prepare_made("detection", tmp_path / "prepared", splits, invalid_labels="skip")
    assert found.manifest is None
    refused = found.findings.refused()
    assert any(line.startswith(expected) for line in refused)
    assert any("add images" in line for line in refused)


def test_masks_that_name_the_classes_are_read_twice_not_three_times(tmp_path, monkeypatch):
    for index in range(20):
        for folder, pixels in (("images", index * 12), ("masks", index % 3)):
            file = tmp_path / "source" / folder / "train" / f"{index:02d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (12, 10), pixels).save(file)
    read = collections.Counter()
    decode = mask_files.decode_mask

    def counted(content, place, colours):
        read[Path(place).name] += 1
        return decode(content, place, colours)

    monkeypatch.setattr(mask_files, "decode_mask", counted)
    data = DataConfig.model_validate(
        {"name": "made", "task": "segmentation", "path": {"root": str(tmp_path / "source")}}
    )
    found = prepare(data, tmp_path / "source", tmp_path / "prepared")
    assert (found.splits["train"].count, found.splits["valid"].count) == (17, 3)
    assert read == {f"{index:02d}.png": 2 for index in range(20)}
