"""The splits that a YOLO data set describes are the ones that are trained on and judged by."""

import os
import subprocess
import sys
import time

import pytest
from annotation_writers import data_config, image_bytes, put, read

from kubepresso.data.findings import Findings
from kubepresso.data.formats import open_source
from kubepresso.errors import UserError

BOX = "0 0.5 0.5 0.2 0.2\n"


def pair(root, image, label=None):
    put(root / image, image_bytes(hash(image) % 1000))
    put(root / (label or image.replace("images", "labels").replace(".png", ".txt")), BOX)


def names(root, **values):
    source, findings, targets = read(data_config(root, **values))
    found = {split: sorted(path for of, path in targets if of == split) for split in source.splits}
    return found, findings


def missing(findings):
    return [str(finding) for finding in findings.by_check["missing_labels"]]


def test_order_of_findings_does_not_depend_on_the_hash_seed(tmp_path):
    for n in range(12):
        put(tmp_path / f"images/{n}.png", image_bytes(n))
    pair(tmp_path, "images/z.png")
    code = (
        "import sys; from annotation_writers import *; "
        "print([f.place for f in read(data_config(sys.argv[1]))[1].by_check['missing_labels']])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.path.dirname(__file__)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in "12"
    }
    assert len(printed) == 1


def test_folders_that_the_description_names(tmp_path):
    for split in ("mine", "holdout"):
        pair(tmp_path, f"images/{split}/a.png")
    put(tmp_path / "data.yaml", "path: .\ntrain: images/mine\nval: images/holdout\nnames: {0: ape}\n")
    found, findings = names(tmp_path)
    assert found == {"train": ["images/mine/a.png"], "valid": ["images/holdout/a.png"]}
    assert not missing(findings)


@pytest.mark.parametrize("before", ["../", "", "./", "/content/zoo/", "zoo/", "C:\\\\zoo\\\\"])
def test_paths_of_another_machine_are_found_below_the_root(before, tmp_path):
    for split in ("train", "valid", "night"):
        pair(tmp_path, f"{split}/images/{split}.png", f"{split}/labels/{split}.txt")
    lines = [f'train: ["{before}train/images", "{before}night/images"]', f'val: "{before}valid/images"']
    put(tmp_path / "data.yaml", "\n".join([*lines, "nc: 1", "names: [ape]"]))
    found, _ = names(tmp_path)
    assert found == {
        "train": ["night/images/night.png", "train/images/train.png"],
        "valid": ["valid/images/valid.png"],
    }


@pytest.mark.parametrize("described", [True, False])
def test_lists_of_images(described, tmp_path):
    for n in range(6):
        pair(tmp_path, f"images/{n}.png")
    put(tmp_path / "train.txt", "\n".join(f"./images/{n}.png" for n in range(3)))
    put(tmp_path / "val.txt", "data/zoo/images/3.png\n/home/zoo/images/4.png\n\nimages/gone.png\n")
    if described:
        put(tmp_path / "data.yaml", "path: .\ntrain: train.txt\nval: val.txt\nnames: {0: ape}\n")
    found, findings = names(tmp_path)
    assert found == {
        "train": ["images/0.png", "images/1.png", "images/2.png"],
        "valid": ["images/3.png", "images/4.png"],
    }
    assert missing(findings) == ["val.txt:4: 'images/gone.png' is not there"]


def test_a_described_folder_that_is_not_there_is_an_error_but_for_test(tmp_path):
    pair(tmp_path, "images/a.png")
    put(tmp_path / "data.yaml", "train: images\nval: images/holdout\ntest: ../test/images\nnames: [ape]\n")
    told = r"data.yaml: val: 'images/holdout' is not there.*data.path.train.*or take the line out"
    with pytest.raises(UserError, match=told):
        names(tmp_path)
    put(tmp_path / "data.yaml", "train: images\nval:\ntest: ../test/images\nnames: [ape]\n")
    found, findings = names(tmp_path)
    assert found == {"train": ["images/a.png"]}
    assert missing(findings) == ["data.yaml: test: '../test/images' is not there"]


def test_what_data_path_names_comes_before_the_description(tmp_path):
    for split in ("train", "mine"):
        pair(tmp_path, f"images/{split}/a.png")
    put(tmp_path / "data.yaml", "train: images/train\nnames: [ape]\n")
    found, _ = names(tmp_path, path={"train": {"image": "images/mine"}})
    assert found == {"train": ["images/mine/a.png"]}


@pytest.mark.parametrize("described", ["", "train: images/train\nval: images/val\nnames: [ape]\n"])
@pytest.mark.parametrize("labels", [True, False])
def test_a_split_of_images_without_labels_is_reported(labels, described, tmp_path):
    pair(tmp_path, "images/train/a.png")
    put(tmp_path / "images/val/b.png", image_bytes())
    if labels:
        (tmp_path / "labels/val").mkdir()
    if described:
        put(tmp_path / "data.yaml", described)
    found, findings = names(tmp_path)
    # A split that is meant to be one stays, empty: the preparation refuses it.
    assert found == {"train": ["images/train/a.png"], **({"valid": []} if labels or described else {})}
    assert missing(findings)[0].startswith("images/val/b.png: no label of this name in ")


def test_a_label_called_as_companions_are_is_one_where_an_image_has_its_name(tmp_path):
    for name in ("train", "train.001", "obj"):
        pair(tmp_path, f"images/train/{name}.png")
    put(tmp_path / "labels/train/classes.txt", "ape\n")
    found, findings = names(tmp_path, id_mapping=["ape"])
    assert found == {"train": [f"images/train/{name}.png" for name in ("obj", "train.001", "train")]}
    assert not missing(findings)


def test_a_test_folder_that_is_not_described_is_the_test_split(tmp_path):
    for split in ("train", "valid", "test"):
        pair(tmp_path, f"{split}/images/a.png", f"{split}/labels/a.txt")
    put(tmp_path / "data.yaml", "train: ../train/images\nval: ../valid/images\nnames: [ape]\n")
    found, _ = names(tmp_path)
    assert found == {split: [f"{split}/images/a.png"] for split in ("train", "valid", "test")}


def test_images_that_are_described_twice_are_there_once(tmp_path):
    for split in ("train", "val"):
        pair(tmp_path, f"images/{split}/a.png")
    places = "train: [images/train, ./images/train]\nval: images/val\nvalid: images/val\nnames: [ape]\n"
    put(tmp_path / "data.yaml", places)
    source = open_source(data_config(tmp_path), tmp_path, Findings())
    assert {split: len(samples) for split, samples in source.splits.items()} == {"train": 1, "valid": 1}


def test_a_place_of_thousands_of_parts_takes_no_time(tmp_path):
    pair(tmp_path, "images/train/a.png")
    put(tmp_path / "data.yaml", f"train: {'a/' * 20_000}\nnames: [ape]\n")
    began = time.monotonic()
    with pytest.raises(UserError, match="is not there"):
        names(tmp_path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["zoo", "./zoo", "../data/zoo", "/content/zoo"])
def test_the_path_of_the_description_is_where_its_places_begin(path, tmp_path):
    for split in ("train", "val"):
        pair(tmp_path, f"zoo/images/{split}/a.png")
    put(tmp_path / "zoo/train.txt", "./images/train/a.png\n")
    for train in ("images/train", "train.txt"):
        put(tmp_path / "data.yaml", f"path: {path}\ntrain: {train}\nval: images/val\nnames: {{0: ape}}\n")
        found, findings = names(tmp_path)
        assert found == {"train": ["zoo/images/train/a.png"], "valid": ["zoo/images/val/a.png"]}
        assert not missing(findings)


def test_a_description_may_be_called_as_the_data_set(tmp_path):
    for split in ("mine", "holdout"):
        pair(tmp_path, f"images/{split}/a.png")
    put(tmp_path / "model.yaml", "model: {name: a}\n")
    put(tmp_path / "broken.yml", "a: [\n")
    put(tmp_path / "zoo8.yaml", "train: images/mine\nval: images/holdout\nnames: {0: ape, 1: bee}\n")
    found, _ = names(tmp_path)
    assert found == {"train": ["images/mine/a.png"], "valid": ["images/holdout/a.png"]}
    assert open_source(data_config(tmp_path), tmp_path, Findings()).classes == ["ape", "bee"]


def test_poses_are_not_taken_for_polygons(tmp_path):
    pair(tmp_path, "images/train/a.png")
    put(tmp_path / "labels/train/a.txt", "0 0.5 0.5 0.2 0.2 0.5 0.5 1 0.4 0.4 1\n")
    put(tmp_path / "data.yaml", "train: images/train\nkpt_shape: [2, 3]\nnames: [ape]\n")
    with pytest.raises(UserError, match=r"data.yaml: kpt_shape: .*write them as COCO keypoints"):
        names(tmp_path)
