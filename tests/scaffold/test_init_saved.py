"""``init`` of what ``save_to_disk`` of ``datasets`` wrote."""

import datasets
import numpy as np
import pytest
import small_sets
from PIL import Image

from kubepresso.data.prepare import prepare
from kubepresso.errors import UserError
from kubepresso.scaffold import init_project

NAMES = ["ape", "bee", "cat"]


def labels_of(task, count):
    if task == "classification":
        return {"label": [n % 3 for n in range(count)]}, {"label": datasets.ClassLabel(names=NAMES)}
    if task == "detection":
        rows = [{"bbox": [[2.0, 3.0, 9.0, 8.0 + n]], "category": [NAMES[n % 3]]} for n in range(count)]
        boxes, names = datasets.List(datasets.List(datasets.Value("float32"))), datasets.Value("string")
        return {"objects": rows}, {"objects": {"bbox": boxes, "category": datasets.List(names)}}
    masks = [Image.fromarray(np.arange(96 * 64, dtype=np.uint8).reshape(64, 96) % 3) for _ in range(count)]
    return {"mask": masks}, {"mask": datasets.Image()}


def save(root, task, count=12, **splits):
    small_sets.picture(root.parent / "0.png", 0)
    made = {}
    for split, rows in {"train": count, **splits}.items():
        images = []
        for n in range(rows):
            small_sets.picture(root.parent / "image.png", 100 * len(made) + n)
            images.append({"bytes": (root.parent / "image.png").read_bytes(), "path": None})
        labels, features = labels_of(task, rows)
        columns = datasets.Features({"image": datasets.Image(), **features})
        made[split] = datasets.Dataset.from_dict({"image": images, **labels}, features=columns)
    (datasets.DatasetDict(made) if splits else made["train"]).save_to_disk(str(root))


@pytest.mark.parametrize("splits", [{}, {"validation": 6}])
@pytest.mark.parametrize("task", ["classification", "detection", "segmentation"])
def test_a_saved_data_set_is_read_as_it_is_prepared(task, splits, tmp_path):
    save(tmp_path / "set", task, **splits)
    project = init_project(str(tmp_path / "set"), tmp_path / "config")
    assert project.survey.task == task
    assert project.config.data.layout is None
    assert list(project.survey.classes) == (["0", "1", "2"] if task == "segmentation" else NAMES)
    made = prepare(project.config.data, tmp_path / "set", tmp_path / "prepared")
    assert made.manifest is not None, made.findings.refused()
    assert made.splits["train"].count == project.survey.train_count


@pytest.mark.parametrize("content", ["", "[]", "{", '{"features": 3}'])
def test_a_broken_one_ends_plainly(content, tmp_path):
    save(tmp_path / "set", "classification")
    (tmp_path / "set" / "dataset_info.json").write_text(content)
    with pytest.raises(UserError):
        init_project(str(tmp_path / "set"), tmp_path / "config")


def test_a_single_class_is_said(tmp_path):
    small_sets.picture(tmp_path / "set/train/apple/0.png", 0)
    with pytest.raises(
        UserError, match="one folder of images in train, apple; classes are two folders or more"
    ):
        init_project(str(tmp_path / "set"), tmp_path / "config")
