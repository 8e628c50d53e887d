"""What is annotated comes out the same, whatever the format."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from annotation_writers import (
    BOX_WRITERS,
    NAMES,
    coco,
    coco_image,
    data_config,
    image_bytes,
    put,
    put_mask,
    read,
    write_images,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kubepresso.data.formats.detect import detect_format
from kubepresso.data.targets import IGNORE, LabelProblemError
from kubepresso.errors import UserError

SCENES = {
    ("train", "a"): [(0, (0, 0, 64, 48), False), (2, (5, 7, 11, 40), False)],
    ("train", "b"): [],
    ("val", "c"): [(1, (62, 46, 64, 48), False)],
}


def by_stem(targets):
    return {path.rpartition("/")[2].partition(".")[0]: target for (_, path), target in targets.items()}


def rows(objects):
    return [
        (label, tuple(box), crowd)
        for label, box, crowd in zip(
            objects.labels.tolist(), objects.boxes.tolist(), objects.crowd.tolist(), strict=True
        )
    ]


boxes = st.tuples(st.integers(0, 61), st.integers(0, 45)).flatmap(
    lambda corner: st.tuples(
        st.just(corner[0]), st.just(corner[1]), st.integers(corner[0] + 2, 64), st.integers(corner[1] + 2, 48)
    )
)


@settings(max_examples=25, deadline=None)
@given(found=st.lists(st.tuples(st.integers(0, 2), boxes, st.just(False)), max_size=5))
def test_boxes_come_out_the_same_through_voc_coco_and_yolo(found, tmp_path_factory):
    scenes = {**SCENES, ("train", "b"): found}
    root = tmp_path_factory.mktemp("boxes")
    for name, write in BOX_WRITERS.items():
        data = write(root / name, scenes)
        assert detect_format(data, root / name) == name
        source, findings, targets = read(data)
        assert source.classes == NAMES
        assert set(source.splits) == {"train", "valid"}
        assert not any(findings.by_check.values())
        assert {stem: rows(target) for stem, target in by_stem(targets).items()} == {
            stem: objects for (_, stem), objects in scenes.items()
        }


@pytest.mark.parametrize("name", ["voc", "coco"])
def test_crowds_and_difficult_objects_are_marked(name, tmp_path):
    scenes = {
        ("train", "a"): [(0, (1, 2, 30, 40), True), (1, (1, 2, 30, 40), False), (2, (0, 0, 5, 5), False)]
    }
    _, _, targets = read(BOX_WRITERS[name](tmp_path, scenes))
    assert rows(by_stem(targets)["a"]) == scenes["train", "a"]


@pytest.mark.parametrize("name", BOX_WRITERS)
def test_the_classes_of_each_image_are_known_before_images_are_read(name, tmp_path):
    source, _, _ = read(BOX_WRITERS[name](tmp_path, SCENES))
    assert [list(classes) for classes in source.splits["train"].strata()] == [[0, 2], []]


LAYOUTS = {
    "split first": ("train/images/a.png", "train/labels/a.txt", {}),
    "kind first": ("images/train/a.png", "labels/train/a.txt", {}),
    "kinds alone": ("images/a.png", "labels/a.txt", {}),
    "together": ("train/a.png", "train/a.txt", {}),
    "at the root": ("a.png", "a.txt", {}),
    "nested": ("images/train/x/y/a.png", "labels/train/x/y/a.txt", {}),
    "named": ("some/a.png", "other/a.txt", {"train": {"image": "some", "label": "other"}}),
    "labels beside": ("z/images/p/a.png", "z/labels/p/a.txt", {"train": {"image": "z/images/p"}}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_are_found_in_common_layouts(layout, tmp_path):
    image, label, path = LAYOUTS[layout]
    put(tmp_path / image, image_bytes())
    put(tmp_path / label, "0 0.5 0.5 0.5 0.5\n")
    _, findings, targets = read(data_config(tmp_path, path=path, id_mapping=["x"]))
    assert rows(targets["train", image]) == [(0, (16, 12, 48, 36), False)]
    assert not any(findings.by_check.values())


def test_polygons_of_yolo_become_their_bounding_box(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "labels/a.txt", "1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75")
    put(tmp_path / "labels/classes.txt", "one\ntwo\n")
    source, _, targets = read(data_config(tmp_path))
    assert source.classes == ["one", "two"]
    assert rows(targets["train", "images/a.png"]) == [(1, (16, 12, 48, 36), False)]


def test_roboflow_s_coco_with_its_empty_root_category(tmp_path):
    kinds = [
        {"id": 0, "name": "cells", "supercategory": "none"},
        {"id": 1, "name": "red", "supercategory": "cells"},
        {"id": 2, "name": "white", "supercategory": "cells"},
    ]
    for split in ("train", "valid"):
        put(tmp_path / split / "a.png", image_bytes())
        note = {"id": 0, "image_id": 0, "category_id": 2, "bbox": [1, 2, 3, 4]}
        put(tmp_path / split / "_annotations.coco.json", coco([coco_image(0, "a.png")], [note], kinds))
    source, _, targets = read(data_config(tmp_path))
    assert source.classes == ["red", "white"]
    assert rows(targets["valid", "valid/a.png"]) == [(1, (1, 2, 4, 6), False)]


def test_coco_by_configured_places_with_classes_in_another_order(tmp_path):
    put(tmp_path / "pics/a.png", image_bytes())
    put(tmp_path / "pics/extra.png", image_bytes(1))
    note = {"id": 5, "image_id": "x", "category_id": 17, "bbox": [1, 2, 3, 4]}
    images = [coco_image("x", "a.png"), coco_image("y", "gone.png")]
    put(tmp_path / "notes.json", coco(images, [note]))
    path = {"train": {"image": "pics", "label": "notes.json"}}
    source, findings, targets = read(data_config(tmp_path, path=path, id_mapping=["cat", "bee", "ape"]))
    assert source.classes == ["cat", "bee", "ape"]
    assert rows(targets["train", "pics/a.png"]) == [(0, (1, 2, 4, 6), False)]
    assert {str(found) for found in findings.by_check["missing_labels"]} == {
        "notes.json: image 'gone.png' is not an image in pics",
        "pics/extra.png: no COCO file of the data set names this image",
    }


@pytest.mark.parametrize("form", ["lists", "list of objects", "jsonl", "csv"])
def test_boxes_of_hugging_face_tables(form, tmp_path):
    objects = {"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "category": [2, 0]}
    if form == "list of objects":
        objects = [{"bbox": box, "category": NAMES[n]} for box, n in zip(*objects.values(), strict=True)]
    if form in ("jsonl", "csv"):
        put(tmp_path / "train/a.png", image_bytes())
        line = {"file_name": "a.png", "objects": objects}
        quoted = json.dumps(objects).replace('"', '""')
        content = json.dumps(line) if form == "jsonl" else f'file_name,objects\na.png,"{quoted}"\n'
        put(tmp_path / f"train/metadata.{form}", content)
    else:
        table = {"image": [{"bytes": image_bytes(), "path": None}] * 2, "objects": [objects, None]}
        pq.write_table(pa.table(table), tmp_path / "train.parquet")
    _, _, targets = read(data_config(tmp_path, id_mapping=NAMES))
    assert rows(next(iter(targets.values()))) == [(2, (1, 2, 4, 6), False), (0, (5, 6, 12, 14), False)]


def test_hugging_face_names_of_nested_class_labels(tmp_path):
    feature = {"feature": {"bbox": {}, "category": {"_type": "ClassLabel", "names": NAMES}}}
    about = json.dumps({"info": {"features": {"objects": feature}}})
    table = pa.table(
        {"image": [image_bytes()], "objects": [{"bbox": [[1, 2, 3, 4]], "category": [1]}]},
    ).replace_schema_metadata({"huggingface": about})
    pq.write_table(table, tmp_path / "train.parquet")
    source, _, targets = read(data_config(tmp_path))
    assert source.classes == NAMES
    assert rows(next(iter(targets.values())))[0][0] == 1
    assert [list(classes) for classes in source.splits["train"].strata()] == [[1]]


# Segmentation

MASK = np.arange(64 * 48).reshape(48, 64) // 1000 % 3
COLOURS = np.array([(0, 0, 0), (128, 0, 0), (0, 64, 255)], np.uint8)


def write_masks(root, as_what, mask=MASK):
    write_images(root, {("train", "a"): [], ("val", "b"): []})
    for place in ("masks/train/a.png", "masks/val/b.png"):
        if as_what == "palette":
            image = Image.fromarray(mask.astype(np.uint8), "P")
            image.putpalette(COLOURS.tobytes())
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            image.save(root / place)
        else:
            put_mask(root / place, COLOURS[mask] if as_what == "colours" else mask)


@pytest.mark.parametrize(
    ("as_what", "mode"),
    [("indexes", "L"), ("colours", "RGB"), ("palette", "RGB"), ("palette", "P"), ("palette", "L")],
)
def test_masks_come_out_the_same_through_indexes_and_colours(as_what, mode, tmp_path):
    write_masks(tmp_path, as_what)
    mapping = {str(tuple(colour)): name for colour, name in zip(COLOURS.tolist(), NAMES, strict=True)}
    data = data_config(
        tmp_path, "segmentation", id_mapping=NAMES if mode == "L" else mapping, label_image_mode=mode
    )
    source, findings, targets = read(data)
    assert detect_format(data, tmp_path) == "masks"
    assert source.classes == NAMES
    assert set(targets) == {("train", "images/train/a.png"), ("valid", "images/val/b.png")}
    assert all((target.pixels == MASK).all() for target in targets.values())
    assert source.splits["train"].strata() == [[0, 1, 2]]
    assert not any(findings.by_check.values())


def test_classes_of_masks_are_the_values_found_and_255_is_none(tmp_path):
    write_masks(tmp_path, "indexes", np.where(MASK == 2, 255, MASK))
    source, _, targets = read(data_config(tmp_path, "segmentation"))
    assert source.classes == ["0", "1"]
    assert set(np.unique(targets["train", "images/train/a.png"].pixels)) == {0, 1, IGNORE}


def test_a_colour_that_is_not_named_is_no_class(tmp_path):
    write_masks(tmp_path, "colours")
    put(tmp_path / "colours.json", json.dumps({"(0,0,0)": "a", "(128, 0, 0)": "b"}))
    data = data_config(tmp_path, "segmentation", id_mapping="colours.json", label_image_mode="RGB")
    _, _, targets = read(data)
    assert (targets["train", "images/train/a.png"].pixels == np.where(MASK == 2, IGNORE, MASK)).all()


def test_segmentation_of_a_voc_devkit(tmp_path):
    for stem in "abc":
        put(tmp_path / f"VOC2012/JPEGImages/{stem}.jpg", image_bytes(suffix=".jpg"))
    for stem in "ab":
        put_mask(tmp_path / f"VOC2012/SegmentationClass/{stem}.png", MASK)
    put(tmp_path / "VOC2012/ImageSets/Segmentation/train.txt", "a\n")
    put(tmp_path / "VOC2012/ImageSets/Segmentation/val.txt", "b\n")
    _, findings, targets = read(data_config(tmp_path, "segmentation", id_mapping=NAMES))
    assert [split for split, _ in targets] == ["train", "valid"]
    assert not any(findings.by_check.values())


def test_panoptic_segments_become_classes(tmp_path):
    ids = np.where(MASK == 0, 0, np.where(MASK == 1, 70000, 300))
    coloured = np.stack((ids % 256, ids // 256 % 256, ids // 65536), -1)
    put(tmp_path / "train2017/a.png", image_bytes())
    put_mask(tmp_path / "annotations/panoptic_train2017/a.png", coloured)
    segments = [{"id": 70000, "category_id": 17}, {"id": 300, "category_id": 3}]
    note = {"image_id": 4, "file_name": "a.png", "segments_info": segments}
    put(tmp_path / "annotations/panoptic_train2017.json", coco([coco_image(4, "a.png")], [note]))
    data = data_config(tmp_path, "segmentation")
    assert detect_format(data, tmp_path) == "coco_panoptic"
    source, _, targets = read(data)
    assert source.classes == NAMES
    expected = np.choose(MASK, (IGNORE, 2, 0))
    assert (targets["train", "train2017/a.png"].pixels == expected).all()
    assert source.splits["train"].strata() == [[0, 2]]


def test_instances_are_drawn_largest_first_over_crowds(tmp_path):
    put(tmp_path / "train/a.png", image_bytes())

    def square(key, category, x1, y1, x2, y2, **more):
        outline = [[x1, y1, x2, y1, x2, y2, x1, y2]]
        return {"id": key, "image_id": 1, "category_id": category, "segmentation": outline, **more}

    whole = {"size": [48, 64], "counts": [0, 48 * 32, 48 * 32]}
    notes = [
        square(1, 3, 10, 10, 14, 14),
        square(2, 10, 8, 8, 20, 20),
        {"id": 3, "image_id": 1, "category_id": 17, "segmentation": whole, "iscrowd": 1},
    ]
    put(tmp_path / "instances_train.json", coco([coco_image(1, "a.png")], notes))
    source, _, targets = read(data_config(tmp_path, "segmentation"))
    assert source.classes == ["background", *NAMES]
    expected = np.zeros((48, 64), np.uint8)
    expected[:, :32] = IGNORE
    expected[8:20, 8:20] = 2
    expected[10:14, 10:14] = 1
    assert (targets["train", "train/a.png"].pixels == expected).all()


def test_masks_of_hugging_face_tables(tmp_path):
    put_mask(tmp_path / "mask.png", MASK)
    table = {
        "pixel_values": [image_bytes()],
        "label": [{"bytes": (tmp_path / "mask.png").read_bytes(), "path": None}],
    }
    pq.write_table(pa.table(table), tmp_path / "train.parquet")
    metadata = {"repo": str(tmp_path), "features": {"image": "pixel_values", "label": "label"}}
    data = data_config(tmp_path, "segmentation", format="huggingface", metadata=metadata)
    source, _, targets = read(data)
    assert source.classes == ["0", "1", "2"]
    assert (next(iter(targets.values())).pixels == MASK).all()


# Poses

SKELETON = [
    {"name": "nose"},
    {"name": "left_eye", "swap": "right_eye"},
    {"name": "right_eye", "swap": "left_eye"},
]
coordinate = st.floats(0, 47, allow_nan=False)
keypoint = st.one_of(st.tuples(coordinate, coordinate, st.sampled_from((1, 2))), st.just((0, 0, 0)))
instance = st.tuples(
    st.lists(keypoint, min_size=3, max_size=3).filter(lambda k: any(v for *_, v in k)), boxes
)


@settings(max_examples=25, deadline=None)
@given(instances=st.lists(instance, max_size=4))
def test_keypoints_come_out_the_same_through_text_and_coco(instances, tmp_path_factory):
    root = tmp_path_factory.mktemp("poses")
    flat = [[number for point in points for number in point] for points, _ in instances]
    lines = [" ".join(map(repr, [*points, *box])) for points, (_, box) in zip(flat, instances, strict=True)]
    put(root / "text/images/train/a.png", image_bytes())
    put(root / "text/labels/train/a.txt", "\n".join(lines))
    notes = [
        {"id": n, "image_id": 1, "category_id": 1, "keypoints": points, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for n, (points, (_, (x1, y1, x2, y2))) in enumerate(zip(flat, instances, strict=True))
    ]
    person = {"id": 1, "name": "person", "keypoints": [point["name"] for point in SKELETON]}
    put(root / "coco/train/a.png", image_bytes())
    put(root / "coco/person_keypoints_train.json", coco([coco_image(1, "a.png")], notes, [person]))
    text, _, from_text = read(data_config(root / "text", "pose_estimation", id_mapping=SKELETON))
    other, _, from_coco = read(data_config(root / "coco", "pose_estimation"))
    assert text.keypoints == other.keypoints
    assert [keypoint.swap for keypoint in text.keypoints] == [0, 2, 1]
    assert text.classes == other.classes == ["nose", "left_eye", "right_eye"]
    (one,), (two,) = from_text.values(), from_coco.values()
    assert (one.keypoints == two.keypoints).all()
    assert (one.boxes == two.boxes).all()
    assert one.keypoints.reshape(-1, 9).tolist() == flat
    assert one.boxes.tolist() == [list(box) for _, box in instances]


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_of_the_stored_image_turn_with_its_pixels(orientation, tmp_path):
    """One marked pixel is a box, a mask and a keypoint; all must be at the mark of the upright image."""
    stored, place = np.zeros((48, 64, 3), np.uint8), (11, 30)
    stored[place[1], place[0]] = 255
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = orientation
    (tmp_path / "train").mkdir()
    image.save(tmp_path / "train/a.png", exif=exif)
    with Image.open(tmp_path / "train/a.png") as opened:
        from PIL import ImageOps

        upright = np.array(ImageOps.exif_transpose(opened))[..., 0]
    (y,), (x,) = np.nonzero(upright)
    turned = orientation >= 5
    corner = place if turned else (int(x), int(y))
    note = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [*corner, 1, 1], "keypoints": [*corner, 2]}
    note["segmentation"] = [[corner[0] + dx, corner[1] + dy] for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))]
    note["segmentation"] = [[number for point in note["segmentation"] for number in point]]
    kinds = [{"id": 3, "name": "ape", "keypoints": ["tip"]}]
    put(tmp_path / "instances_train.json", coco([coco_image(1, "a.png")], [note], kinds))
    _, _, (objects,) = (*read(data_config(tmp_path))[:2], read(data_config(tmp_path))[2].values())
    assert objects.boxes.tolist() == [[x, y, x + 1, y + 1]]
    (mask,) = read(data_config(tmp_path, "segmentation"))[2].values()
    assert np.argwhere(mask.pixels == 1).tolist() == [[y, x]]
    (poses,) = read(data_config(tmp_path, "pose_estimation", layout="coco_keypoints"))[2].values()
    assert poses.keypoints.tolist() == [[[x, y, 2]]]


def test_a_label_of_another_size_than_the_image_is_told(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put_mask(tmp_path / "masks/a.png", np.zeros((10, 20)))
    _, _, targets = read(data_config(tmp_path, "segmentation", id_mapping=NAMES))
    problem = targets["train", "images/a.png"]
    assert isinstance(problem, LabelProblemError)
    assert str(problem) == "mask masks/a.png is for 20 x 10 pixels, the image has 64 x 48"


def test_a_layout_of_another_task_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.layout: masks is not for detection; allowed are yolo"):
        read(data_config(tmp_path, layout="masks"))
