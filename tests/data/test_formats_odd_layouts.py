"""Data sets as people really have them: nothing of them is left out without a word."""

import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from annotation_writers import coco, coco_image, data_config, image_bytes, put, put_mask, read

from kubepresso.data.findings import Findings
from kubepresso.data.formats import open_source
from kubepresso.errors import UserError


def found_in(findings, check):
    return [str(finding) for finding in findings.by_check[check]]


def annotation(key, image, category=3, **values):
    return {"id": key, "image_id": image, "category_id": category, "bbox": [2, 2, 9, 9], **values}


@pytest.mark.parametrize("task", ["detection", "segmentation", "pose_estimation"])
def test_annotations_of_images_that_are_not_listed_are_told(task, tmp_path):
    put(tmp_path / "train/0.png", image_bytes())
    extra = {"keypoints": [3, 3, 2], "segmentation": [[2, 2, 9, 2, 9, 9]]}
    kinds = [{"id": 3, "name": "ape", "keypoints": ["nose"]}]
    rows = [annotation(n, image, **extra) for n, image in enumerate([0, 7, None])]
    name = "person_keypoints" if task == "pose_estimation" else "instances"
    put(tmp_path / f"annotations/{name}_train.json", coco([coco_image(0, "0.png")], rows, kinds))
    _, findings, targets = read(data_config(tmp_path, task))
    assert len(targets) == 1
    place = f"annotations/{name}_train.json: annotation"
    message = "its image_id is not one of the images"
    assert found_in(findings, "missing_labels") == [f"{place} 1: {message}", f"{place} 2: {message}"]


@pytest.mark.parametrize("mapping", [None, ["wall", "crack"]])
def test_masks_of_0_and_255_are_refused_as_255_is_no_class(mapping, tmp_path):
    for n in range(3):
        put(tmp_path / f"images/{n}.png", image_bytes())
        put_mask(tmp_path / f"masks/{n}.png", np.arange(64 * 48).reshape(48, 64) % 2 * (255 if n else 0))
    with pytest.raises(UserError, match=r"0 and 255.*255 is no class.*\(255, 255, 255\)"):
        read(data_config(tmp_path, "segmentation", id_mapping=mapping))
    mapping = {"(0, 0, 0)": "wall", "(255, 255, 255)": "crack"}
    source, _, targets = read(
        data_config(tmp_path, "segmentation", id_mapping=mapping, label_image_mode="RGB")
    )
    assert source.classes == ["wall", "crack"]
    assert [set(np.unique(target.pixels)) for target in targets.values()] == [{0}, {0, 1}, {0, 1}]


def test_a_table_of_masks_of_0_and_255_is_refused(tmp_path):
    mask = put_mask(tmp_path / "mask.png", [[0, 255]])
    rows = [{"image": {"bytes": image_bytes()}, "mask": {"bytes": mask.read_bytes()}}] * 2
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    with pytest.raises(UserError, match=r"255 is no class"):
        read(data_config(tmp_path, "segmentation"))


@pytest.mark.parametrize("inside", ["", "train/"])
def test_class_folders_below_one_more_folder(inside, tmp_path):
    for name in ("ape", "bee"):
        put(tmp_path / f"zoo/{inside}{name}/0.png", image_bytes())
    source, _, targets = read(data_config(tmp_path, "classification"))
    assert source.classes == ["ape", "bee"]
    assert {path for _, path in targets} == {f"zoo/{inside}{name}/0.png" for name in ("ape", "bee")}


def test_one_class_of_folders_alone_is_refused(tmp_path):
    for name in ("ape", "bee"):
        put(tmp_path / f"train/zoo/{name}/0.png", image_bytes())
    with pytest.raises(UserError, match=r"train/zoo: the only class, and holds no image itself.*data.path"):
        read(data_config(tmp_path, "classification"))


@pytest.mark.parametrize("named", [True, False])
def test_an_empty_folder_for_valid_is_no_split_unless_it_is_named(named, tmp_path):
    for n, name in enumerate(("ape", "bee")):
        put(tmp_path / f"folders/train/{name}/{n}.png", image_bytes())
        put(tmp_path / f"boxes/images/train/{n}.png", image_bytes())
        put(tmp_path / f"boxes/labels/train/{n}.txt", "0 .5 .5 .2 .2")
    for folder in ("folders/valid", "boxes/images/val", "boxes/labels/val"):
        (tmp_path / folder).mkdir()
    for task, root, places in [
        ("classification", "folders", {"train": {"image": "train"}, "valid": {"image": "valid"}}),
        ("detection", "boxes", {"train": {"image": "images/train"}, "valid": {"image": "images/val"}}),
    ]:
        source, _, _ = read(data_config(tmp_path / root, task, path=places if named else {}))
        assert list(source.splits) == (["train", "valid"] if named else ["train"])


def test_images_beside_class_folders_are_reported(tmp_path):
    for name in ("ape/0", "bee/0", "loose"):
        put(tmp_path / f"train/{name}.png", image_bytes())
    _, findings, targets = read(data_config(tmp_path, "classification"))
    assert len(targets) == 2
    assert found_in(findings, "unused_files") == ["train/loose.png: not in the folder of a class"]


SINGLE_FILES = {
    "annotations.json": "images",
    "labels.json": "data",
    "_annotations.coco.json": ".",
    "train/annotations.json": "train/images",
}


@pytest.mark.parametrize("file", SINGLE_FILES)
def test_coco_files_by_the_names_that_tools_give(file, tmp_path):
    put(tmp_path / SINGLE_FILES[file] / "0.png", image_bytes())
    put(tmp_path / file, coco([coco_image(0, "0.png")], [annotation(1, 0)]))
    _, findings, targets = read(data_config(tmp_path))
    ((_, target),) = targets.items()
    assert target.boxes.tolist() == [[2, 2, 11, 11]]
    assert not any(findings.by_check.values())


@pytest.mark.parametrize("file", ["zoo.json", "train/zoo.json"])
def test_the_only_json_is_the_one_of_the_layout_coco(file, tmp_path):
    put(tmp_path / "train/0.png", image_bytes())
    put(tmp_path / file, coco([coco_image(0, "0.png")], [annotation(1, 0)]))
    assert len(read(data_config(tmp_path, layout="coco"))[2]) == 1
    put(tmp_path / file.replace("zoo", "other"), "{}")
    with pytest.raises(UserError, match="no COCO file found"):
        read(data_config(tmp_path, layout="coco"))


def write_table(file, **columns):
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), file)


TABLES = {
    ("classification", "img", "fine_label"): [0, 1],
    ("classification", "pixel_values", "labels"): [0, 1],
    ("detection", "img", "objects"): [{"bbox": [[2.0, 2.0, 9.0, 9.0]], "category": [0]}] * 2,
    ("segmentation", "pixel_values", "label"): None,
    ("segmentation", "image", "mask"): None,
}


@pytest.mark.parametrize("case", TABLES)
def test_columns_by_their_usual_names(case, tmp_path):
    task, image, label = case
    mask = put_mask(tmp_path / "mask.png", np.zeros((48, 64))).read_bytes()
    write_table(
        tmp_path / "set/train.parquet",
        **{image: [{"bytes": image_bytes(n), "path": None} for n in range(2)]},
        coarse_label=[0, 0],
        **{label: TABLES[case] or [{"bytes": mask, "path": None}] * 2},
    )
    _, _, targets = read(data_config(tmp_path / "set", task))
    assert len(targets) == 2


def test_columns_that_are_named_under_the_format_local(tmp_path):
    images = [{"bytes": image_bytes(n), "path": None} for n in range(2)]
    write_table(tmp_path / "train.parquet", photo=images, image=images[::-1], kind=["a", "b"])
    metadata = {"features": {"image": "photo", "label": "kind"}}
    source, _, targets = read(data_config(tmp_path, "classification", metadata=metadata))
    assert (source.classes, len(targets)) == (["a", "b"], 2)
    metadata = {"features": {"image": "picture", "label": "kind"}}
    with pytest.raises(UserError, match="no column 'picture', there are photo, image, kind"):
        read(data_config(tmp_path, "classification", metadata=metadata))


@pytest.mark.parametrize("values", [{}, {"format": "huggingface"}])
@pytest.mark.parametrize("splits", [True, False])
def test_a_folder_that_datasets_saved(splits, values, tmp_path):
    rows = [{"image": {"bytes": image_bytes(n), "path": None}, "label": n % 2} for n in range(4)]
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=["ape", "bee"]))
    table = datasets.Dataset.from_list(rows, features=features)
    saved = datasets.DatasetDict(train=table, test=table) if splits else table
    saved.save_to_disk(str(tmp_path))
    source, _, targets = read(data_config(tmp_path, "classification", **values))
    assert source.classes == ["ape", "bee"]
    assert [target for (split, _), target in targets.items() if split == "train"] == [0, 1, 0, 1]
    assert set(source.splits) == ({"train", "test"} if splits else {"train"})


def test_a_folder_that_datasets_saved_and_that_is_not_whole(tmp_path):
    put(tmp_path / "dataset_dict.json", '{"splits": ["train"]}')
    with pytest.raises(UserError, match=r"saved by datasets.*cannot be read"):
        read(data_config(tmp_path, "classification"))


def rewrite_without_images(folder, files):
    """Saving takes the bytes of local images with it; a table of another's names files alone."""
    (file,) = folder.glob("*.arrow")
    with pa.ipc.open_stream(file.read_bytes()) as reader:
        table = reader.read_all()
    named = pa.array([{"bytes": None, "path": str(name)} for name in files], table.schema.field("image").type)
    table = table.set_column(table.schema.get_field_index("image"), table.schema.field("image"), named)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def test_images_that_a_saved_table_only_names_are_read_where_they_are_files(tmp_path):
    files = [put(tmp_path / f"{n}.png", image_bytes(n)) for n in range(3)]
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    table = datasets.Dataset.from_dict({"image": [str(file) for file in files], "label": [0] * 3}, features)
    table.save_to_disk(str(tmp_path / "saved"))
    rewrite_without_images(tmp_path / "saved", files)
    files[1].unlink()
    files[1].symlink_to("/dev/zero")
    files[2].unlink()
    source = open_source(data_config(tmp_path / "saved", "classification"), tmp_path / "saved", Findings())
    problems = [sample.problem for sample in source.splits["train"]]
    assert problems[0] is None
    assert all("not there" in problem for problem in problems[1:])


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_a_mapping_that_names_some_categories_chooses_them(task, tmp_path):
    put(tmp_path / "train/0.png", image_bytes())
    outline = {"segmentation": [[2, 2, 9, 2, 9, 9, 2, 9]]}
    rows = [annotation(n, 0, category, **outline) for n, category in enumerate([3, 10, 10, 17, 99])]
    put(tmp_path / "instances_train.json", coco([coco_image(0, "0.png")], rows[:4]))
    data = data_config(tmp_path, task, id_mapping=["bee", "background"])
    source, findings, targets = read(data)
    assert source.classes == ["bee", "background"]
    assert found_in(findings, "unused_files") == [
        "instances_train.json: 2 annotations of categories that data.id_mapping does not name (ape, cat)"
    ]
    (target,) = targets.values()
    if task == "detection":
        assert target.labels.tolist() == [0, 0]
    else:
        assert set(np.unique(target.pixels)) == {0, 1}
    put(tmp_path / "instances_train.json", coco([coco_image(0, "0.png")], rows))
    (problem,) = read(data)[2].values()
    assert "category_id is not one of the categories" in str(problem)
    with pytest.raises(UserError, match=r"data.id_mapping: names none of the categories \(ape, bee, cat\)"):
        read(data_config(tmp_path, task, id_mapping=["Bee"]))


def test_a_mapping_that_names_some_classes_of_voc_chooses_them(tmp_path):
    box = "<bndbox><xmin>3</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    objects = "".join(
        f"<object><name>{name}</name>{box}</object>" for name in ["ape", "bee", "bee", "cat", "ape"]
    )
    put(tmp_path / "0.png", image_bytes())
    put(tmp_path / "0.xml", f"<annotation>{objects}</annotation>")
    source, findings, targets = read(data_config(tmp_path, id_mapping=["cat", "bee"]))
    assert source.classes == ["cat", "bee"]
    (target,) = targets.values()
    assert target.labels.tolist() == [1, 1, 0]
    assert found_in(findings, "unused_files") == [
        "data.id_mapping: 2 objects of classes that it does not name (2 ape)"
    ]
    with pytest.raises(UserError, match=r"data.id_mapping: names none of the classes .* \(ape, bee, cat\)"):
        read(data_config(tmp_path, id_mapping=["Bee"]))


def test_annotations_without_any_category_are_labels_that_cannot_be_used(tmp_path):
    put(tmp_path / "train/0.png", image_bytes())
    content = json.dumps(
        {"images": [coco_image(0, "0.png")], "annotations": [annotation(1, 0)], "categories": []}
    )
    put(tmp_path / "instances_train.json", content)
    (problem,) = read(data_config(tmp_path, id_mapping=["bee"]))[2].values()
    assert "category_id is not one of the categories" in str(problem)
