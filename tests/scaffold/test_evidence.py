"""What is taken for what: masks and class folders, outlines and keypoints, junk, no labels."""

import json
import shutil

import numpy as np
import pytest
import small_sets
from PIL import Image

from kubepresso.data.prepare import prepare
from kubepresso.errors import UserError
from kubepresso.scaffold import init_project


def make(root, **options):
    return init_project(str(root), root.parent / "config", force=True, **options)


def folders(root, names, count=4):
    for label, name in enumerate(names):
        for n in range(count):
            small_sets.picture(root / name / f"{n}.png", 100 * label + n)
    return root


def prepared(project, root):
    made = prepare(project.config.data, root, root.parent / "prepared")
    return {name: split.count for name, split in made.splits.items()}


@pytest.mark.parametrize(
    "names", [["with_mask", "without_mask"], ["ground", "sky", "water"], ["labelled", "other"]]
)
def test_pictures_in_folders_of_telling_names_are_classes(tmp_path, names):
    project = make(folders(tmp_path / "set", names))
    assert (project.survey.task, list(project.survey.classes)) == ("classification", names)


def test_class_folders_are_offered_where_they_are_asked_for(tmp_path):
    root = small_sets.masks(tmp_path / "set")
    shutil.move(root / "images/train", root / "a")
    shutil.move(root / "masks/train", root / "mask")
    shutil.rmtree(root / "images")
    shutil.rmtree(root / "masks")
    assert make(root, task="classification").survey.layout == "class_folders"


def test_grey_pictures_are_no_masks(tmp_path):
    root = folders(tmp_path / "set", ["mask", "plain"])
    for file in root.rglob("*.png"):
        Image.open(file).convert("L").save(file)
    assert make(root).survey.task == "classification"


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(("own", "ending"), [("", "_mask"), ("-v1.x", "_label"), ("", ".gt")])
def test_masks_with_an_ending_are_paired_by_a_pattern(tmp_path, mixed, own, ending):
    root = tmp_path / "set"
    for n in range(12):
        small_sets.picture(root / ("" if mixed else "images") / f"p{n}{own}.jpg", n)
        small_sets.mask(root / ("" if mixed else "masks") / f"p{n}{own}{ending}.png", n)
    project = make(root)
    assert project.survey.task == "segmentation"
    assert project.survey.counts == {"train": 12}
    assert f"has its name and {ending}" in (tmp_path / "config" / "data.yaml").read_text()
    assert sum(prepared(project, root).values()) == 12


def test_masks_of_objects_beside_those_of_classes_name_no_classes(tmp_path):
    root = tmp_path / "set"
    for n in range(6):
        small_sets.picture(root / "JPEGImages" / f"{n}.jpg", n)
        small_sets.mask(root / "SegmentationClass" / f"{n}.png", n)
        small_sets.mask(root / "SegmentationObject" / f"{n}.png", n, values=range(20))
    assert list(make(root).survey.classes) == ["class_0", "class_1", "class_2"]


@pytest.mark.parametrize("coloured", [1, 9])
def test_a_few_masks_of_the_other_kind_do_not_decide(tmp_path, coloured):
    root = tmp_path / "set"
    for n in range(10):
        small_sets.picture(root / "images" / f"{n}.png", n)
        colours = [(0, 0, 0), (200, 30, 40), (10, 150, 60)] if n < coloured else None
        small_sets.mask(root / "masks" / f"{n}.png", n, colours=colours)
    data = make(root).config.data
    assert data.label_image_mode == ("L" if coloured == 1 else "RGB")
    assert len(data.id_mapping) == 3


def test_a_few_lines_of_poses_that_are_wrong_are_left_to_the_reader(tmp_path):
    root = small_sets.keypoints_text(tmp_path / "set")
    for n in range(30):
        small_sets.picture(root / "images" / "train" / f"more{n}.png", 500 + n)
        (root / "labels" / "train" / f"more{n}.txt").write_text(
            "9 9 2 30 9 2 20 20 2 5 5 40 40\n" if n else "1 2\n"
        )
    project = make(root)
    assert project.survey.task == "pose_estimation"
    assert project.config.data.checks.invalid_labels == "skip"


@pytest.mark.parametrize(
    ("build", "own", "usual"),
    [(small_sets.masks, "masks", "masks"), (small_sets.keypoints_text, "labels", "labels")],
)
def test_a_folder_of_labels_with_another_name_is_told_what_to_be_called(tmp_path, build, own, usual):
    root = build(tmp_path / "set")
    (root / own).rename(root / "groundtruth")
    with pytest.raises(
        UserError, match=f"groundtruth.*looked for in a folder {usual}, so call theirs {usual}"
    ):
        make(root)


def outlines(root, lines):
    for n in range(8):
        small_sets.picture(root / "images" / f"{n}.png", n)
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{n}.txt").write_text(lines)
    return root


@pytest.mark.parametrize(
    "lines",
    [
        "0 .1 .1 .5 .1 .5 .5 .1 .5\n",
        "0 .1 .1 .5 .1 .5 .5\n",
        "0 .1 .1 .5 .1 .5 .5\n0 .5 .5 .2 .2\n0 0.1 0.1 0.2 0.1 0.3 0.3 0.2 0.4 0.1 0.2\n",
    ],
    ids=["four", "three", "mixed"],
)
def test_outlines_in_text_files_are_boxes(tmp_path, lines):
    root = outlines(tmp_path / "set", lines)
    project = make(root)
    assert (project.survey.task, project.survey.layout) == ("detection", "yolo")
    assert sum(prepared(project, root).values()) == 8


def test_one_keypoint_in_pixels_is_no_outline(tmp_path):
    project = make(outlines(tmp_path / "set", "30 15 2 10 5 60 50\n"))
    assert (project.survey.task, list(project.survey.classes)) == ("pose_estimation", ["point_0"])


def test_poses_are_shown_with_a_quarter_more_than_their_box(tmp_path):
    project = make(outlines(tmp_path / "set", "30 15 2 10 5 60 50\n"))
    inference = project.config.augmentation.inference[0]
    assert (inference.name, inference.scale, inference.scale_prob) == ("posetopdownaffine", (1.25, 1.25), 1.0)
    train = next(each for each in project.config.augmentation.train if each.name == "posetopdownaffine")
    assert sum(train.scale) / 2 == 1.25


def test_what_an_archiver_adds_is_no_class(tmp_path):
    root = folders(tmp_path / "set", ["a", "b"])
    folders(root / "__MACOSX", ["a"])
    (root / "a" / "._0.png").write_bytes(b"\0\5\x16\x07")
    project = make(root)
    assert list(project.survey.classes) == ["a", "b"]
    assert sum(prepared(project, root).values()) == 8
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "set")
    assert list(init_project(str(tmp_path / "packed.zip"), tmp_path / "other").survey.classes) == ["a", "b"]


def test_classes_that_begin_like_splits_are_classes(tmp_path):
    assert list(make(folders(tmp_path / "set", ["dev-board", "test_tube"])).survey.classes) == [
        "dev-board",
        "test_tube",
    ]


def test_a_folder_that_is_all_there_is_is_entered(tmp_path):
    root = folders(tmp_path / "set" / "data" / "my images", ["a", "b"])
    (tmp_path / "set" / ".DS_Store").write_bytes(b"x")
    project = make(tmp_path / "set")
    assert project.config.data.path.root == str(root)
    assert project.config.data.name == "set"
    assert "in data/my images" in project.found


def test_one_broken_line_hides_no_boxes(tmp_path):
    root = small_sets.yolo(tmp_path / "set")
    for n in range(6):
        (root / "labels" / "train" / f"{n}.txt").write_text("0 0.5 0.5 0.4 0.3\n" * 5)
    (root / "labels" / "train" / "3.txt").write_text("0 0.5 0.5 0.4 0.3\n1 0.5 0.5 0.4\n")
    project = make(root)
    assert (project.survey.task, project.survey.layout) == ("detection", "yolo")
    assert any("labels/train/3.txt:2" in line for line in project.survey.problems["invalid_labels"])


@pytest.mark.parametrize("label", ["nan", "inf"])
def test_a_class_that_is_no_number_ends_plainly(tmp_path, label):
    small_sets.picture(tmp_path / "set" / "0.png", 0)
    (tmp_path / "set" / "0.txt").write_text(f"{label} 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n")
    with pytest.raises(UserError, match="with 9 numbers a line"):
        make(tmp_path / "set")


def _splits_without_train(root):
    folders(root / "test", ["a", "b"])
    folders(root / "val", ["a", "b"])


def _strange_table(root):
    small_sets.picture(root / "0.png", 0)
    (root / "train.csv").write_text("filename,label\n0.png,yes\n")


def _lines_of_json(root):
    small_sets.picture(root / "train" / "0.png", 0)
    (root / "train" / "metadata.jsonl").write_text('{"file_name": "0.png", "text": "yes"}\n')


def _text_with_commas(root):
    small_sets.picture(root / "images" / "0.png", 0)
    (root / "labels").mkdir()
    (root / "labels" / "0.txt").write_text("\n0,0.5,0.5,0.2,0.2\n")


def _jpeg_masks(root):
    for n in range(4):
        small_sets.picture(root / "images" / f"{n}.png", n)
        small_sets.mask(root / "masks" / f"{n}.jpg", n)


def _one_class(root):
    folders(root, ["cat"])


def _no_image(root):
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "a.pdf").write_bytes(b"x")


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (_splits_without_train, "folders of test and valid, none of train: test, val"),
        (
            _strange_table,
            "train.csv has the columns filename,label; needed are image_id,class, with a comma between",
        ),
        (
            _lines_of_json,
            "train/metadata.jsonl: needed is metadata.jsonl with file_name and label, or objects",
        ),
        (_text_with_commas, "labels/0.txt:2: '0,0.5,0.5,0.2,0.2' is not made of numbers with spaces between"),
        (_jpeg_masks, "masks holds JPEG files: JPEG changes the values of masks; make them anew as PNG"),
        (_one_class, "one folder of images, cat; classes are two folders or more"),
        (_no_image, "found no image, but 1 with .pdf"),
    ],
)
def test_a_folder_without_labels_is_told_by_what_is_there(tmp_path, build, told):
    build(tmp_path / "set")
    with pytest.raises(UserError) as caught:
        make(tmp_path / "set")
    assert told in str(caught.value)
    assert len(caught.value.problems) == 1
    assert not (tmp_path / "config").exists()


def test_masks_are_lossless_by_what_is_in_them(tmp_path):
    root = small_sets.masks(tmp_path / "set")
    noise = np.random.default_rng(0)
    for file in (root / "masks").rglob("*.png"):
        Image.fromarray(noise.integers(0, 256, (64, 96), np.uint8)).save(file)
    with pytest.raises(UserError, match="no labels found"):
        make(root)


def test_labels_in_lines_of_json(tmp_path):
    lines = []
    for n in range(8):
        small_sets.picture(tmp_path / f"set/train/{n}.png", n)
        lines.append(json.dumps({"file_name": f"{n}.png", "label": ["yes", "no"][n % 2]}))
    (tmp_path / "set/train/metadata.jsonl").write_text("\n".join(lines))
    survey = make(tmp_path / "set").survey
    assert (survey.layout, list(survey.classes), survey.counts) == (
        "image_folder",
        ["no", "yes"],
        {"train": 8},
    )


def test_outlines_without_boxes_are_a_segmentation(tmp_path):
    root = small_sets.coco(tmp_path / "set")
    for file in root.rglob("*.json"):
        content = json.loads(file.read_text())
        for annotation in content["annotations"]:
            del annotation["bbox"]
        file.write_text(json.dumps(content))
    survey = make(root).survey
    assert (survey.task, survey.layout) == ("segmentation", "coco")


def test_boxes_are_found_though_nearly_all_images_have_none(tmp_path):
    for n in range(150):
        small_sets.picture(tmp_path / f"set/images/{n:03d}.png", n, (32, 32))
        label = tmp_path / f"set/labels/{n:03d}.txt"
        label.parent.mkdir(exist_ok=True)
        label.write_text("0 0.5 0.5 0.5 0.5\n" if n == 77 else "")
    assert make(tmp_path / "set", task="detection").survey.layout == "yolo"
