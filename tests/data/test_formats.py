import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_layouts import (
    CLASSES,
    WRITERS,
    config,
    pictures,
    png,
    with_checks,
    write_class_folders,
    write_csv,
    write_parquet,
)

from kubepresso.data import PreparedDataset
from kubepresso.data.formats.parquet import ParquetSplit
from kubepresso.data.formats.registry import FORMATS, detect_format
from kubepresso.data.location import source_uri
from kubepresso.data.prepare import prepare
from kubepresso.errors import UserError


@pytest.mark.parametrize("name", WRITERS)
def test_each_layout_is_recognised(name, tmp_path):
    data = WRITERS[name](tmp_path / "source", pictures())
    assert detect_format(data, tmp_path / "source") == name
    assert name in FORMATS


def test_every_layout_gives_the_same_samples_and_digest(tmp_path, prepared):
    splits = pictures()
    digests = set()
    for name, write in WRITERS.items():
        manifest = prepared(write(tmp_path / name, splits), tmp_path / "out" / name).manifest
        digests.add(manifest.digest)
        opened = PreparedDataset.open(tmp_path / "out" / name)
        assert opened.classes == CLASSES
        for split, rows in splits.items():
            assert [(s.target, s.image_bytes) for s in opened.split(split)] == [row[1:] for row in rows]
    assert len(digests) == 1


def test_one_pixel_changes_the_digest_and_a_name_does_not(tmp_path, prepared):
    splits = pictures()
    first = prepared(WRITERS["csv_labels"](tmp_path / "a", splits), tmp_path / "x").manifest.digest
    name, label, _ = splits["train"][5]
    renamed = {**splits, "train": [(f"other_{n}", lab, content) for n, lab, content in splits["train"]]}
    assert prepared(WRITERS["csv_labels"](tmp_path / "b", renamed), tmp_path / "y").manifest.digest == first
    splits["train"][5] = (name, label, png(424242))
    assert prepared(WRITERS["csv_labels"](tmp_path / "c", splits), tmp_path / "z").manifest.digest != first


def test_classes_at_the_root_are_split_nine_to_one_by_class_and_always_alike(tmp_path, prepared):
    for label, name in enumerate(CLASSES):
        (tmp_path / "source" / name).mkdir(parents=True)
        for n in range(20 * (label + 1)):
            (tmp_path / "source" / name / f"{n:03d}.png").write_bytes(png(100 * label + n))
    data = config(path={"root": str(tmp_path / "source")})
    first, second = (prepared(data, tmp_path / folder) for folder in "ab")
    assert first.held_out
    assert first.splits["train"].class_counts == [18, 36, 54]
    assert first.splits["valid"].class_counts == [2, 4, 6]
    assert first.manifest.digest == second.manifest.digest


def test_id_mapping_orders_classes_as_list_dictionary_or_file(tmp_path, prepared, folder_source):
    data = folder_source(pictures())
    order = ["cheese", "apple", "bread"]
    (tmp_path / "source" / "names.json").write_text(json.dumps(order))
    for mapping in (order, {"2": "bread", "0": "cheese", "1": "apple"}, "names.json"):
        opened = prepared(type(data).model_validate({**data.model_dump(), "id_mapping": mapping}))
        assert opened.manifest.classes == order


def test_csv_reports_every_bad_line_with_its_place(tmp_path, prepared):
    data = write_csv(tmp_path / "source", pictures())
    with (tmp_path / "source" / "train.csv").open("a") as file:
        file.write("apple_00.png,3\nbread_00.png,-1\ncheese_00.png,1.5\ngone.png,0\n../../etc/passwd,0\n")
    result = prepared(data)
    assert result.manifest is None
    assert not (tmp_path / "prepared").exists()
    lines = result.findings.refused()
    for number, part in [
        (14, "class 3 is out of range, allowed 0 to 2"),
        (15, "class -1 is out of range, allowed 0 to 2"),
        (16, "class '1.5' is not one of the 3 classes"),
        (17, "image_id 'gone.png' is not an image in images/train"),
        (18, "image_id '../../etc/passwd' is not an image in images/train"),
    ]:
        assert any(line.startswith(f"train.csv:{number}: ") and part in line for line in lines), (
            number,
            lines,
        )

    skipped = prepared(with_checks(data, invalid_labels="skip"))
    assert skipped.splits["train"].count == 12
    assert skipped.manifest.checks["invalid_labels"]["found"] == 5
    assert len(skipped.manifest.checks["invalid_labels"]["skipped"]) == 5
    assert sum("left out" in line for line in skipped.findings.warnings()) == 1


def test_an_image_that_no_line_names_is_reported(tmp_path, prepared):
    data = write_csv(tmp_path / "source", pictures())
    (tmp_path / "source" / "images" / "train" / "stray.png").write_bytes(png(7))
    found = prepared(data).findings.by_check["unused_files"]
    assert [finding.place for finding in found] == ["images/train/stray.png"]


def test_csv_without_the_columns_says_which(tmp_path, prepared):
    data = write_csv(tmp_path / "source", pictures())
    (tmp_path / "source" / "train.csv").write_text("file,class\na.png,0\n")
    with pytest.raises(UserError, match=r"train.csv:1: the columns are file, class; needed: image_id, class"):
        prepared(data)


def test_csv_without_names_refuses_a_gap(tmp_path, prepared):
    data = write_csv(tmp_path / "source", pictures())
    data = type(data).model_validate({**data.model_dump(), "id_mapping": None})
    assert prepared(data).manifest.classes == ["0", "1", "2"]
    with (tmp_path / "source" / "train.csv").open("a") as file:
        file.write("apple_00.png,900000000\n")
    with pytest.raises(UserError, match=r"data.id_mapping"):
        prepared(data)


def name_classes(folder):
    for table in folder.glob("*.csv"):
        text = table.read_text()
        for index, name in enumerate(CLASSES):
            text = text.replace(f",{index}", f",{name}")
        table.write_text(text)


@pytest.mark.parametrize("mapping", [None, ["cheese", "apple", "bread"]])
def test_csv_takes_names_of_classes(tmp_path, prepared, mapping):
    splits = pictures()
    data = write_csv(tmp_path / "source", splits)
    name_classes(tmp_path / "source")
    result = prepared(type(data).model_validate({**data.model_dump(), "id_mapping": mapping}))
    assert result.manifest.classes == (mapping or CLASSES)
    stored = [
        result.manifest.classes[s.target] for s in PreparedDataset.open(tmp_path / "prepared").split("train")
    ]
    assert stored == [CLASSES[label] for _, label, _ in splits["train"]]


def test_a_stray_name_among_indexes_is_no_class(tmp_path, prepared):
    data = write_csv(tmp_path / "source", pictures())
    data = type(data).model_validate({**data.model_dump(), "id_mapping": None})
    with (tmp_path / "source" / "train.csv").open("a") as file:
        file.write("apple_00.png,apple\n")
    lines = prepared(data).findings.refused()
    assert any("train.csv:14: class 'apple' is not one of the 3 classes" in line for line in lines), lines


def test_parquet_names_its_columns_when_one_is_missing(tmp_path, prepared):
    write_parquet(tmp_path / "source", pictures())
    data = config(
        format="huggingface", metadata={"repo": str(tmp_path / "source"), "features": {"label": "fine"}}
    )
    with pytest.raises(UserError, match=r"no column 'fine', there are image, label.*features.label"):
        prepared(data)


def test_parquet_cut_short_is_named(tmp_path, prepared):
    data = write_parquet(tmp_path / "source", pictures())
    file = tmp_path / "source" / "train-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(UserError, match=r"train-00000-of-00001.parquet: not a whole Parquet file"):
        prepared(data)


def test_parquet_takes_class_names_from_its_own_features(tmp_path, prepared):
    features = {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("image", pa.binary()), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    (tmp_path / "source" / "data").mkdir(parents=True)
    for split in ("train", "test"):
        rows = [[png(n) for n in range(12)], [n % 2 for n in range(12)]]
        pq.write_table(pa.table(rows, schema=schema), tmp_path / "source" / "data" / f"{split}.parquet")
    result = prepared(config(path={"root": str(tmp_path / "source")}))
    assert result.manifest.classes == ["no", "yes"]
    assert list(result.splits) == ["train", "valid", "test"]


def test_no_class_folder_says_what_is_expected(tmp_path, prepared):
    (tmp_path / "source").mkdir()
    with pytest.raises(UserError, match="no class folders found"):
        prepared(config(path={"root": str(tmp_path / "source")}))


def test_a_root_that_does_not_exist_is_named(tmp_path, prepared):
    with pytest.raises(UserError, match=r"data.path.root: .*nowhere is not a folder"):
        prepared(config(path={"root": str(tmp_path / "nowhere")}))


def test_a_repository_name_means_the_hub_and_a_folder_does_not(tmp_path):
    assert source_uri(config(format="huggingface", metadata={"repo": "owner/name"})) is None
    assert source_uri(config(format="huggingface", metadata={"repo": str(tmp_path)})) == str(tmp_path)
    assert source_uri(config(format="huggingface", metadata={"repo": "s3://b/c"})) == "s3://b/c"


def test_the_hub_gives_the_same_samples_as_the_files(tmp_path, prepared):
    splits = pictures()
    expected = prepared(write_parquet(tmp_path / "source", splits)).manifest.digest
    repository = {"repo": str(tmp_path / "source"), "custom_cache_dir": str(tmp_path / "cache")}
    data = config(format="huggingface", metadata=repository)
    result = prepare(data, None, tmp_path / "from-hub")
    assert result.manifest.classes == CLASSES
    assert result.manifest.digest == expected


def test_a_repository_that_cannot_be_loaded_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    data = config(
        format="huggingface", metadata={"repo": "nobody/nothing", "custom_cache_dir": str(tmp_path)}
    )
    with pytest.raises(UserError, match=r"data.metadata.repo: cannot load 'nobody/nothing'.*check the name"):
        prepare(data, None, tmp_path / "prepared")


def test_a_large_parquet_file_streams_through_little_memory(tmp_path):
    rows = [{"bytes": bytes([n % 251]) * 100_000, "path": f"{n}.png"} for n in range(600)]
    file = tmp_path / "train.parquet"
    pq.write_table(
        pa.table({"image": rows}), file, row_group_size=50, compression="none", use_dictionary=False
    )
    before, peak, seen = pa.total_allocated_bytes(), 0, 0
    for sample in ParquetSplit([file], tmp_path, "image", [0] * len(rows)):
        peak = max(peak, pa.total_allocated_bytes() - before)
        assert sample.image_bytes == rows[seen]["bytes"]
        seen += 1
    assert seen == 600
    assert peak < 25_000_000 < file.stat().st_size / 2


STRAY = {"extra.parquet": b"PAR1", "metadata.csv": b"file_name,label\n", "old/metadata.csv": b"a,b\n"}


@pytest.mark.parametrize("stray", STRAY)
def test_a_stray_file_beside_named_splits_changes_nothing(stray, tmp_path, prepared):
    root = tmp_path / "source"
    write_class_folders(root, pictures())
    named = {split: {"image": split} for split in ("train", "valid")}
    data = config(path={"root": str(root), **named})
    expected = prepared(data).manifest.digest
    (root / stray).parent.mkdir(exist_ok=True)
    (root / stray).write_bytes(STRAY[stray])
    assert prepared(data).manifest.digest == expected


def test_a_stray_metadata_csv_beside_the_split_folders_changes_nothing(tmp_path, prepared, folder_source):
    data = folder_source(pictures())
    expected = prepared(data).manifest.digest
    (tmp_path / "source" / "metadata.csv").write_text("image,taken_at\n")
    assert prepared(data).manifest.digest == expected


@pytest.mark.parametrize("place", ["parquets/train", "parquets/train/0.parquet"])
def test_parquet_in_a_named_place_is_recognised_beside_other_files(place, tmp_path, prepared):
    root = tmp_path / "source"
    write_parquet(tmp_path / "made", pictures())
    (root / "parquets" / "train").mkdir(parents=True)
    (tmp_path / "made" / "train-00000-of-00001.parquet").rename(root / "parquets" / "train" / "0.parquet")
    (root / "notes.csv").write_text("a\n")
    data = config(path={"root": str(root), "train": {"image": place}})
    assert prepared(data).classes == CLASSES


def test_damage_inside_a_parquet_file_is_told_with_its_name(tmp_path, prepared):
    data = write_parquet(tmp_path / "source", pictures())
    (file,) = (tmp_path / "source").glob("train-*")
    content = bytearray(file.read_bytes())
    content[200:600] = b"\xff" * 400
    file.write_bytes(content)
    try:
        lines = prepared(data).findings.refused()
    except UserError as error:
        lines = error.problems
    assert any("train-00000-of-00001.parquet" in line or "cannot be decoded" in line for line in lines)


TABLES = {"csv_labels": "train.csv", "image_folder": "train/metadata.csv"}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("caf\u00e9.png,0\n".encode("latin-1"), ":14: not UTF-8 (byte 0xe9); save the file in UTF-8"),
        (
            b'"open.png,0\nmore.png,0\n',
            ":14: not CSV (unexpected end of data); look for a quote that is not closed",
        ),
        (b"x" * 200_000 + b",0\n", ":14: not CSV (field larger than field limit"),
    ],
    ids=["latin-1", "open quote", "long field"],
)
def test_a_table_that_is_no_csv_in_utf8_is_told_with_its_line(name, tail, expected, tmp_path, prepared):
    data = WRITERS[name](tmp_path / "source", pictures())
    table = tmp_path / "source" / TABLES[name]
    table.write_bytes(table.read_bytes() + tail)
    with pytest.raises(UserError) as caught:
        prepared(data)
    assert str(caught.value).startswith(f"{table}{expected}")


@pytest.mark.parametrize("name", TABLES)
def test_a_byte_order_mark_is_read_over(name, tmp_path, prepared):
    data = WRITERS[name](tmp_path / "source", pictures())
    expected = prepared(data).manifest.digest
    table = tmp_path / "source" / TABLES[name]
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert prepared(data).manifest.digest == expected
