import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kubepresso.data.statistics import DatasetStatistics, flat_numbers, read_fingerprint
from kubepresso.data.targets import ClassMask, Geometry, Objects, Poses

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


def test_a_thumbnail_of_a_large_image_keeps_its_colours():
    from kubepresso.data.formats import RawSample
    from kubepresso.data.formats.source import ClassLabel
    from kubepresso.data.inspection import Inspector
    from kubepresso.data.targets import codec_of

    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(buffer, "PNG")
    sample = RawSample(buffer.getvalue(), "gradient.png", ClassLabel(0))
    inspected = Inspector(codec_of("classification"), CLASSES).inspect(sample)
    found = collect("classification", [("train", 0, inspected.geometry, inspected.thumbnail)])
    assert found["splits"]["train"]["numbers"]["brightness_mean"] == pytest.approx(127.5, abs=1)
