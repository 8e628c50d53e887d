"""What is written of a data set's own flaws and of the held-out part: as `prepare` will find it."""

import json

import pytest
import small_sets

from kubepresso.data.prepare import prepare
from kubepresso.scaffold import init_project


def make(root):
    return init_project(str(root), root.parent / "config", force=True)


def comments(root):
    return (root.parent / "config" / "data.yaml").read_text()


def prepared(project, root):
    made = prepare(project.config.data, root, root.parent / "prepared")
    assert made.manifest is not None, made.findings.by_check
    return {name: split.count for name, split in made.splits.items()}


@pytest.mark.parametrize("counts", [(5, 5, 5, 5), (1, 1, 1), (2, 30), (12, 7, 3)])
def test_the_held_out_part_is_as_large_as_is_said(tmp_path, counts):
    root = tmp_path / "set"
    for label, count in enumerate(counts):
        for n in range(count):
            small_sets.picture(root / f"c{label}" / f"{n}.png", 100 * label + n, (24, 24))
    project = make(root)
    found = prepared(project, root)
    assert found == {"train": project.survey.train_count, "valid": project.survey.held_out}
    assert f"so {found['valid']} of train {'is' if found['valid'] == 1 else 'are'} held out" in comments(root)


def test_the_held_out_part_of_images_with_several_classes(tmp_path):
    root = tmp_path / "set"
    for n in range(25):
        small_sets.picture(root / "images" / f"{n}.png", n)
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{n}.txt").write_text(f"{n % 2} .5 .5 .2 .2\n{n % 3} .3 .3 .2 .2\n")
    project = make(root)
    assert prepared(project, root) == {"train": project.survey.train_count, "valid": project.survey.held_out}


@pytest.mark.parametrize("build", [small_sets.keypoints_text, lambda root: small_sets.coco(root, poses=True)])
def test_keypoints_that_are_marked_are_not_called_absent(tmp_path, build):
    project = make(build(tmp_path / "set"))
    assert list(project.survey.unseen) == []
    assert project.config.data.checks.empty_classes == "refuse"
    assert "none of" not in comments(tmp_path / "set")


def test_a_keypoint_that_is_never_marked_is_named(tmp_path):
    root = small_sets.coco(tmp_path / "set", poses=True)
    file = root / "annotations" / "person_keypoints_train.json"
    content = json.loads(file.read_text())
    for annotation in content["annotations"]:
        annotation["keypoints"][3:6] = [0, 0, 0]
    file.write_text(json.dumps(content))
    project = make(root)
    assert "train has none of: left_eye\n" in comments(root)
    assert prepared(project, root) == {"train": 6, "valid": 3}


def test_masks_of_sparse_values_are_accepted_by_their_own_files(tmp_path):
    root = small_sets.masks(tmp_path / "set", values=(7, 200, 255))
    project = make(root)
    assert project.config.data.checks.empty_classes == "warn"
    text = " ".join(comments(root).replace("#", "").split())
    assert "Values 7, 200 in all 9 masks; 255 is no class, the other 199 below 201 in none" in text
    assert "class_10 and 189 more" in text
    assert prepared(project, root) == {"train": 6, "valid": 3}


def test_a_class_that_only_valid_has_is_named(tmp_path):
    root = small_sets.masks(tmp_path / "set", values=(0, 1))
    small_sets.mask(root / "masks" / "val" / "0.png", 0, values=(0, 1, 2))
    project = make(root)
    assert "train has none of: class_2\n" in comments(root)
    assert prepared(project, root) == {"train": 6, "valid": 3}


def test_images_that_cannot_be_read_are_named_and_skipped(tmp_path):
    root = small_sets.class_folders(tmp_path / "set")
    (root / "train" / "apple" / "0.png").write_bytes(b"no image")
    (root / "val" / "bread" / "0.png").write_bytes(b"")
    project = make(root)
    assert project.config.data.checks.corrupt_images == "skip"
    assert "# 2 seen, such as train/apple/0.png" in comments(root)
    assert prepared(project, root) == {"train": 17, "valid": 5}


def test_classes_of_one_image_each_are_accepted_by_their_own_files(tmp_path):
    root = tmp_path / "set"
    for label in range(12):
        small_sets.picture(root / f"c{label}" / "0.png", label, (24, 24))
    assert prepared(make(root), root) == {"train": 11, "valid": 1}
