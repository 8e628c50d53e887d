"""Labels of folders and of tables beside images, in the forms that people have them."""

import csv
import json

import pytest
from annotation_writers import put, read
from source_layouts import WRITERS, config, pictures, png

from kubepresso.data.formats.detect import detect_format
from kubepresso.errors import UserError


@pytest.mark.parametrize("keys", ["n{}", "{}"])
@pytest.mark.parametrize("file", [False, True])
def test_id_mapping_names_the_class_of_each_folder(keys, file, tmp_path):
    folders = [keys.format(number) for number in range(3)]
    for number, folder in enumerate(folders):
        put(tmp_path / "set/train" / folder / "a.png", png(number))
    mapping = dict(zip(folders, ["kit fox", "setter", "husky"], strict=True))
    put(tmp_path / "set/classes.json", json.dumps(mapping))
    values = {"path": {"root": str(tmp_path / "set")}, "id_mapping": "classes.json" if file else mapping}
    source, _, targets = read(config(**values))
    assert source.classes == ["kit fox", "setter", "husky"]
    assert {path: label for (_, path), label in targets.items()} == {
        f"train/{folder}/a.png": label for label, folder in enumerate(folders)
    }


def test_folders_of_one_class_are_refused(tmp_path):
    for folder in ("n1", "n2"):
        put(tmp_path / folder / "a.png", png(0))
    data = config(path={"root": str(tmp_path)}, id_mapping={"n1": "fox", "n2": "fox"})
    with pytest.raises(UserError, match=r"data.id_mapping: needs .* each name once, found twice: fox"):
        read(data)


def test_a_table_of_json_lines_gives_the_samples_of_a_csv_table(tmp_path, prepared):
    data = WRITERS["image_folder"](tmp_path / "source", pictures())
    digest = prepared(data, tmp_path / "csv").manifest.digest
    for table in (tmp_path / "source").rglob("metadata.csv"):
        with table.open(newline="") as file:
            lines = [json.dumps(row) for row in csv.DictReader(file)]
        table.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
        table.unlink()
    assert detect_format(data, tmp_path / "source") == "image_folder"
    assert prepared(data, tmp_path / "lines").manifest.digest == digest


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"file_name": "a.png"}', "2: the keys are file_name; needed: file_name, label (data.metadata."),
        ('{"file_name": "a.png", "label": [1]}', "2: label is [1]; needed is a class, its name or its index"),
        ('{"label": 1}', "2: no file_name; each line names its image"),
        ("oops", "2: not JSON ("),
    ],
)
def test_a_line_of_json_that_is_no_label_is_told_with_its_place(line, told, tmp_path):
    put(tmp_path / "train/a.png", png(0))
    put(tmp_path / "train/metadata.jsonl", '{"file_name": "a.png", "label": 0.0}\n' + line)
    with pytest.raises(UserError) as caught:
        read(config(path={"root": str(tmp_path)}))
    assert str(caught.value).startswith(f"train/metadata.jsonl:{told}")


def test_a_table_of_paths_says_how_an_image_is_named(tmp_path):
    put(tmp_path / "images/a.png", png(0))
    put(tmp_path / "labels.csv", f"image_id,class\n{tmp_path}/images/a.png,0\n")
    path = {"root": str(tmp_path), "train": {"image": "images", "label": "labels.csv"}}
    _, findings, _ = read(config(path=path, id_mapping=["ape"]))
    (found,) = findings.by_check["invalid_labels"]
    assert found.place == "labels.csv:2"
    assert found.message.endswith("is not an image in images; name it as it lies there, 'a.png'")
