import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import datasets
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from source_layouts import CLASSES, pictures, write_class_folders

from kubepresso.data import PreparedDataset
from kubepresso.data.digest import ContentDigest
from kubepresso.data.shards import ShardFile, ShardView
from kubepresso.data.targets import codec_of
from kubepresso.errors import UserError


@pytest.fixture
def folder(tmp_path, prepared, folder_source):
    prepared(folder_source(pictures()))
    return tmp_path / "prepared"


@given(
    groups=st.lists(st.lists(st.tuples(st.binary(max_size=200), st.text(max_size=9)), max_size=6), max_size=5)
)
def test_a_shard_gives_back_any_bytes_in_any_row_groups(tmp_path_factory, groups):
    path = tmp_path_factory.mktemp("shard") / "s.parquet"
    shard = ShardFile(path, codec_of("classification"), ["a"])
    for group in groups:
        shard.write_rows([image for image, _ in group], [name for _, name in group], [0] * len(group))
    shard.close()
    rows = [row for group in groups for row in group]
    view = ShardView(path, codec_of("classification"))
    assert len(view) == len(rows)
    assert [(view.image(i), view.path(i)) for i in reversed(range(len(rows)))] == rows[::-1]
    assert [row["bytes"] for row in pq.read_table(path)["image"].to_pylist()] == [image for image, _ in rows]


def test_another_library_reads_the_shards(folder, tmp_path):
    table = datasets.load_dataset(
        "parquet",
        data_files=str(folder / "train-00000.parquet"),
        cache_dir=str(tmp_path / "c"),
        split="train",
    )
    assert table.features["label"].names == CLASSES
    opened = PreparedDataset.open(folder).split("train")
    assert table["label"] == [sample.target for sample in opened]
    assert table[3]["image"].size == Image.open(io.BytesIO(opened[3].image_bytes)).size


def test_the_layout_is_the_same_bytes_each_time(folder, tmp_path, prepared, folder_source):
    prepared(folder_source(pictures()), tmp_path / "again")
    for file in sorted(folder.iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_a_reader_pickles_as_paths(folder):
    reader = PreparedDataset.open(folder).split("train")
    first = reader[0]
    assert len(pickle.dumps(reader)) < 2000
    assert pickle.loads(pickle.dumps(reader))[0] == first
    with pytest.raises(IndexError):
        reader[len(reader)]


def test_what_is_not_whole_is_not_opened(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    shard = folder / "valid-00000.parquet"
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(UserError, match=r"valid-00000.parquet: has .* bytes, .* were written"):
        PreparedDataset.open(folder)
    shard.unlink()
    with pytest.raises(UserError, match=r"valid-00000.parquet: a shard named in the manifest is missing"):
        PreparedDataset.open(folder)
    shard.write_bytes(content)
    for broken in ("{", "[]", json.dumps({**manifest, "format": 99}), json.dumps({"format": 1})):
        (folder / "manifest.json").write_text(broken)
        with pytest.raises(UserError, match="not a valid manifest"):
            PreparedDataset.open(folder)
    manifest["splits"]["train"]["shards"][0]["file"] = "../../outside.parquet"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="outside the folder"):
        PreparedDataset.open(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match="not a prepared data set"):
        PreparedDataset.open(folder)


def test_verify_finds_one_changed_byte(folder):
    opened = PreparedDataset.open(folder)
    opened.verify()
    shard = folder / "train-00000.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    with pytest.raises(UserError, match=r"train-00000.parquet: its content is not what was written"):
        PreparedDataset.open(folder).verify()


def test_the_digest_sees_order_labels_splits_and_classes():
    def digest(samples, classes=("a", "b")):
        content = ContentDigest()
        for split, image, label in samples:
            content.add(split, image * 32, codec_of("classification").digest(label))
        return content.finish(classes)

    one, two = ("train", b"1", 0), ("train", b"2", 1)
    assert digest([one, two]) == digest([one, two])
    variants = [[two, one], [one, ("train", b"2", 0)], [one, ("valid", b"2", 1)], [one]]
    assert digest([one, two]) not in {digest(variant) for variant in variants}
    assert digest([one, two]) != digest([one, two], ("b", "a"))


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, prepared, folder_source):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk], timeout=20).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(UserError, match="the disk is full"):
            prepared(folder_source(pictures(train_per_class=60)), disk / "prepared")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True, timeout=20)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle_nothing_opens_as_whole(tmp_path, signal_number):
    write_class_folders(tmp_path / "source", pictures(train_per_class=500))
    script = f"""
from pathlib import Path
from kubepresso.config import DataConfig
from kubepresso.data import writer
from kubepresso.data.prepare import prepare
writer.ROW_GROUP_ROWS = 50
source = Path({str(tmp_path / "source")!r})
data = DataConfig.model_validate({{"task": "classification", "path": {{"root": str(source)}}}})
prepare(data, source, Path({str(tmp_path / "out" / "prepared")!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.prepared.*/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal_number)
    assert process.wait(timeout=60) != 0
    assert not (tmp_path / "out" / "prepared").exists()
    for left in (tmp_path / "out").iterdir():
        with pytest.raises(UserError, match="not a prepared data set"):
            PreparedDataset.open(left)
