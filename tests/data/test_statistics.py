import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kubepresso.data.formats import RawSample
from kubepresso.data.formats.source import ClassLabel
from kubepresso.data.inspection import Inspector
from kubepresso.data.statistics import DatasetStatistics, flat_numbers, read_fingerprint
from kubepresso.data.targets import ClassMask, Geometry, Objects, Poses, codec_of

CLASSES = ["cat", "dog", "hen"]


def objects(*rows):
    """Rows of x1, y1, x2, y2, class."""
    table = np.array(rows, float).reshape(-1, 5)
    return Objects(table[:, :4], table[:, 4].astype(np.int64), np.zeros(len(table), bool))


def grey_thumbnail(level):
    return bytes([level]) * (32 * 32 * 3)


def collect(task, samples, classes=CLASSES):
    statistics = DatasetStatistics(task, classes)
    for split, target, geometry, thumbnail in samples:
        statistics.add(split, target, geometry, thumbnail)
    return statistics.fingerprint()


def test_colours_are_those_of_the_pixels():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    found = collect(
        "classification", [("train", i % 3, Geometry(32, 32), p.tobytes()) for i, p in enumerate(pixels)]
    )
    numbers = found["splits"]["train"]["numbers"]
    for index, colour in enumerate(("red", "green", "blue")):
        assert numbers[f"{colour}_mean"] == pytest.approx(pixels[..., index].mean(), abs=1e-9)
        assert numbers[f"{colour}_std"] == pytest.approx(pixels[..., index].std(), abs=1e-9)
    luma = np.stack([np.asarray(Image.fromarray(p).convert("L"), float) for p in pixels])
    assert numbers["brightness_mean"] == pytest.approx(luma.mean(), abs=0.6)
    entry = found["splits"]["train"]["distributions"]["brightness"]
    edges = [-np.inf, *entry["edges"], np.inf]
    assert entry["counts"] == pytest.approx(np.histogram(luma.mean((1, 2)), edges)[0], abs=2)
    assert found["splits"]["train"]["distributions"]["images_per_class"]["counts"] == [100, 100, 100]


def test_boxes_are_counted_as_a_person_would():
    wide = Geometry(200, 100)
    samples = [
        ("train", objects((0, 10, 20, 30, 0), (50, 20, 100, 70, 1)), wide, grey_thumbnail(10)),
        ("train", objects((50, 0, 200, 100, 1)), wide, grey_thumbnail(200)),
        ("train", objects(), wide, grey_thumbnail(90)),
    ]
    content = collect("detection", samples)["splits"]["train"]
    numbers, distributions = content["numbers"], content["distributions"]
    assert numbers["objects"] == 3
    assert numbers["objects_per_image"] == 1
    assert numbers["empty_images"] == 1
    assert numbers["boxes_small_share"] == pytest.approx(1 / 3)  # 20 x 20
    assert numbers["boxes_medium_share"] == pytest.approx(1 / 3)  # 50 x 50
    assert numbers["boxes_large_share"] == pytest.approx(1 / 3)  # 150 x 100
    assert numbers["boxes_at_edge_share"] == pytest.approx(2 / 3)
    assert distributions["objects_per_class"]["counts"] == [1, 2, 0]
    assert distributions["images_per_class"]["counts"] == [1, 2, 0]
    assert distributions["objects_per_image"]["counts"][:4] == [1, 1, 1, 0]


def test_masks_give_the_shares_of_their_pixels():
    mask = np.zeros((4, 5), np.uint8)
    mask[0], mask[1, :3] = 255, 2
    found = collect("segmentation", [("valid", ClassMask(mask), Geometry(5, 4), grey_thumbnail(0))])
    content = found["splits"]["valid"]
    assert content["distributions"]["pixels_per_class"]["counts"] == [12, 0, 3]
    assert content["distributions"]["images_per_class"]["counts"] == [1, 0, 1]
    assert content["numbers"]["ignored_share"] == 0.25
    assert content["numbers"]["classes_present"] == 2


def test_keypoints_give_their_visibility():
    keypoints = np.zeros((2, 3, 3))
    keypoints[:, 0, 2], keypoints[0, 1, 2] = 2, 1
    boxes = np.array([[0, 0, 50, 50], [10, 10, 60, 90]], float)
    content = collect(
        "pose_estimation", [("train", Poses(boxes, keypoints), Geometry(99, 99), grey_thumbnail(5))]
    )["splits"]["train"]
    assert content["numbers"]["instances"] == 2
    assert content["numbers"]["keypoints_visible_share"] == pytest.approx(2 / 6)
    assert content["distributions"]["keypoints_visible"]["counts"] == [2, 0, 0]
    assert content["distributions"]["keypoints_hidden"]["counts"] == [0, 1, 0]
    assert content["distributions"]["keypoints_missing"]["counts"] == [0, 1, 2]


boxes = st.tuples(
    st.floats(0, 90), st.floats(0, 90), st.floats(0.5, 100), st.floats(0.5, 100), st.integers(0, 2)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3], b[4]))
samples = st.tuples(
    st.sampled_from(["train", "valid"]),
    st.lists(boxes, max_size=5).map(lambda rows: objects(*rows)),
    st.tuples(st.integers(190, 4000), st.integers(190, 4000)).map(lambda size: Geometry(*size)),
    st.integers(0, 255).map(grey_thumbnail),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(samples, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_neither_order_nor_batches_change_a_number(rows, random):
    first = collect("detection", rows * 20)  # more than a batch
    shuffled = rows * 20
    random.shuffle(shuffled)
    assert collect("detection", shuffled) == first


def test_the_median_size_is_that_of_the_boxes():
    generator = np.random.default_rng(2)
    sides = generator.uniform(180, 190, 400)
    rows = [
        ("train", objects((0, 0, side, side, 0)), Geometry(1000, 1000), grey_thumbnail(9)) for side in sides
    ]
    numbers = collect("detection", rows)["splits"]["train"]["numbers"]
    assert numbers["box_size_median"] == pytest.approx(np.median(sides) / 1000, abs=0.001)


def test_the_metric_of_a_class_is_the_share_of_the_images_that_have_it():
    both, none = objects((0, 0, 9, 9, 0), (0, 0, 9, 9, 1)), objects()
    rows = [("train", target, Geometry(50, 50), grey_thumbnail(9)) for target in (both, both, both, none)]
    flat = flat_numbers(collect("detection", rows))
    assert flat["train/images_per_class/cat"] == flat["train/images_per_class/dog"] == 0.75
    assert flat["train/objects_per_class/cat"] == 0.5


def test_metrics_are_bounded_and_have_names_that_mlflow_takes():
    odd = ["a b", "c:d", "élan"]
    found = collect("classification", [("train", 1, Geometry(9, 9), grey_thumbnail(3))], odd)
    flat = flat_numbers(found)
    assert flat["train/images_per_class/c_d"] == 1
    many = [f"class {index}" for index in range(1000)]
    assert (
        len(flat_numbers(collect("classification", [("train", 1, Geometry(9, 9), grey_thumbnail(3))], many)))
        < 30
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 9}',
        '{"format": 1, "splits": {"train": {"numbers": {}, "distributions": {"x": 3}}}}',
    ],
)
def test_what_is_no_fingerprint_is_refused(text):
    with pytest.raises(ValueError, match=r"fingerprint|JSON|Expecting"):
        read_fingerprint(text)


def inspected_rows(images):
    inspector = Inspector(codec_of("classification"), CLASSES)
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        found = inspector.inspect(RawSample(buffer.getvalue(), "image.png", ClassLabel(0)))
        yield "train", 0, found.geometry, found.thumbnail, found.colours


def collect_images(images):
    statistics = DatasetStatistics("classification", CLASSES)
    for row in inspected_rows(images):
        statistics.add(*row)
    return statistics.fingerprint()["splits"]["train"]


@pytest.mark.parametrize("sizes", [[(32, 32)], [(640, 480)], [(1, 1), (32, 32), (9, 200), (300, 200)]])
def test_colours_are_those_of_every_pixel_at_full_size(sizes):
    generator = np.random.default_rng(0)
    images = [
        Image.fromarray((generator.random((height, width, 3)) ** 2 * 255).astype(np.uint8))
        for width, height in sizes
    ]
    pixels = np.concatenate([np.asarray(image, np.float64).reshape(-1, 3) for image in images])
    numbers = collect_images(images)["numbers"]
    for index, colour in enumerate(("red", "green", "blue")):
        assert numbers[f"{colour}_mean"] == pytest.approx(pixels[:, index].mean(), rel=1e-12)
        assert numbers[f"{colour}_std"] == pytest.approx(pixels[:, index].std(), rel=1e-9)


def test_a_blurred_image_is_less_sharp():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8))
    blurred = noise.resize((64, 48), Image.Resampling.BICUBIC).resize((640, 480), Image.Resampling.BICUBIC)
    sharp, soft = (
        np.flatnonzero(collect_images([image])["distributions"]["sharpness"]["counts"])
        for image in (noise, blurred)
    )
    assert sharp[0] - soft[0] > 4  # bins
