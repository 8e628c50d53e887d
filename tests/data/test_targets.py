"""What goes into the prepared layout comes out again, for every task; what cannot be used is reported."""

import io
import pickle
import re
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_sources import KEYPOINTS, SIZE, TASKS, MadeSplit, make_target, prepare_made
from PIL import Image
from source_layouts import CLASSES
from torchvision import tv_tensors

from kubepresso.data import PreparedDataset
from kubepresso.data.samples import instances, to_sample
from kubepresso.data.shards import ShardFile, ShardView
from kubepresso.data.targets import ClassMask, Geometry, LabelProblemError, Objects, Poses, codec_of

IMAGE = Geometry(*SIZE)


def arrays_of(target):
    if isinstance(target, int):
        return [np.array(target)]
    if hasattr(target, "pixels"):
        return [target.pixels]
    return [
        getattr(target, name) for name in ("boxes", "labels", "crowd", "keypoints") if hasattr(target, name)
    ]


def same(one, two):
    pairs = list(zip(arrays_of(one), arrays_of(two), strict=True))
    return all(a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("task", TASKS)
def test_every_target_comes_back_as_it_was(task, tmp_path):
    result = prepare_made(
        task, tmp_path / "p", {"train": MadeSplit(task, 40), "valid": MadeSplit(task, 7, 100)}
    )
    assert not result.findings.refused()
    opened = PreparedDataset.open(tmp_path / "p")
    opened.verify()
    for split, offset in (("train", 0), ("valid", 100)):
        reader = opened.split(split)
        for index in range(len(reader)):
            assert same(reader[index].target, make_target(task, offset + index))
    again = prepare_made(
        task, tmp_path / "q", {"train": MadeSplit(task, 40), "valid": MadeSplit(task, 7, 100)}
    )
    assert again.manifest == result.manifest == opened.manifest


@pytest.mark.parametrize("task", TASKS)
def test_one_changed_target_changes_the_digest(task, tmp_path):
    def other(task, index):
        return make_target(task, index + 4) if index == 5 else make_target(task, index)

    splits = {"train": MadeSplit(task, 12), "valid": MadeSplit(task, 3, 50)}
    first = prepare_made(task, tmp_path / "a", splits).manifest.digest
    changed = {**splits, "train": MadeSplit(task, 12, target=other)}
    assert prepare_made(task, tmp_path / "b", changed).manifest.digest != first


def test_keypoints_and_what_is_counted_stand_in_the_manifest(tmp_path):
    splits = {"train": MadeSplit("pose_estimation", 12), "valid": MadeSplit("pose_estimation", 3)}
    prepare_made("pose_estimation", tmp_path / "p", splits)
    manifest = PreparedDataset.open(tmp_path / "p").manifest
    assert manifest.keypoints == KEYPOINTS
    assert manifest.swap == (1, 0, 2)
    labelled = sum((make_target("pose_estimation", i).keypoints[:, :, 2] > 0).sum(0) for i in range(12))
    assert (manifest.counted, manifest.splits["train"].class_counts) == ("keypoints", labelled.tolist())


@pytest.mark.parametrize(
    ("task", "counted", "count"),
    [
        ("detection", "objects", lambda t: np.bincount(t.labels[~t.crowd], minlength=3)),
        ("segmentation", "pixels", lambda t: np.array([(t.pixels == label).sum() for label in range(3)])),
    ],
)
def test_class_counts_are_of_objects_and_pixels(task, counted, count, tmp_path):
    manifest = prepare_made(
        task, tmp_path / "p", {"train": MadeSplit(task, 9), "valid": MadeSplit(task, 2)}
    ).manifest
    assert manifest.counted == counted
    expected = sum(count(make_target(task, index)) for index in range(9))
    assert manifest.splits["train"].class_counts == expected.tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))), max_size=5),
        max_size=4,
    )
)
def test_a_shard_gives_back_any_masks_in_any_row_groups(tmp_path_factory, groups):
    codec = codec_of("segmentation")
    path = tmp_path_factory.mktemp("shard") / "s.parquet"
    shard = ShardFile(path, codec, ["a"])
    for group in groups:
        masks = [codec.encode(ClassMask(pixels)) for pixels in group]
        shard.write_rows([mask[::-1] for mask in masks], ["x"] * len(group), masks)
    shard.close()
    view = ShardView(path, codec)
    rows = [pixels for group in groups for pixels in group]
    assert len(view.targets) == len(rows)
    assert all(np.array_equal(view.targets[i].pixels, pixels) for i, pixels in enumerate(rows))
    assert all(view.image(i) == view.targets[i].png[::-1] for i in range(len(rows)))


@pytest.mark.parametrize("task", TASKS)
def test_another_library_reads_the_targets(task, tmp_path):
    prepare_made(task, tmp_path / "p", {"train": MadeSplit(task, 6), "valid": MadeSplit(task, 3)})
    table = datasets.load_dataset(
        "parquet",
        data_files=str(tmp_path / "p" / "train-00000.parquet"),
        cache_dir=str(tmp_path),
        split="train",
    )
    row, target = table[3], make_target(task, 3)
    if task == "classification":
        assert row["label"] == target
    elif task == "segmentation":
        assert np.array_equal(np.array(row["mask"]), target.pixels)
    else:
        assert row["boxes"] == target.boxes.tolist()
        if task == "detection":
            assert row["labels"] == target.labels.tolist()
            assert table.features["labels"].feature.names == CLASSES
        else:
            assert row["keypoints"] == target.keypoints.tolist()


@pytest.mark.parametrize("task", TASKS)
def test_a_view_of_a_shard_holds_neither_images_nor_masks(task, tmp_path):
    codec = codec_of(task)
    noise = np.random.default_rng(0).bytes(400_000)
    shard = ShardFile(tmp_path / "s.parquet", codec, KEYPOINTS)
    encoded = [noise if task == "segmentation" else codec.encode(make_target(task, i)) for i in range(60)]
    shard.write_rows([noise] * 60, ["x"] * 60, encoded)
    shard.close()
    before = pa.total_allocated_bytes()
    view = ShardView(tmp_path / "s.parquet", codec)
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert len(view) == 60


BOX = np.array([[2.0, 3.0, 9.0, 8.0]])


def objects(box=BOX, label=0):
    boxes = np.asarray(box, np.float64).reshape(-1, 4)
    return Objects(boxes, np.full(len(boxes), label), np.zeros(len(boxes), bool))


def poses(x=5.0, y=5.0, v=2.0, box=BOX, count=3):
    return Poses(np.asarray(box, np.float64).reshape(-1, 4), np.array([[[x, y, v]] * count]))


@pytest.mark.parametrize(
    ("task", "target", "expected"),
    [
        ("detection", objects([2, 3, 33.5, 8]), "lies outside the image, which is 30 x 20 pixels"),
        ("detection", objects([-1.5, 3, 9, 8]), "lies outside the image"),
        ("detection", objects([9, 3, 9, 8]), r"box 0 \(9, 3, 9, 8\) has no area"),
        ("detection", objects([2, 3, np.nan, 8]), "is not finite"),
        ("detection", objects(label=3), "class 3 is out of range, allowed 0 to 2"),
        ("detection", objects(label=-1), "class -1 is out of range"),
        (
            "segmentation",
            ClassMask(np.zeros((30, 20), np.uint8)),
            "the mask is 20 x 30 pixels, the image 30 x 20",
        ),
        ("segmentation", ClassMask(np.full((20, 30), 7, np.uint8)), "no class: 7; allowed 0 to 2, and 255"),
        ("pose_estimation", poses(v=3.0), "keypoint 'left' has visibility 3; allowed 0"),
        ("pose_estimation", poses(x=np.inf), "a keypoint is not finite"),
        ("pose_estimation", poses(x=500.0), "all keypoints lie outside the image"),
        ("pose_estimation", poses(box=[40, 3, 50, 8]), "lies outside the image"),
        ("pose_estimation", poses(count=5), "have 5 keypoints; 3 are named"),
    ],
)
@pytest.mark.parametrize("policy", ["refuse", "skip"])
def test_a_target_that_cannot_be_is_a_finding(task, target, expected, policy, tmp_path):
    def wrong(task, index):
        return target if index == 4 else make_target(task, index)

    splits = {"train": MadeSplit(task, 8, target=wrong), "valid": MadeSplit(task, 4, 50)}
    result = prepare_made(task, tmp_path / "p", splits, invalid_labels=policy)
    found = result.findings.by_check["invalid_labels"]
    assert [finding.place for finding in found] == ["00004.png"]
    assert re.search(expected, found[0].message), found[0].message
    assert (tmp_path / "p").exists() == (policy == "skip")
    assert result.splits["train"].count == 7
    assert result.findings.skipped() == (1 if policy == "skip" else 0)


@pytest.mark.parametrize(
    ("task", "target"),
    [
        ("detection", objects([-1.0, 0.0, 31.0, 20.5])),
        ("detection", objects(np.empty((0, 4)))),
        ("pose_estimation", poses(x=-40.0, v=0.0)),
        ("pose_estimation", poses(box=[-5, -5, 40, 30])),
        ("segmentation", ClassMask(np.full((20, 30), 255, np.uint8))),
    ],
)
def test_what_real_data_has_is_no_problem(task, target):
    assert codec_of(task).problems(target, IMAGE, CLASSES) == []


def test_a_label_that_cannot_be_read_is_a_finding_at_its_own_line(tmp_path):
    def broken(task, index):
        if index in (1, 6):
            raise LabelProblemError("width 0 is not positive", "labels.txt:9" if index == 1 else None)
        return make_target(task, index)

    splits = {"train": MadeSplit("detection", 8, target=broken), "valid": MadeSplit("detection", 2, 50)}
    result = prepare_made("detection", tmp_path / "p", splits, invalid_labels="skip")
    lines = [str(finding) for finding in result.findings.by_check["invalid_labels"]]
    assert lines == ["labels.txt:9: width 0 is not positive", "00006.png: width 0 is not positive"]
    reader = PreparedDataset.open(tmp_path / "p").split("train")
    assert [sample.path for sample in reader] == [f"{i:05d}.png" for i in (0, 2, 3, 4, 5, 7)]
    assert same(reader[3].target, make_target("detection", 4))


@pytest.mark.parametrize(
    ("task", "unit"),
    [("detection", "object"), ("segmentation", "pixel"), ("pose_estimation", "keypoint")],
)
def test_a_class_that_is_never_labelled_is_empty(task, unit, tmp_path):
    def bare(task, index):
        target = make_target(task, index)
        if task == "detection":
            return Objects(target.boxes, target.labels % 2, target.crowd)
        if task == "segmentation":
            return ClassMask(np.where(target.pixels == 2, 0, target.pixels).astype(np.uint8))
        target.keypoints[:, 2, 2] = 0
        return target

    splits = {"train": MadeSplit(task, 8, target=bare), "valid": MadeSplit(task, 2, 50)}
    result = prepare_made(task, tmp_path / "p", splits, empty_classes="refuse")
    name = "nose" if task == "pose_estimation" else "cheese"
    lines = result.findings.refused()
    assert lines[0].startswith(f"class {name!r}: no training {unit}, though ")
    assert "\nfix: " in lines[0]


def test_samples_are_tv_tensors_of_the_image(tmp_path):
    png = io.BytesIO()
    Image.new("RGB", SIZE, (1, 2, 3)).save(png, "PNG")
    found = to_sample("detection", png.getvalue(), objects())
    assert isinstance(found["boxes"], tv_tensors.BoundingBoxes)
    assert (found["boxes"].format.value, found["boxes"].canvas_size) == ("XYXY", (20, 30))
    assert found["boxes"].dtype == torch.float32
    assert found["image"].shape == (3, 20, 30)
    empty = to_sample("detection", png.getvalue(), objects(np.empty((0, 4))))
    assert empty["boxes"].shape == (0, 4)
    pose = Poses(np.concatenate([BOX, BOX + 1]), np.array([[[5, 6, 2]] * 3, [[7, 8, 1]] * 3], float))
    first, second = instances(png.getvalue(), pose)
    assert torch.equal(first["keypoints"], torch.tensor([[5.0, 6.0]] * 3))
    assert second["visibility"].tolist() == [1, 1, 1]
    assert second["boxes"].tolist() == [[3.0, 4.0, 10.0, 9.0]]
    assert isinstance(second["keypoints"], tv_tensors.KeyPoints)


def test_a_mask_decodes_to_the_same_classes_from_its_file_and_its_pixels(tmp_path):
    splits = {"train": MadeSplit("segmentation", 3), "valid": MadeSplit("segmentation", 2)}
    prepare_made("segmentation", tmp_path / "p", splits)
    for index, stored in enumerate(PreparedDataset.open(tmp_path / "p").split("train")):
        made = make_target("segmentation", index)
        for target in (stored.target, made):
            mask = to_sample("segmentation", stored.image_bytes, target)["mask"]
            assert isinstance(mask, tv_tensors.Mask)
            assert mask.dtype == torch.uint8
            assert np.array_equal(mask.numpy(), made.pixels)


@pytest.mark.parametrize("task", TASKS)
def test_a_reader_pickles_as_paths(task, tmp_path: Path):
    prepare_made(task, tmp_path / "p", {"train": MadeSplit(task, 30), "valid": MadeSplit(task, 2)})
    reader = PreparedDataset.open(tmp_path / "p").split("train")
    first = reader[1]
    assert len(pickle.dumps(reader)) < 2000
    assert same(pickle.loads(pickle.dumps(reader))[1].target, first.target)
