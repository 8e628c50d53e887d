"""What a reviewer reads in the report of the data, and in which order."""

import re

import numpy as np
import pytest
from PIL import Image, ImageOps
from source_layouts import pictures, png, with_checks

from kubepresso.config import DataConfig
from kubepresso.data.report import write_report
from kubepresso.data.statistics.segmentation import Statistics
from kubepresso.data.targets import ClassMask, Geometry


def text_of(target, result):
    """Return what the page says, without its tags."""
    write_report(target, "pantry", result)
    body = target.read_text().split("</style>")[-1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_of_very_many_classes_those_with_most_and_least_are_shown(tmp_path, prepared):
    counts = {f"c{n:03}": 3 for n in range(120)} | {"c110": 6, "c115": 1}
    for split, first in (("train", 0), ("valid", 9000)):
        for n, (name, count) in enumerate(counts.items()):
            folder = tmp_path / "source" / split / name
            folder.mkdir(parents=True)
            for k in range(count if split == "train" else 1):
                (folder / f"{k}.png").write_bytes(png(first + 10 * n + k, (4, 4)))
    data = DataConfig.model_validate({"task": "classification", "path": {"root": str(tmp_path / "source")}})
    text = text_of(tmp_path / "report.html", prepared(data))
    balance = text[text.index("Images of each class") : text.index(" Pictures ")]
    rows = re.findall(r"(c\d\d\d) ", balance)
    assert (rows[0], rows[-1], len(rows)) == ("c110", "c115", 100)
    assert "Those with most and with least in train; 20 more are between them." in balance
    assert "and 20 more classes" in text[text.index(" Pictures ") :]


def test_checks_without_a_finding_take_one_line_and_ignored_ones_are_not_called_good(
    tmp_path, prepared, folder_source
):
    splits = pictures()
    splits["train"].append(("broken.png", 0, b"no image"))
    data = with_checks(folder_source(splits), corrupt_images="skip", near_duplicates_across_splits="ignore")
    text = text_of(tmp_path / "report.html", prepared(data))
    checks = text[text.index(" Checks ") : text.index(" Numbers ")]
    assert "Images that cannot be decoded corrupt_images skip 1 left out" in checks
    good = checks[checks.index("Nothing found") : checks.index("Not looked for")]
    assert "invalid_labels (refuse)" in good
    assert "corrupt_images" not in good
    assert "near_duplicates_across_splits" not in good
    assert "Not looked for: near_duplicates_across_splits ." in checks


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        ({"valid": 1}, "1 of valid (10.0%) looks like a picture of an earlier split"),
        ({"valid": 2}, "2 of valid (20.0%) look like a picture of an earlier split"),
        ({"valid": 1, "test": 2}, "1 of valid (10.0%) and 2 of test (20.0%) look like"),
        ({"test": 1}, "1 of test (10.0%) looks like"),
    ],
)
def test_the_number_of_pictures_alike_is_said_in_good_english(
    copies, said, tmp_path, prepared, folder_source
):
    splits = {
        split: [(f"{n}.png", n % 3, png(100 * index + n, (40, 30))) for n in range(10)]
        for index, split in enumerate(("train", "valid", "test"))
    }
    for split, count in copies.items():
        for n in range(count):
            original = np.random.default_rng(n + (5 if split == "test" else 0))
            pixels = original.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            ImageOps.mirror(Image.fromarray(pixels)).save(tmp_path / "copy.png")
            splits[split][n] = (f"{n}.png", n % 3, (tmp_path / "copy.png").read_bytes())
    assert said in text_of(tmp_path / "report.html", prepared(folder_source(splits)))


def test_the_only_bar_of_a_histogram_has_its_bin_below(tmp_path, prepared, folder_source):
    text = text_of(tmp_path / "report.html", prepared(folder_source(pictures())))
    ratios = text[text.index(" Image aspect ratio ") :]
    assert re.search(r" (\S+ to \S+): 12 12 \1 ", ratios)


def test_shares_of_a_mask_are_the_same_in_figures_and_in_the_distribution():
    pixels = np.repeat(np.array([0, 0, 1, 255], np.uint8), 5)[None]
    statistics = Statistics(["ground", "roof"])
    statistics.add(ClassMask(pixels), Geometry(20, 1))
    numbers, counts = statistics.numbers(), statistics.distributions()["pixels_per_class"].counts
    assert numbers["ignored_share"] == 0.25
    shares = [numbers["largest_class_share"], numbers["smallest_class_share"]]
    assert shares == (counts / counts.sum()).tolist()
