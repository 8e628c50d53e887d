"""``init`` on data sets of every layout: what it finds, what it writes, and what it refuses."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import small_sets
import yaml

from kubepresso.config import MODULES, load_config
from kubepresso.errors import UserError
from kubepresso.scaffold import init_project
from kubepresso.scaffold.machine import Machine

COMMAND = str(Path(sys.executable).with_name("kubepresso"))
NO_GPU = Machine(cores=4, memory=16 << 30)
ONE_GPU = Machine(cores=16, memory=128 << 30, gpu="NVIDIA H100", gpu_memory=80 << 30)


def make(root, folder, **options):
    return init_project(str(root), folder, **options)


@pytest.mark.parametrize(
    ("build", "task", "layout", "classes"),
    [
        (small_sets.class_folders, "classification", "class_folders", small_sets.CLASSES),
        (small_sets.csv_table, "classification", "csv_labels", ["0", "1", "2"]),
        (small_sets.yolo, "detection", "yolo", small_sets.CLASSES),
        (small_sets.coco, "detection", "coco", small_sets.CLASSES),
        (small_sets.masks, "segmentation", "masks", ["class_0", "class_1", "class_2"]),
        (
            lambda root: small_sets.coco(root, poses=True),
            "pose_estimation",
            "coco_keypoints",
            small_sets.POINTS,
        ),
        (small_sets.keypoints_text, "pose_estimation", "keypoints_txt", ["point_0", "point_1", "point_2"]),
    ],
    ids=["class_folders", "csv", "yolo", "coco", "masks", "coco_keypoints", "keypoints_txt"],
)
def test_each_layout_is_told_by_what_lies_there(tmp_path, build, task, layout, classes):
    project = make(build(tmp_path / "pantry"), tmp_path / "config")
    assert (project.survey.task, project.survey.layout) == (task, layout)
    assert set(project.survey.counts) == {"train", "valid"}
    assert project.survey.sizes_in_words == "96x64"
    if classes is not None:
        assert list(project.survey.classes) == classes
    again = load_config(str(tmp_path / "config"))
    assert again == project.config
    assert again.warnings == ()
    assert again.data.name == again.logging.project_id == "pantry"
    assert (again.untrainable == ()) == (task == "classification")


def test_a_table_may_name_its_classes(tmp_path):
    root = small_sets.csv_table(tmp_path / "pantry")
    for table in (root / "labels").iterdir():
        lines = table.read_text().splitlines()
        named = [f"{line[:-1]}{small_sets.CLASSES[int(line[-1])]}" for line in lines[1:]]
        table.write_text("\n".join([lines[0], *named]))
    project = make(root, tmp_path / "config")
    assert list(project.survey.classes) == sorted(small_sets.CLASSES)
    assert project.survey.counts == {"train": 6, "valid": 6}


def test_classes_without_names_are_said_to_need_them(tmp_path):
    root = small_sets.yolo(tmp_path / "pantry")
    asked = "# The labels are indexes without names. Give them their names"
    make(root, tmp_path / "named")
    assert asked not in (tmp_path / "named" / "data.yaml").read_text()
    (root / "data.yaml").unlink()
    make(root, tmp_path / "nameless")
    assert (
        f"{asked}; the order is that of the indexes\n  id_mapping: ['0', '1', '2']"
        in (tmp_path / "nameless" / "data.yaml").read_text()
    )


def test_a_table_of_images_that_cannot_be_used_says_why(tmp_path):
    root = small_sets.csv_table(tmp_path / "pantry")
    for file in (root / "images").rglob("*.png"):
        file.write_bytes(file.read_bytes()[:5])
    with pytest.raises(UserError) as caught:
        make(root, tmp_path / "config")
    told = str(caught.value)
    assert "no image can be used; found a table of image_id and class, labels/train.csv" in told
    assert "images/train/train_0.png: no image by its beginning" in told
    assert "and 9 more" in told


def test_every_file_says_how_to_run_it_and_what_its_keys_mean(tmp_path):
    make(small_sets.class_folders(tmp_path / "pantry"), tmp_path / "config")
    for module in MODULES:
        lines = (tmp_path / "config" / f"{module}.yaml").read_text().splitlines()
        assert lines[1] == f"# Run all six files of this folder with:  kubepresso run {tmp_path / 'config'}"
        keys = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "-"))]
        assert sum("#" in line for line in keys) > 0.5 * len(keys)
        assert all(len(line) <= 110 for line in lines if str(tmp_path) not in line)


def test_the_data_are_named_so_that_the_folder_can_be_moved(tmp_path):
    make(small_sets.class_folders(tmp_path / "project" / "pantry"), tmp_path / "project")
    written = yaml.safe_load((tmp_path / "project" / "data.yaml").read_text())
    assert written["data"]["path"] == {
        "root": "pantry",
        "train": {"image": "train"},
        "valid": {"image": "val"},
    }


def test_no_valid_split_is_held_out_and_said(tmp_path):
    root = small_sets.class_folders(tmp_path / "pantry", count=20)
    shutil.rmtree(root / "val")
    project = make(root, tmp_path / "config")
    assert project.survey.train_count == 54
    text = (tmp_path / "config" / "data.yaml").read_text()
    assert "# Found: 60 in train; no valid split, so 6 of train are held out" in text


def test_an_archive_is_read_as_a_folder(tmp_path):
    small_sets.class_folders(tmp_path / "pantry")
    with tarfile.open(tmp_path / "pantry.tar", "w") as archive:
        archive.add(tmp_path / "pantry", ".")
    project = make(tmp_path / "pantry.tar", tmp_path / "config")
    assert project.config.data.name == "pantry"
    assert list(project.survey.classes) == small_sets.CLASSES


def test_masks_of_colours_have_their_colours_mapped(tmp_path):
    root = small_sets.masks(tmp_path / "pantry", colours=[(0, 0, 0), (128, 0, 0), (0, 128, 0)])
    data = make(root, tmp_path / "config").config.data
    assert data.label_image_mode == "RGB"
    assert list(data.colour_map) == [(0, 0, 0), (0, 128, 0), (128, 0, 0)]


def test_black_and_white_masks_are_two_classes(tmp_path):
    root = small_sets.masks(tmp_path / "pantry", values=(0, 255))
    data = make(root, tmp_path / "config").config.data
    assert data.colour_map == {(0, 0, 0): "background", (255, 255, 255): "foreground"}


def test_names_beside_the_masks_are_taken(tmp_path):
    root = small_sets.masks(tmp_path / "pantry")
    (root / "codes.txt").write_text("sky\nroad\ncar\n")
    assert make(root, tmp_path / "config").config.data.id_mapping == ("sky", "road", "car")


def test_pictures_that_mean_something_else_in_a_mirror_are_not_mirrored(tmp_path):
    root = small_sets.class_folders(tmp_path / "arrows")
    assert "randomhorizontalflip" in names_of(make(root, tmp_path / "a").config)
    for split in ("train", "val"):
        (root / split / "apple").rename(root / split / "turn_left")
    assert "randomhorizontalflip" not in names_of(make(root, tmp_path / "b").config)
    assert "No randomhorizontalflip: the class turn_left" in (tmp_path / "b/augmentation.yaml").read_text()


def names_of(config):
    return [entry.name for entry in config.augmentation.train]


@pytest.mark.parametrize("machine", [NO_GPU, ONE_GPU], ids=["no-gpu", "gpu"])
@pytest.mark.parametrize(
    "build", [small_sets.class_folders, small_sets.yolo, small_sets.masks, small_sets.keypoints_text]
)
def test_what_is_chosen_fits_any_machine(tmp_path, monkeypatch, machine, build):
    monkeypatch.setattr("kubepresso.scaffold.project.look", lambda: machine)
    config = make(build(tmp_path / "pantry"), tmp_path / "config").config
    assert config.training.mixed_precision == (machine.gpu is not None)
    assert config.environment.num_workers == (3 if machine is NO_GPU else 8)
    assert all(side % 32 == 0 for side in config.logging.model_save_options.sample_input_size)


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="an empty folder"):
        make(tmp_path / "nothing", tmp_path / "config")
    assert not (tmp_path / "config").exists()


def test_pictures_without_labels_are_told(tmp_path):
    small_sets.picture(tmp_path / "plain" / "a.png", 0)
    with pytest.raises(UserError, match="no labels found; needed are class folders"):
        make(tmp_path / "plain", tmp_path / "config")


def ambiguous(root):
    small_sets.masks(root)
    return small_sets.yolo(root)


def test_an_ambiguous_folder_names_what_was_found(tmp_path):
    root = ambiguous(tmp_path / "both")
    with pytest.raises(UserError) as caught:
        make(root, tmp_path / "config")
    told = str(caught.value)
    assert "say which with --task detection or --task segmentation" in told
    assert "9 text files" in told
    assert "9 masks" in told
    assert make(root, tmp_path / "config", task="segmentation").survey.task == "segmentation"


def test_outlines_are_boxes_unless_a_segmentation_is_asked_for(tmp_path):
    root = small_sets.coco(tmp_path / "pantry")
    assert make(root, tmp_path / "a").survey.task == "detection"
    project = make(root, tmp_path / "b", task="segmentation")
    assert (project.survey.task, project.survey.layout) == ("segmentation", "coco")


def test_a_task_that_the_data_are_not_for_is_refused(tmp_path):
    root = small_sets.class_folders(tmp_path / "pantry")
    with pytest.raises(UserError) as caught:
        make(root, tmp_path / "config", task="detection")
    assert "nothing is there for the task detection" in str(caught.value)
    assert "3 class folders such as apple, bread, cheese: classification" in str(caught.value)


def test_files_that_are_there_stay_without_force(tmp_path):
    root = small_sets.class_folders(tmp_path / "pantry")
    (tmp_path / "model.yaml").write_text("model: mine")
    with pytest.raises(UserError, match=r"model\.yaml is there already; write elsewhere"):
        make(root, tmp_path)
    assert (tmp_path / "model.yaml").read_text() == "model: mine"
    assert not (tmp_path / "data.yaml").exists()
    make(root, tmp_path, force=True)
    assert load_config(str(tmp_path)).data.task == "classification"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_class_without_a_training_image_is_allowed_and_said(tmp_path):
    root = small_sets.class_folders(tmp_path / "pantry")
    shutil.rmtree(root / "train" / "bread")
    assert make(root, tmp_path / "config").config.data.checks.empty_classes == "warn"
    assert "warn, since train has none of: bread" in (tmp_path / "config" / "data.yaml").read_text()


def test_a_data_set_in_a_bucket(tmp_path, bucket):
    from kubepresso.storage import put_folder

    put_folder(small_sets.class_folders(tmp_path / "pantry"), f"{bucket}/sets/pantry")
    project = init_project(f"{bucket}/sets/pantry", tmp_path / "config")
    assert project.config.data.name == "pantry"
    assert project.config.data.path.root == f"{bucket}/sets/pantry"


@pytest.mark.parametrize("place", ["nowhere", "s3://", "http://x/y", "a\0b"])
def test_places_that_cannot_be_read_end_plainly(tmp_path, place):
    with pytest.raises(UserError):
        make(place, tmp_path / "config")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{", b'{"images": [], "annotations": 3}', b"<annotation><object><bndbox>"],
    ids=["empty", "binary", "cut", "wrong", "cut-xml"],
)
@pytest.mark.parametrize("name", ["instances_train.json", "a.xml", "a.txt", "train.csv", "a.parquet"])
def test_broken_labels_end_plainly(tmp_path, name, content):
    small_sets.picture(tmp_path / "set" / "a.png", 0)
    (tmp_path / "set" / name).write_bytes(content)
    with pytest.raises(UserError):
        make(tmp_path / "set", tmp_path / "config")


def test_a_table_in_another_encoding_is_named(tmp_path):
    small_sets.picture(tmp_path / "set" / "images" / "0.png", 0)
    (tmp_path / "set" / "train.csv").write_bytes("image_id,class\n0.png,Vögel\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"train.csv: not UTF-8 \(byte \d+\); save it in this encoding"):
        make(tmp_path / "set", tmp_path / "config")


@pytest.mark.realdata
def test_blood_cells(real_data, tmp_path):
    project = make(real_data / "bccd", tmp_path / "config")
    assert list(project.survey.classes) == ["Platelets", "RBC", "WBC"]
    assert project.survey.counts == {"train": 205, "valid": 87}
    assert project.survey.typical_size == (640, 480)
    assert project.config.data.checks.invalid_labels == "skip"


@pytest.mark.realdata
def test_street_scenes(real_data, tmp_path):
    project = make(real_data / "camvid", tmp_path / "config")
    assert project.survey.task == "segmentation"
    assert project.survey.counts == {"train": 367, "valid": 101}
    assert len(project.survey.classes) == 12
    assert project.config.logging.model_save_options.sample_input_size == (352, 480)


@pytest.mark.realdata
def test_ten_classes_in_parquet(real_data, tmp_path):
    project = make(real_data / "cifar10", tmp_path / "config")
    assert project.survey.counts == {"train": 50_000, "test": 10_000}
    assert project.survey.train_count == 45_000
    assert project.config.data.id_mapping[:3] == ("airplane", "automobile", "bird")


def test_the_command_says_what_it_found_and_what_comes_next(tmp_path):
    small_sets.yolo(tmp_path / "pantry")
    done = subprocess.run(
        [COMMAND, "init", "pantry", "--output", "config"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "detection, layout yolo" in done.stdout
    assert "kubepresso prepare config" in done.stdout
    assert "kubepresso run" not in done.stdout
    again = subprocess.run(
        [COMMAND, "init", "pantry", "--output", "config"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert again.returncode == 1
    assert "Traceback" not in again.stderr
    assert "replace them with --force" in again.stderr


def test_no_torch_is_imported(tmp_path):
    small_sets.class_folders(tmp_path / "pantry")
    program = (
        "import sys\nfrom pathlib import Path\nfrom kubepresso.scaffold import init_project\n"
        "init_project('pantry', Path('config'))\n"
        "print([name for name in ('torch', 'torchvision', 'mlflow', 'kfp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n", done.stderr


def test_class_folders_called_like_numbers_keep_their_names(tmp_path):
    names = ["007", "0o17", "12:30", "1_0", "1e5", "2e3", "null", "yes", "~"]
    for seed, name in enumerate(names):
        small_sets.picture(tmp_path / "pantry" / name / "a.png", seed)
        small_sets.picture(tmp_path / "pantry" / name / "b.png", 100 + seed)
    assert list(make(tmp_path / "pantry", tmp_path / "config").config.data.id_mapping) == names


@pytest.mark.parametrize("names", [["1e5", "2e3"], ["0o17", "0o11"]])
def test_class_folders_that_are_all_numbers_keep_their_names(tmp_path, names):
    for seed, name in enumerate(names):
        small_sets.picture(tmp_path / "pantry" / name / "a.png", seed)
    assert list(make(tmp_path / "pantry", tmp_path / "config").config.data.id_mapping) == sorted(names)


def test_what_would_be_read_back_otherwise_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("kubepresso.scaffold.commented.dump_line", lambda value: str(value).replace("'", ""))
    for name in ("1e5", "b"):
        small_sets.picture(tmp_path / "pantry" / name / "a.png", 0)
    with pytest.raises(UserError, match=r"data\.yaml .*read back"):
        make(tmp_path / "pantry", tmp_path / "config")
    assert not (tmp_path / "config").exists()
