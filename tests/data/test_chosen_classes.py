"""An ``id_mapping`` that names some of the classes, or names them in another order than the data do."""

import json

import datasets
import numpy as np
import pytest
from annotation_writers import NAMES, coco, coco_image, data_config, image_bytes, put, read
from PIL import Image

from kubepresso.data.formats.choosing import renames
from kubepresso.errors import UserError

OBJECTS = [("ape", (2, 2, 9, 9)), ("bee", (3, 3, 9, 9)), ("cat", (4, 4, 9, 9)), ("ape", (5, 5, 9, 9))]
LEFT_OUT = "data.id_mapping: 2 objects of classes that it does not name (2 ape)"


def voc(root):
    put(root / "0.png", image_bytes())
    rows = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax>"
        f"<ymax>{y2}</ymax></bndbox></object>"
        for name, (x1, y1, x2, y2) in OBJECTS
    )
    put(root / "0.xml", f"<annotation>{rows}</annotation>")


def yolo(root):
    put(root / "images/0.png", image_bytes())
    lines = [
        f"{NAMES.index(name)} {(x1 + x2) / 128!r} {(y1 + y2) / 96!r} {(x2 - x1) / 64!r} {(y2 - y1) / 48!r}"
        for name, (x1, y1, x2, y2) in OBJECTS
    ]
    put(root / "labels/0.txt", "\n".join(lines))
    put(root / "data.yaml", f"names: {json.dumps(NAMES)}")


def _table(category, of):
    feature = {"bbox": datasets.List(datasets.List(datasets.Value("float32"))), "category": category}
    objects = {
        "bbox": [[x1, y1, x2 - x1, y2 - y1] for _, (x1, y1, x2, y2) in OBJECTS],
        "category": [of(name) for name, _ in OBJECTS],
    }
    rows = {"image": [{"bytes": image_bytes(), "path": None}], "objects": [objects]}
    features = datasets.Features({"image": datasets.Image(), "objects": feature})
    return datasets.Dataset.from_dict(rows, features=features)


def parquet(root):
    root.mkdir(exist_ok=True)
    _table(datasets.List(datasets.ClassLabel(names=NAMES)), NAMES.index).to_parquet(root / "train.parquet")


def saved_with_class_labels(root):
    _table(datasets.List(datasets.ClassLabel(names=NAMES)), NAMES.index).save_to_disk(root)


def saved_with_strings(root):
    _table(datasets.List(datasets.Value("string")), str).save_to_disk(root)


def lines(root):
    put(root / "0.png", image_bytes())
    boxes = [[x1, y1, x2 - x1, y2 - y1] for _, (x1, y1, x2, y2) in OBJECTS]
    objects = {"bbox": boxes, "category": [name for name, _ in OBJECTS]}
    put(root / "metadata.jsonl", json.dumps({"file_name": "0.png", "objects": objects}))


WRITERS = [voc, yolo, parquet, saved_with_class_labels, saved_with_strings, lines]


@pytest.mark.parametrize("write", WRITERS)
def test_objects_keep_their_class_whatever_the_order_of_the_names(write, tmp_path):
    write(tmp_path / "set")
    source, findings, targets = read(data_config(tmp_path / "set", id_mapping=["cat", "ape", "bee"]))
    (target,) = targets.values()
    assert [source.classes[label] for label in target.labels] == ["ape", "bee", "cat", "ape"]
    assert not any(findings.by_check.values())


@pytest.mark.parametrize("write", WRITERS)
def test_a_mapping_that_names_some_classes_chooses_them(write, tmp_path):
    write(tmp_path / "set")
    source, findings, targets = read(data_config(tmp_path / "set", id_mapping=["cat", "bee"]))
    (target,) = targets.values()
    assert target.labels.tolist() == [1, 0]
    assert target.boxes[:, 0].tolist() == [3, 4]
    assert [list(classes) for classes in source.splits["train"].strata()] == [[0, 1]]
    assert [str(found) for found in findings.by_check["unused_files"]] == [LEFT_OUT]


@pytest.mark.parametrize("write", [voc, saved_with_strings, lines])
def test_a_typing_error_in_the_mapping_is_told(write, tmp_path):
    write(tmp_path / "set")
    _, findings, _ = read(data_config(tmp_path / "set", id_mapping=["apes", "bee", "cat", "dog"]))
    told = [str(found) for found in findings.by_check["unused_files"]]
    assert told == [f"{LEFT_OUT}; no object is 'apes'; did you mean 'ape'?"]


@pytest.mark.parametrize("count", [3, 200])
def test_a_folder_that_is_no_class_names_the_nearest_and_not_all(count, tmp_path):
    put(tmp_path / "train/ape/0.png", image_bytes())
    put(tmp_path / "train/cats/0.png", image_bytes())
    names = ["ape", "bee", "cat", *(f"other_{n}" for n in range(count - 3))]
    _, findings, _ = read(data_config(tmp_path, "classification", id_mapping=names))
    (problem,) = findings.by_check["invalid_labels"]
    assert problem.place == "train/cats/0.png"
    assert "its folder is no class of data.id_mapping: class 'cats'" in problem.message
    assert problem.message.endswith("did you mean 'cat'?")
    assert len(problem.message) < 300


@pytest.mark.parametrize("write", [voc, saved_with_strings, lines])
def test_a_mapping_that_names_no_class_is_refused(write, tmp_path):
    write(tmp_path / "set")
    with pytest.raises(
        UserError, match=r"data.id_mapping: names none of the classes of .* \(ape, bee, cat\)"
    ):
        read(data_config(tmp_path / "set", id_mapping=["Ape"]))


@pytest.mark.parametrize("write", [yolo, parquet, saved_with_class_labels])
def test_other_names_for_all_indexes_rename(write, tmp_path):
    write(tmp_path / "set")
    source, _, targets = read(data_config(tmp_path / "set", id_mapping=["ape", "wasp", "cat"]))
    (target,) = targets.values()
    assert [source.classes[label] for label in target.labels] == ["ape", "wasp", "cat", "ape"]


@pytest.mark.parametrize("form", ["parquet", "saved"])
def test_an_image_keeps_its_class_and_one_of_no_class_is_named(form, tmp_path):
    rows = {"image": [{"bytes": image_bytes(n), "path": None} for n in range(3)], "label": [0, 1, 2]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    table = datasets.Dataset.from_dict(rows, features=features)
    if form == "parquet":
        table.to_parquet(tmp_path / "train.parquet")
    else:
        table.save_to_disk(tmp_path)
    source, findings, targets = read(data_config(tmp_path, "classification", id_mapping=["cat", "bee"]))
    assert [source.classes[label] for label in targets.values()] == ["bee", "cat"]
    (problem,) = findings.by_check["invalid_labels"]
    assert "class 'ape' is not one of the 2 classes (cat, bee)" in problem.message


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        (["ape", "bee", "cat"], True),
        (["x", "y", "z"], True),
        (["ape", "wasp", "cat"], True),
        (["ape", "bee", "cat", "dog"], True),
        (["x"], True),
        (["ape", "bee"], False),
        (["bee", "ape", "cat"], False),
        (["x", "y", "ape"], False),
        (["dog", "ape", "bee", "cat"], False),
    ],
)
def test_what_is_a_new_name_and_what_a_choice(mapped, expected):
    assert renames(mapped, NAMES) is expected


def test_names_that_several_classes_share_rename():
    names = ["crane", "bread", "crane"]
    assert renames(names, names)


def test_colours_that_are_not_named_are_told_with_their_share(tmp_path):
    put(tmp_path / "images/0.png", image_bytes())
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:12], mask[12:24] = (128, 0, 0), (0, 0, 9)
    put(tmp_path / "masks/0.png", b"")
    Image.fromarray(mask).save(tmp_path / "masks/0.png")
    mapping = {"(0, 0, 0)": "ground", "(128, 0, 1)": "roof"}
    data = data_config(tmp_path, "segmentation", id_mapping=mapping, label_image_mode="RGB")
    _, findings, targets = read(data)
    (target,) = targets.values()
    assert np.mean(target.pixels == 255) == 0.5
    (told,) = findings.by_check["unused_files"]
    assert told.place == "data.id_mapping"
    assert told.message.startswith(
        "50.00% of the pixels in 1 masks looked at have colours that it does not name"
    )
    assert told.message.endswith("are no class: (0, 0, 9), (128, 0, 0)")


@pytest.mark.parametrize("layout", ["folders", "coco"])
def test_a_pattern_that_leaves_no_image_is_named(layout, tmp_path):
    put(tmp_path / "train/ape/0.png", image_bytes())
    task = "classification" if layout == "folders" else "detection"
    if layout == "coco":
        put(tmp_path / "annotations/instances_train.json", coco([coco_image(0, "ape/0.png")], []))
    path = {"pattern": {"image": r"\d+[.]jpg$"}}
    with pytest.raises(
        UserError, match=r"data.path.pattern.image: .* leaves out 1 files, such as train/ape/0.png"
    ):
        read(data_config(tmp_path, task, path=path, id_mapping=["ape"]))
