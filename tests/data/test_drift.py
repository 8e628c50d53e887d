import numpy as np
import pytest
from PIL import Image

from kubepresso.data.drift import bin_names, chance_limit, compare, stability_index
from kubepresso.data.statistics import DatasetStatistics, colours_of
from kubepresso.data.targets import Geometry


def fingerprint(seed, count=600, brightness=(90, 30), shares=(0.5, 0.3, 0.2), classes=("cat", "dog", "hen")):
    generator = np.random.default_rng(seed)
    statistics = DatasetStatistics("classification", classes)
    for label in generator.choice(len(classes), count, p=shares):
        level = int(np.clip(generator.normal(*brightness), 0, 255))
        size = Geometry(*generator.integers(200, 900, 2).tolist())
        statistics.add("train", int(label), size, bytes([level]) * 3072)
    return statistics.fingerprint()


def drifted(current, previous):
    return {shift.name for shift in compare(current, previous) if shift.drifted}


def test_the_same_data_does_not_drift():
    shifts = compare(fingerprint(0), fingerprint(0))
    assert {"images_per_class", "brightness", "image_size"} <= {shift.name for shift in shifts}
    assert all(shift.index == 0 and shift.change == "next to nothing" for shift in shifts)


@pytest.mark.parametrize("count", [5, 40, 300, 3000])
def test_other_samples_of_the_same_population_do_not_drift(count):
    for seed in range(5):
        assert drifted(fingerprint(seed, count), fingerprint(seed + 100, count)) == set()


def test_what_was_planted_is_found_and_nothing_else():
    before = fingerprint(0)
    assert drifted(fingerprint(1, brightness=(150, 30)), before) == {"brightness"}
    shift = compare(fingerprint(1, shares=(0.1, 0.2, 0.7)), before)[0]
    assert shift.name == "images_per_class"
    assert shift.drifted
    assert shift.change.startswith("hen: ")
    assert "→" in shift.change


def photographs(seed, change=lambda pixels: pixels, count=150):
    """A fingerprint of soft noise of many tints, 48 pixels a side."""
    generator = np.random.default_rng(seed)
    statistics = DatasetStatistics("classification", ["any"])
    for _ in range(count):
        tint = generator.normal(1, 0.05, 3)
        coarse = Image.fromarray(generator.integers(60, 190, (16, 16, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((48, 48)), float) * tint
        image = Image.fromarray(change(pixels).clip(0, 255).astype(np.uint8))
        small = image.resize((32, 32), Image.Resampling.BOX).tobytes()
        statistics.add("train", 0, Geometry(48, 48), small, colours_of(image, image.tobytes()))
    return statistics.fingerprint()


def blurred(pixels):
    return np.asarray(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).reduce(4).resize((48, 48)))


def test_a_tint_and_a_blur_are_drift():
    before = photographs(0)
    assert drifted(photographs(1), before) == set()
    assert {"red_share", "blue_share"} <= drifted(photographs(1, lambda p: p * (1.2, 0.95, 0.7)), before)
    assert "sharpness" in drifted(photographs(1, blurred), before)


def test_a_class_that_is_new_is_drift_and_one_that_was_renamed_too():
    before = fingerprint(0)
    more = fingerprint(1, shares=(0.3, 0.2, 0.1, 0.4), classes=("cat", "dog", "hen", "owl"))
    assert "owl: 0.0% → 39.0%" in compare(more, before)[0].change
    assert drifted(fingerprint(0, classes=("cat", "dog", "fowl")), before) == {"images_per_class"}


def test_the_index_is_that_of_its_definition():
    new, old = np.array([30, 70]), np.array([50, 50])
    expected = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert stability_index(new, old, 10**9, 10**9) == pytest.approx(expected, rel=1e-6)


def test_chance_stays_below_its_limit_in_999_of_1000():
    generator = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    limit = chance_limit(10, 400, 900)
    new, old = generator.multinomial(400, shares, 4000), generator.multinomial(900, shares, 4000)
    above = np.mean([stability_index(a, b, 400, 900) > limit for a, b in zip(new, old, strict=True)])
    assert above < 0.004


def test_bins_are_named_as_they_are():
    assert bin_names([1.0, 2.0, 5.0]) == ["0", "1", "2 to 5", "5 and more"]
    assert bin_names([0.5, 1.0]) == ["below 0.5", "0.5 to 1", "1 and more"]
