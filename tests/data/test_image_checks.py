import io

import numpy as np
import pytest
from PIL import Image
from source_layouts import CLASSES, pictures, png, with_checks, write_parquet

from kubepresso.data import PreparedDataset
from kubepresso.data.duplicates import DuplicateFinder
from kubepresso.data.formats import RawSample
from kubepresso.data.formats.source import ClassLabel
from kubepresso.data.inspection import Inspector
from kubepresso.data.report import write_report
from kubepresso.data.targets import codec_of

INSPECTOR = Inspector(codec_of("classification"), CLASSES)


def encoded(mode="RGB", kind="PNG", size=(40, 30), **options):
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    image = (
        Image.frombytes(mode, size, pixels.tobytes())
        if mode != "P"
        else Image.effect_noise(size, 90).convert("P")
    )
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_image_cut_short_is_found_in_every_format(kind, share):
    mode = "L" if kind == "GIF" else "RGB"
    content = encoded(mode, kind)
    assert INSPECTOR.inspect(RawSample(content, "whole", ClassLabel(0))).problem is None
    assert INSPECTOR.inspect(RawSample(content[: int(len(content) * share)], "cut", ClassLabel(0))).problem


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0junk"])
def test_what_is_no_image_is_found(content):
    assert INSPECTOR.inspect(RawSample(content, "x", ClassLabel(0))).problem


def test_refuse_lists_all_bad_images_and_skip_leaves_them_out(tmp_path, prepared, folder_source):
    splits = pictures()
    for index in (0, 7):
        name, label, content = splits["train"][index]
        splits["train"][index] = (name, label, content[: len(content) // 2])
    data = folder_source(splits)
    refused = prepared(data)
    assert refused.manifest is None
    assert not (tmp_path / "prepared").exists()
    lines = refused.findings.refused()
    assert any(line.startswith("train/apple/apple_00.png: cannot be decoded") for line in lines)
    assert any(line.startswith("train/bread/bread_03.png: cannot be decoded") for line in lines)
    assert "data.checks.corrupt_images: skip" in lines[-1]
    write_report(tmp_path / "report.html", "pantry", refused)
    assert "The data was refused" in (tmp_path / "report.html").read_text()

    skipped = prepared(with_checks(data, corrupt_images="skip"))
    assert skipped.splits["train"].count == 10
    opened = PreparedDataset.open(tmp_path / "prepared")
    assert len(opened.split("train")) == 10
    assert len(opened.manifest.checks["corrupt_images"]["skipped"]) == 2
    write_report(tmp_path / "report.html", "pantry", skipped)
    assert "train/apple/apple_00.png" in (tmp_path / "report.html").read_text()


def test_a_picture_in_two_splits_is_found_by_its_pixels(tmp_path, prepared, folder_source):
    splits = pictures()
    content = splits["train"][0][2]
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).save(buffer, "BMP")
    splits["valid"].append(("other.bmp", 1, buffer.getvalue()))
    splits["train"].append(("copy.png", 0, splits["train"][1][2]))
    data = folder_source(splits)
    findings = prepared(data).findings
    across, within = (
        findings.by_check["duplicates_across_splits"],
        findings.by_check["duplicates_within_splits"],
    )
    assert [str(found) for found in across] == [
        "train: train/apple/apple_00.png: the same picture as valid: valid/bread/other.bmp, "
        "under another class"
    ]
    assert [found.place for found in within] == ["train: train/apple/apple_01.png"]
    assert prepared(with_checks(data, duplicates_across_splits="refuse")).manifest is None
    ignored = prepared(with_checks(data, duplicates_across_splits="ignore"))
    assert ignored.manifest.checks["duplicates_across_splits"]["found"] == 0


def test_duplicates_are_grouped_over_many_samples():
    finder = DuplicateFinder()
    generator = np.random.default_rng(0)
    keys = [generator.bytes(16) for _ in range(500)]
    for index, key in enumerate(keys):
        finder.add("train", key)
        if index in (3, 400):
            finder.add("valid", key)
    finder.add("train", keys[3])
    groups = finder.groups()
    assert [group.members for group in groups] == [
        [("train", 3), ("train", 500), ("valid", 0)],
        [("train", 400), ("valid", 1)],
    ]
    assert DuplicateFinder().groups() == []


def test_a_class_without_training_images_is_refused_or_noted(tmp_path, prepared, folder_source):
    splits = pictures()
    splits["train"] = [row for row in splits["train"] if row[1] != 2]
    data = folder_source(splits)
    refused = prepared(data)
    assert (
        refused.findings.refused()[0].splitlines()[0]
        == "class 'cheese': no training image, though 2 in valid"
    )
    noted = prepared(with_checks(data, empty_classes="warn"))
    assert noted.manifest.splits["train"].class_counts == [4, 4, 0]


def test_a_parquet_row_without_bytes_is_a_corrupt_image(tmp_path, prepared):
    splits = pictures()
    splits["train"][2] = ("hollow.png", 0, None)
    refused = prepared(write_parquet(tmp_path / "source", splits))
    assert refused.findings.refused()[0].splitlines()[0] == "hollow.png: no image data"


def test_the_report_escapes_names_from_the_data(tmp_path, prepared, folder_source):
    splits = pictures()
    splits["train"].append(("<script>alert(1)</script>".replace("/", "_") + ".png", 0, png(5)))
    write_report(tmp_path / "report.html", "<b>pantry</b>", prepared(folder_source(splits)))
    text = (tmp_path / "report.html").read_text()
    assert "<script>" not in text
    assert "<b>pantry</b>" not in text
    assert all(name in text for name in CLASSES)
