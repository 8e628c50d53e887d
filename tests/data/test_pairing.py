"""Images and labels belong together by their names, never by their order."""

import numpy as np
import pytest
from annotation_writers import NAMES, data_config, image_bytes, put, put_mask, read
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepresso.errors import UserError


def masks(root, images, labels, **values):
    """Write images and masks whose first pixel is the number in their name, and read the pairs."""
    for name in images:
        put(root / name, image_bytes())
    for name in labels:
        pixels = np.zeros((48, 64))
        pixels[0, 0] = sum(map(int, filter(str.isdigit, name))) % 250
        put_mask(root / name, pixels)
    data = data_config(root, "segmentation", id_mapping=[str(n) for n in range(250)], **values)
    _, findings, targets = read(data)
    return {path: int(target.pixels[0, 0]) for (_, path), target in targets.items()}, findings


@settings(max_examples=20, deadline=None)
@given(images=st.sets(st.integers(0, 9)), labels=st.sets(st.integers(0, 9)))
def test_a_missing_file_is_reported_and_shifts_nothing(images, labels, tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    pairs, findings = masks(root, [f"images/{n}.png" for n in images], [f"masks/{n}.png" for n in labels])
    assert pairs == {f"images/{n}.png": n for n in images & labels}
    assert sorted(str(found) for found in findings.by_check["missing_labels"]) == sorted(
        [f"images/{n}.png: no label of this name in masks" for n in images - labels]
        + [f"masks/{n}.png: no image of this name in images" for n in labels - images]
    )


def test_cityscapes_by_patterns_with_groups(tmp_path):
    pattern = {"image": r"(.+)_leftImg8bit\.png$", "label": r"(.+)_gtFine_labelIds\.png$"}
    path = {"pattern": pattern, "train": {"image": "leftImg8bit/train", "label": "gtFine/train"}}
    images = [
        f"leftImg8bit/train/{city}/{city}_{n}_leftImg8bit.png" for city in ("ulm", "jena") for n in (1, 2)
    ]
    labels = [
        f"gtFine/train/{city}/{city}_{n}_gtFine_labelIds.png" for city in ("ulm", "jena") for n in (1, 2)
    ]
    colours = [name.replace("labelIds", "color") for name in labels]
    pairs, findings = masks(tmp_path, images, [*labels, *colours], path=path)
    assert pairs == {image: int(image.split("_")[1]) for image in images}
    assert len(findings.by_check["unused_files"]) == 4
    assert not findings.by_check["missing_labels"]


def test_named_groups_are_equal_whatever_their_order(tmp_path):
    pattern = {"image": r"^(?P<set>[a-z])-(?P<n>\d)", "label": r"^(?P<n>\d)-(?P<set>[a-z])"}
    pairs, _ = masks(
        tmp_path,
        ["images/a-1.png", "images/b-2.png"],
        ["masks/2-b.png", "masks/1-a.png"],
        path={"pattern": pattern},
    )
    assert pairs == {"images/a-1.png": 1, "images/b-2.png": 2}


def test_patterns_tell_images_and_masks_in_one_folder_apart(tmp_path):
    pattern = {"image": r"^(\d+)\.png$", "label": r"^(\d+)_mask\.png$"}
    pairs, findings = masks(
        tmp_path, ["1.png", "2.png"], ["1_mask.png", "2_mask.png"], path={"pattern": pattern}, layout="masks"
    )
    assert pairs == {"1.png": 1, "2.png": 2}
    assert not any(findings.by_check.values())


def test_a_pattern_with_a_slash_is_matched_with_the_path(tmp_path):
    pattern = {"image": r"^(\w+)/rgb/(\d+)", "label": r"^(\w+)/ids/(\d+)"}
    pairs, _ = masks(
        tmp_path,
        ["images/one/rgb/1.png", "images/two/rgb/1.png"],
        ["masks/two/ids/1.png", "masks/one/ids/1.png"],
        path={"pattern": pattern},
    )
    assert pairs == {"images/one/rgb/1.png": 1, "images/two/rgb/1.png": 1}


@pytest.mark.parametrize(
    ("images", "labels", "named"),
    [
        (["images/1.png"], ["masks/1.png", "masks/1.bmp"], ("masks/1.bmp", "masks/1.png")),
        (["images/1.png", "images/1.webp"], ["masks/1.png"], ("images/1.png", "images/1.webp")),
    ],
)
def test_two_files_for_one_name_are_both_named(images, labels, named, tmp_path):
    with pytest.raises(UserError, match="two files for one name") as caught:
        masks(tmp_path, images, labels)
    assert all(name in str(caught.value) for name in named)


def test_patterns_with_other_numbers_of_groups_are_refused(tmp_path):
    pattern = {"image": r"(.)(.)", "label": r"(.)"}
    with pytest.raises(UserError, match=r"data\.path\.pattern: image has 2 groups and label 1"):
        masks(tmp_path, ["images/11.png"], ["masks/11.png"], path={"pattern": pattern})


def test_a_pattern_that_matches_no_file_is_named(tmp_path):
    pattern = {"image": r"\.jpg$", "label": r"_mask\.png$"}
    with pytest.raises(UserError) as caught:
        masks(tmp_path, ["images/1.png", "images/2.png"], ["masks/1.png"], path={"pattern": pattern})
    assert caught.value.problems == [
        r"data.path.pattern.image: '\\.jpg$' matches none of 2 files, such as images/1.png",
        r"data.path.pattern.label: '_mask\\.png$' matches none of 1 files, such as masks/1.png",
    ]


def test_a_list_of_a_split_names_images_that_are_not_there(tmp_path):
    put(tmp_path / "JPEGImages/a.png", image_bytes())
    put(tmp_path / "Annotations/a.xml", "<annotation/>")
    put(tmp_path / "ImageSets/Main/trainval.txt", "a 1\ngone -1\n")
    _, findings, targets = read(data_config(tmp_path, id_mapping=NAMES))
    assert list(targets) == [("train", "JPEGImages/a.png")]
    assert [found.place for found in findings.by_check["missing_labels"]] == ["gone"]


def test_folders_that_are_configured_and_not_there_are_all_named(tmp_path):
    (tmp_path / "images").mkdir()
    path = {"train": {"image": "images", "label": "no"}, "valid": {"image": "images", "label": "nor this"}}
    with pytest.raises(UserError) as caught:
        read(data_config(tmp_path, path=path, id_mapping=NAMES))
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "data.path.train.label",
        "data.path.valid.label",
    ]
