"""Sizes, batches and the sentences beside them."""

import pytest

from kubepresso.scaffold.choices import choose
from kubepresso.scaffold.machine import Machine
from kubepresso.scaffold.survey import Survey

MACHINE = Machine(cores=4, memory=24 << 30)


def chosen(task, size, count=1000, machine=MACHINE, valid=10):
    return choose(
        Survey(task, "x", ["a", "b"], {"train": count, "valid": valid}, [size], {}, box_sides=[0.2]), machine
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 80), (96, 128)),
        ((96, 64), (64, 96)),
        ((480, 360), (352, 480)),
        ((64, 64), (64, 64)),
        ((20, 20), (32, 32)),
        ((2048, 1024), (512, 1024)),
        ((4000, 20), (32, 1024)),
        ((20, 4000), (1024, 32)),
    ],
)
def test_the_input_of_a_segmentation_has_the_shape_of_the_images(size, expected):
    assert chosen("segmentation", size).size == expected


@pytest.mark.parametrize(
    ("count", "batch"), [(3, 2), (7, 4), (8, 8), (30, 8), (250, 8), (400, 16), (100_000, 128)]
)
def test_a_batch_is_enough_for_batch_norm(count, batch):
    assert chosen("classification", (224, 224), count).batch.value == batch


def test_a_batch_still_fits_into_the_memory():
    small = Machine(cores=1, memory=1 << 30)
    assert chosen("segmentation", (512, 512), 100, small).batch.value == 2


def test_the_memory_of_a_batch_has_its_unit():
    reason = chosen("detection", (640, 480), 200).batch.reason
    assert "takes an estimated 0.6 GiB of the 24 of this machine" in reason
    assert "takes less than 0.1 GiB of the 24" in chosen("classification", (32, 32), 20).batch.reason


@pytest.mark.parametrize(
    ("side", "told"), [(32, "3 stages bring 32x32 pixels to 2x2"), (64, "64x64 pixels to 2x2")]
)
def test_a_network_for_small_images_leaves_more_than_a_pixel(side, told):
    picked = chosen("classification", (side, side))
    assert told in picked.model_reason
    assert picked.architecture.parts["backbone"]["params"]["split_stem_conv"]
    assert picked.architecture.weights_megabytes is None
