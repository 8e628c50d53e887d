"""Labels that cannot be used are told with their place; no content ever ends in a traceback."""

import contextlib
import io
import json

import numpy as np
import pytest
from annotation_writers import NAMES, coco, coco_image, data_config, image_bytes, put, put_mask, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kubepresso.data.findings import Findings
from kubepresso.data.formats.coco_file import read_coco
from kubepresso.data.formats.outlines import Polygons, Runs, expand_counts, fill_polygon, pixels_in
from kubepresso.data.formats.xml_elements import parse_xml
from kubepresso.data.targets import Geometry, LabelProblemError
from kubepresso.errors import UserError

FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def only_target(data):
    _, _, targets = read(data)
    (target,) = targets.values()
    return target


def yolo(root, content):
    put(root / "images/a.png", image_bytes())
    put(root / "labels/a.txt", content)
    return only_target(data_config(root, id_mapping=NAMES))


YOLO = {
    "0 0.5 0.5 0.5": "1: 4 numbers; needed are 5 (class, x, y, width, height) or a class and a polygon",
    "\n0 0.5 0.5 0.5 0.5 0.9": "2: 6 numbers",
    "0 0.5 0.5 0.5 0.5\nape 0.5 0.5 0.5 0.5": "2: not numbers separated by spaces: 'ape 0.5 0.5 0.5 0.5'",
    "3 0.5 0.5 0.5 0.5": "1: class 3 is out of range, allowed 0 to 2",
    "-1 0.5 0.5 0.5 0.5": "1: class -1 is out of range",
    "0.5 0.5 0.5 0.5 0.5": "1: class 0.5 is out of range",
    "nan 0.5 0.5 0.5 0.5": "1: class nan is out of range",
    "0 nan 0.5 0.5 0.5": "1: box (nan, 12, nan, 36) has coordinates that are not finite numbers",
    "0 0.5 0.5 0 0.5": "1: box (32, 12, 32, 36) has no width or no height",
    "0 0.5 0.5 -0.1 0.5": "has no width or no height",
    "0 0.95 0.5 0.5 0.5": "1: box (44.8, 12, 76.8, 36) reaches outside the image of 64 x 48 pixels",
    "0 32 24 10 10": "coordinates 32, 24, 10, 10 are pixels, it seems; needed are parts of the image, 0 to 1",
    "0 1e308 0.5 1e308 0.5": "not finite",
}


@pytest.mark.parametrize("content", YOLO)
def test_lines_of_yolo_that_cannot_be_used(content, tmp_path):
    problem = yolo(tmp_path, content)
    assert isinstance(problem, LabelProblemError)
    assert YOLO[content] in f"{problem.place}: {problem}"
    assert problem.place.startswith("labels/a.txt:")


def test_all_problems_of_a_label_are_told_at_once(tmp_path):
    problem = yolo(tmp_path, "9 0.5 0.5 0.5 0.5\n0 0.5 0.5 0 0\n" + "x\n" * 5)
    assert problem.place == "labels/a.txt:3"
    assert str(problem).endswith("and 4 more")


def test_a_box_that_reaches_out_by_rounding_is_clipped(tmp_path):
    objects = yolo(tmp_path, "0 0.5 0.5 1.02 1.0\n")
    assert objects.boxes.tolist() == [[0, 0, 64, 48]]


VOC = {
    "<annotation>\n<object><name>ape</name></object></annotation>": "a.xml:2: <object> without a <bndbox>",
    "<annotation><object><name>ape</name><bndbox><xmin>1</xmin></bndbox></object></annotation>": "got 1, no",
    "<annotation>\n<object><name/></object></annotation>": "a.xml:2: <object> without a <name>",
    "<annotation>\n<object>": "a.xml:2: not XML (no element found",
    "": "a.xml:1: not XML",
    "<html/>": "a.xml:1: <html> is not <annotation>",
    '<!DOCTYPE a [<!ENTITY b "b">]><annotation/>': "a.xml:1: has a document type declaration, which is",
    "<annotation><size><width>9</width><height>9</height></size></annotation>": "<size> is for 9 x 9 pixels",
}


@pytest.mark.parametrize("content", VOC)
def test_voc_files_that_cannot_be_used(content, tmp_path):
    put(tmp_path / "a.png", image_bytes())
    put(tmp_path / "a.xml", content)
    problem = only_target(data_config(tmp_path, id_mapping=NAMES))
    assert isinstance(problem, LabelProblemError)
    assert VOC[content] in f"{problem.place}: {problem}"


def test_entities_that_expand_without_end_are_refused_before_they_do(tmp_path):
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    bomb = f'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><annotation>&e12;</annotation>'
    with pytest.raises(LabelProblemError, match="document type declaration") as caught:
        parse_xml(put(tmp_path / "a.xml", bomb), "a.xml")
    assert caught.value.place == "a.xml:2"


NOT_COCO = {
    '{"images": [],\n oops': "2: not JSON",
    "[]": "no list images, annotations, categories",
    '{"images": [], "annotations": [], "categories": {}}': "no list categories",
    "[" * 100_000: "nested too deeply",
    '{"a": ' + "9" * 10_000 + "}": "not JSON that can be read",
    coco([coco_image(1, "a.png")] * 2, []): "1 images share an id with another",
    coco([], [], [{"id": 1}]): "a category without an id and a name",
    coco([], [], [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]): "two categories have the same id",
    coco([coco_image(1, "gone.png")], []): "name their folder in data.path.train.image",
    coco([coco_image(1, "../../etc/passwd")], []): "name their folder in data.path.train.image",
    b"\xff\xfe\x00": "not UTF-8",
}


@pytest.mark.parametrize("content", NOT_COCO, ids=lambda content: str(content)[:30])
def test_files_that_are_not_coco_s(content, tmp_path):
    put(tmp_path / "train/a.png", image_bytes())
    put(tmp_path / "instances_train.json", content)
    with pytest.raises(UserError) as caught:
        read(data_config(tmp_path))
    assert f"{tmp_path}/instances_train.json" in str(caught.value)
    assert NOT_COCO[content].removeprefix("2: ") in str(caught.value)


NOTES = {
    '{"bbox": [1, 2, 3]}': "bbox is missing, or not the four numbers x, y, width, height",
    "{}": "bbox is missing",
    '{"bbox": [1, 2, NaN, 4]}': "not finite",
    '{"bbox": [1, 2, 3, 4], "category_id": 99}': "its category_id is not one of the categories",
    '{"bbox": [60, 2, 30, 4]}': "reaches outside the image",
    '{"bbox": [1, 2, 0, 4]}': "no width or no height",
    '{"bbox": null}': "bbox is missing",
    '{"bbox": [1, 2, 3, "x"]}': "bbox is missing",
}


@pytest.mark.parametrize("note", NOTES)
def test_annotations_of_coco_that_cannot_be_used(note, tmp_path):
    put(tmp_path / "train/a.png", image_bytes())
    entry = {"id": 5, "image_id": 1, "category_id": 3, **json.loads(note)}
    put(tmp_path / "instances_train.json", coco([coco_image(1, "a.png")], [entry]))
    problem = only_target(data_config(tmp_path))
    assert problem.place == "instances_train.json: annotation 5"
    assert NOTES[note] in str(problem)


POSES = {
    "1 2 2 3 4": "1: 5 numbers; 2 keypoints (x, y, v) and a box need 10",
    "1 2 3 3 4 1 0 0 9 9": "keypoint 0 (1, 2, 3) has another visibility than 0, 1 or 2",
    "-9 2 2 300 4 1 0 0 9 9": "1: all keypoints lie outside the image of 64 x 48 pixels",
    "1 2 2 3 4 1 0 0 140 9": "1: box (0, 0, 140, 9) reaches outside the image of 64 x 48 pixels",
    "1 2 2 3 inf 1 0 0 9 9": "keypoint 1 (3, inf, 1) is not made of finite numbers",
    "1 2 2 3 4 1 9 0 9 9": "box (9, 0, 9, 9) has no width or no height",
}


@pytest.mark.parametrize("content", POSES)
def test_poses_that_cannot_be_used(content, tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "labels/a.txt", content)
    problem = only_target(data_config(tmp_path, "pose_estimation", id_mapping=["l", "r"]))
    assert POSES[content] in f"{problem.place}: {problem}"


def test_keypoints_outside_the_image_are_not_labelled_and_boxes_over_the_edge_are_clipped(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "labels/a.txt", "1 2 2 300 4 1 30 0 80 9\n1 2 2 nan nan 0 0 0 9 9\n64.5 2 1 5 5 1 0 0 9 9")
    poses = only_target(data_config(tmp_path, "pose_estimation", id_mapping=["l", "r"]))
    assert poses.keypoints.tolist() == [
        [[1, 2, 2], [0, 0, 0]],
        [[1, 2, 2], [0, 0, 0]],
        [[64, 2, 1], [5, 5, 1]],
    ]
    assert poses.boxes.tolist() == [[30, 0, 64, 9], [0, 0, 9, 9], [0, 0, 9, 9]]


SKELETONS = {
    json.dumps([{"name": "a", "swap": "z"}]): "a swaps with 'z', which is no keypoint",
    json.dumps([{"name": "a", "swap": "b"}, {"name": "b"}]): "a swaps with b, which swaps with b",
    json.dumps(["a", "a"]): "each name once",
    json.dumps({"0": "a"}): "poses need a list of keypoints",
}


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_skeletons_that_do_not_fit_together(skeleton, tmp_path):
    put(tmp_path / "skeleton.json", skeleton)
    with pytest.raises(UserError) as caught:
        read(data_config(tmp_path, "pose_estimation", id_mapping="skeleton.json"))
    assert SKELETONS[skeleton] in str(caught.value)


def test_values_of_a_mask_that_are_no_class_are_counted(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    mask = np.zeros((48, 64))
    mask[:2], mask[-1] = 7, 255
    put_mask(tmp_path / "masks/a.png", mask)
    problem = only_target(data_config(tmp_path, "segmentation", id_mapping=NAMES))
    assert problem.place == "masks/a.png"
    assert str(problem) == "values that are no class: 7 (128 pixels); allowed 0 to 2, and 255 for none"


def test_a_colour_mask_read_as_indexes_says_what_to_set(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "masks/a.png", image_bytes())
    problem = only_target(data_config(tmp_path, "segmentation", id_mapping=NAMES))
    assert "set data.label_image_mode: RGB" in str(problem)


def test_colours_that_are_none_are_all_told(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "map.json", json.dumps({"(1,2)": "a", "(1,2,300)": "b", "(0,0,0)": "c"}))
    data = data_config(tmp_path, "segmentation", id_mapping="map.json", label_image_mode="RGB")
    with pytest.raises(UserError) as caught:
        read(data)
    assert len(caught.value.problems) == 2


# Fuzz: whatever the content, a target, a LabelProblemError or a UserError


def allowed(read_all):
    with contextlib.suppress(UserError):
        read_all()


text = st.text(st.sampled_from("0123456789.-+einfa \t\n\r\0x\u00e9\u2028"), max_size=80)


@FUZZ
@given(content=st.one_of(st.binary(max_size=60), text.map(str.encode)))
@pytest.mark.parametrize("task", ["detection", "pose_estimation"])
def test_any_text_file(task, content, tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "labels/a.txt", content)
    allowed(lambda: read(data_config(tmp_path, task, id_mapping=NAMES)))


XML = st.recursive(
    st.sampled_from(["1", "nan", "1e999", "ape", "", "&amp;", "<!--", "]]>", "-5", "<x/>"]),
    lambda inner: st.tuples(
        st.sampled_from(
            [
                "annotation",
                "object",
                "name",
                "bndbox",
                "xmin",
                "ymin",
                "xmax",
                "ymax",
                "size",
                "width",
                "difficult",
            ]
        ),
        st.lists(inner, max_size=4),
    ).map(lambda item: f"<{item[0]}>{''.join(item[1])}</{item[0]}>"),
    max_leaves=12,
)


@FUZZ
@given(content=st.one_of(st.binary(max_size=60), XML.map(lambda x: f"<annotation>{x}</annotation>".encode())))
def test_any_xml_file(content, tmp_path):
    put(tmp_path / "a.png", image_bytes())
    put(tmp_path / "a.xml", content)
    allowed(lambda: read(data_config(tmp_path, id_mapping=NAMES)))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 80),
    st.floats(),
    st.text(max_size=4),
    st.just(10**400),
    st.just("a.png"),
)
INNER_KEYS = st.sampled_from(["id", "size", "counts", "name", "category_id", "bbox", "category"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(INNER_KEYS, inner, max_size=3)),
    max_leaves=8,
)
KEYS = ["id", "image_id", "category_id", "bbox", "iscrowd", "segmentation", "keypoints", "file_name", "width",
        "height", "name", "supercategory", "segments_info"]  # fmt: skip
ITEMS = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8),
        st.just({"id": 1, "file_name": "a.png"}),
        st.just({"id": 1, "name": "x", "keypoints": ["a"]}),
        VALUES.map(lambda value: {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4],
                                  "segmentation": value, "keypoints": value}),
        VALUES.map(lambda value: {"id": 2, "image_id": 1, "category_id": 1, "bbox": value, "segmentation": [],
                                  "file_name": "a.png", "segments_info": value}),
    ),
    max_size=3,
)  # fmt: skip


@FUZZ
@given(images=ITEMS, annotations=ITEMS, categories=ITEMS)
@pytest.mark.parametrize("layout", ["coco", "coco masks", "coco_keypoints", "coco_panoptic"])
def test_any_coco_file(layout, images, annotations, categories, tmp_path):
    put(tmp_path / "train/a.png", image_bytes())
    put(tmp_path / "instances_train/a.png", image_bytes())
    images = [coco_image(1, "a.png"), *images]
    categories = [{"id": 1, "name": "x", "keypoints": ["a"]}, *categories]
    content = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    put(tmp_path / "instances_train.json", content)
    task = {"coco": "detection", "coco_keypoints": "pose_estimation"}.get(layout, "segmentation")
    allowed(lambda: read(data_config(tmp_path, task, layout=layout.removesuffix(" masks"))))


@FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes_as_coco(content, tmp_path):
    allowed(lambda: read_coco(put(tmp_path / "a.json", content)))


@FUZZ
@given(place=st.integers(0, 300), change=st.binary(max_size=3))
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_any_damage_to_a_mask(mode, place, change, tmp_path):
    buffer = io.BytesIO()
    Image.new("P", (64, 48), 1).save(buffer, "PNG")
    whole = buffer.getvalue()
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "masks/a.png", whole[:place] + change + whole[place + len(change) :])
    mapping = NAMES if mode == "L" else {"(0, 0, 0)": "a"}
    allowed(lambda: read(data_config(tmp_path, "segmentation", id_mapping=mapping, label_image_mode=mode)))


@FUZZ
@given(objects=VALUES)
def test_any_row_of_objects(objects, tmp_path):
    put(tmp_path / "train/a.png", image_bytes())
    put(tmp_path / "train/metadata.jsonl", json.dumps({"file_name": "a.png", "objects": objects}))
    allowed(lambda: read(data_config(tmp_path)))


# Outlines


def compressed(mask):
    """Encode as the COCO API does, written from its description."""
    flat = mask.T.reshape(-1).astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flat, [1 - flat[-1]]))))
    counts = np.diff(np.concatenate(([0], edges))).tolist()
    text = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            digit, value = value & 31, value >> 5
            more = not ((value == -1 and digit & 16) or (value == 0 and not digit & 16))
            text += chr(48 + (digit | 32 * more))
    return counts, text


@settings(max_examples=60, deadline=None)
@given(
    mask=st.tuples(st.integers(1, 90), st.integers(1, 60), st.integers(0, 1 << 30), st.floats(0, 1)).map(
        lambda drawn: np.random.default_rng(drawn[2]).random(drawn[:2]) < drawn[3]
    )
)
def test_runs_give_the_pixels_that_were_encoded(mask):
    counts, text = compressed(mask)
    assert expand_counts(text.encode()) == counts
    assert (pixels_in(Runs(*mask.shape, text.encode()), *mask.shape) == mask).all()


@settings(max_examples=60, deadline=None)
@given(points=st.lists(st.tuples(st.floats(-9, 40), st.floats(-9, 30)), min_size=3, max_size=9))
def test_a_pixel_is_inside_a_polygon_if_its_centre_is(points):
    """Against the crossing-number test, pixel by pixel."""
    filled = fill_polygon(np.array(points), 24, 32)
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    for y in range(24):
        for x in range(32):
            cx, cy = x + 0.5, y + 0.5
            crossings = [
                x1 + (cy - y1) * (x2 - x1) / (y2 - y1)
                for (x1, y1), (x2, y2) in edges
                if (y1 <= cy) != (y2 <= cy)
            ]
            if all(abs(at - cx) > 1e-9 for at in crossings):
                assert filled[y, x] == (sum(at < cx for at in crossings) % 2 == 1)


def test_a_rectangle_has_its_area():
    square = Polygons([[2.0, 3, 7, 3, 7, 9, 2, 9]])
    assert pixels_in(square, 20, 20).sum() == 30


def test_missing_labels_are_skipped_unless_refused():
    findings = Findings({"missing_labels": "refuse"})
    findings.add("missing_labels", "a.png", "no label of this name in labels")
    assert findings.refused()[0].splitlines()[0] == "a.png: no label of this name in labels"
    assert not Findings().refused()
    assert Findings().policies["missing_labels"] == "skip"


def test_geometry_of_a_turned_image():
    assert Geometry(30, 40, 6).stored == (40, 30)


def test_a_mask_that_is_no_image_is_told_in_the_same_words_each_time(tmp_path):
    put(tmp_path / "images/a.png", image_bytes())
    put(tmp_path / "masks/a.png", b"no image")
    problem = only_target(data_config(tmp_path, "segmentation", id_mapping=NAMES))
    assert (problem.place, str(problem)) == ("masks/a.png", "mask cannot be decoded (not an image)")
