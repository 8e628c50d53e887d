import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from source_layouts import CLASSES, with_checks

from kubepresso.data.report import write_report
from kubepresso.data.similarity import TURNS, LikenessFinder
from kubepresso.data.statistics.images import ImageStatistics


def scene(seed, size=(200, 150)):
    """A picture of a dozen discs and bars on a shaded ground, unlike that of another seed."""
    generator = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width]
    pixels = 120 + generator.normal(0, 0.3, 2) @ np.stack([x, y]).reshape(2, -1)
    pixels = np.repeat(pixels.reshape(height, width, 1), 3, 2)
    for _ in range(12):
        centre, radius = generator.uniform(0, 1, 2) * size, generator.uniform(0.05, 0.25) * height
        colour = generator.uniform(0, 255, 3)
        pixels[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = colour
    noise = generator.normal(0, 4, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def recompressed(image, quality=30):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES = {
    "scaled": lambda image: image.resize((97, 61)),
    "recompressed": recompressed,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "upside down and mirrored": ImageOps.flip,
    "turned by 180°": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "turned by 90°": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 270°": lambda image: image.transpose(Image.Transpose.ROTATE_270),
    "turned by 90° and mirrored": lambda image: image.transpose(Image.Transpose.TRANSPOSE),
}


def luma(images):
    small = [np.asarray(image.resize((32, 32), Image.Resampling.BOX)) for image in images]
    return ImageStatistics().add_colours(np.stack(small), [None] * len(small))


def finder(**splits):
    made = LikenessFinder()
    for split, images in splits.items():
        for start in range(0, len(images), 50):
            made.add(split, luma(images[start : start + 50]))
    return made


@pytest.fixture(scope="module")
def scenes():
    return [scene(seed) for seed in range(150)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_found_and_others_are_not(scenes, change):
    planted = {3: 17, 8: 90, 11: 0}
    test = [scene(1000 + index) for index in range(30)]
    for index, source in planted.items():
        test[index] = CHANGES[change](scenes[source])
    found = finder(train=scenes, test=test).find("test", "train")
    assert {likeness.picture: likeness.other for likeness in found} == planted
    words = change.replace("270", "90") if change.startswith(("mirrored", "upside", "turned")) else ""
    assert {TURNS[likeness.turn] for likeness in found} == {words}


def test_pictures_without_content_are_like_nothing():
    blank = [Image.new("RGB", (40, 40), (level, level, level)) for level in range(0, 250, 10)]
    assert finder(train=blank, test=blank).find("test", "train") == []


def test_pictures_that_are_all_of_one_kind_are_not_called_copies():
    generator = np.random.default_rng(0)
    template = np.asarray(scene(5).resize((32, 32)), float)
    kind = [
        Image.fromarray(np.clip(template + generator.normal(0, 60, template.shape), 0, 255).astype(np.uint8))
        for _ in range(120)
    ]
    test = [*kind[100:], recompressed(kind[4], 95)]
    found = finder(train=kind[:100], test=test).find("test", "train")
    assert [(likeness.picture, likeness.other) for likeness in found] == [(20, 4)]


def test_a_still_film_takes_bounded_work():
    still = np.repeat(luma([scene(1)]), 3000, axis=0)
    made = LikenessFinder()
    made.add("train", still)
    made.add("test", still[:500])
    assert len(made.find("test", "train")) == 500


def test_ten_thousand_are_compared_with_fifty_thousand_in_seconds():
    generator = np.random.default_rng(0)
    made = LikenessFinder()
    first = generator.integers(0, 256_000, (5000, 8, 8)).repeat(4, 1).repeat(4, 2).astype(float)
    for turn in range(10):
        made.add("train", np.roll(first, turn, axis=(1, 2)) * (0.9 + 0.01 * turn))
    made.add("test", first)
    made.add("test", first[::-1])
    assert len(made.find("test", "train")) == 10_000


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def leaking(folder_source, scenes):
    """Class folders, where valid holds a mirrored training picture under another class."""
    train = [(f"{index}.png", index % 3, png(scenes[index])) for index in range(60)]
    valid = [(f"{index}.png", index % 3, png(scenes[index])) for index in range(100, 130)]
    valid.append(("copy.png", 1, png(ImageOps.mirror(scenes[2]))))
    return folder_source({"train": train, "valid": valid})


def test_a_leak_is_named_counted_and_shown(tmp_path, prepared, leaking):
    result = prepared(leaking)
    found = [str(finding) for finding in result.findings.by_check["near_duplicates_across_splits"]]
    assert len(found) == 1
    assert found[0].startswith("valid: valid/bread/copy.png: looks like train: train/cheese/2.png (")
    assert found[0].endswith("alike, mirrored), under another class")
    assert result.fingerprint["near_duplicates"] == {"valid": {"images": 1, "share": 1 / 31}}
    assert result.manifest.fingerprint == result.fingerprint
    write_report(tmp_path / "report.html", "pantry", result)
    page = (tmp_path / "report.html").read_text()
    assert "Pictures that look alike in different splits" in page
    assert all(name in page for name in CLASSES)


def test_leaks_refuse_or_are_ignored_as_the_policy_says(tmp_path, prepared, leaking):
    refused = prepared(with_checks(leaking, near_duplicates_across_splits="refuse"))
    assert refused.manifest is None
    assert "data.checks.near_duplicates_across_splits: warn" in refused.findings.refused()[-1]
    write_report(tmp_path / "report.html", "pantry", refused)
    ignored = prepared(with_checks(leaking, near_duplicates_across_splits="ignore"))
    assert ignored.manifest.fingerprint["near_duplicates"] == {}
