"""Boxes, masks and keypoints must be where the pixels went, for any recipe of geometric transforms."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import coloured, extent, quarters, recipe_of, scene, thinned
from torchvision import tv_tensors

SIDES = st.integers(60, 120)
SIZES = st.tuples(SIDES, SIDES).map(list)
INTERPOLATIONS = st.sampled_from(["nearest", "bilinear", "bicubic"])


def entry(name, **keys):
    return st.fixed_dictionaries({"name": st.just(name), **keys})


MOVES = st.one_of(
    entry("centercrop", size=SIZES),
    entry("pad", size=SIZES, fill=st.just(0)),
    entry("randomcrop", size=SIZES, fill=st.just(0)),
    entry("randomhorizontalflip", p=st.just(0.5)),
    entry("randomverticalflip", p=st.just(0.5)),
    entry("randomioucrop"),
    entry("randomzoomout", side_range=st.just([1.0, 2.0]), p=st.just(0.7)),
)
RESIZES = st.one_of(
    entry("randomresizedcrop", size=SIZES, scale=st.just([0.3, 1.0]), interpolation=INTERPOLATIONS),
    entry("randomresize", base_size=SIZES, stride=st.just(4), random_range=st.integers(0, 5)),
    entry("randomresize2", base_size=SIZES, random_range=st.just([0.7, 1.5]), interpolation=INTERPOLATIONS),
    entry("resize", size=SIZES, interpolation=INTERPOLATIONS),
    entry("resize", size=SIDES, resize_criteria=st.sampled_from(["short", "long"])),
)
SEEDS = st.integers(0, 2**32)


@settings(max_examples=80, deadline=None)
@given(st.lists(MOVES, min_size=1, max_size=4), SEEDS, SIDES, SIDES)
def test_targets_and_pixels_move_alike_to_the_pixel(entries, seed, height, width):
    check(entries, seed, height, width, tolerance=0)


@settings(max_examples=80, deadline=None)
@given(st.lists(MOVES | RESIZES, max_size=2), RESIZES, SEEDS, SIDES, SIDES)
def test_targets_stay_in_step_with_resized_pixels(entries, resize, seed, height, width):
    check([*entries, resize], seed, height, width, tolerance=3)


def check(entries, seed, height, width, tolerance):
    sample = scene(quarters(height, width, margin=2), height, width)
    torch.manual_seed(seed)
    result = recipe_of(*entries, swap=(0, 1, 2, 3))(sample)
    size = result["image"].shape[-2:]
    assert result["mask"].shape == size
    assert result["mask"].dtype == torch.uint8
    assert len(result["labels"]) == len(result["boxes"]) == len(result["crowd"])
    for box, label, origin in zip(result["boxes"], result["labels"], result["origin"], strict=True):
        assert label == origin
        check_box(result["image"], box, int(label), size, tolerance)
    for index in range(4):
        check_mask(result, index, tolerance)
        check_keypoint(result, index, tolerance)


def check_box(image, box, index, size, tolerance):
    height, width = size
    assert (box >= 0).all()
    assert (box <= torch.tensor([width, height, width, height])).all()
    assert (box[2:] > box[:2]).all()
    if (box[2:] - box[:2]).min() > tolerance:
        assert (extent(coloured(image, index)) - box).abs().max() <= tolerance


def check_mask(result, index, tolerance):
    labelled, shown = result["mask"] == index + 1, coloured(result["image"], index)
    assert shown[thinned(labelled, tolerance)].all()
    assert labelled[thinned(shown, tolerance)].all()


def check_keypoint(result, index, tolerance):
    """The middle of a rectangle is where the mask says so, or gone with it."""
    height, width = result["image"].shape[-2:]
    x, y = result["keypoints"][index].tolist()
    around = tolerance + 1
    top, left = max(int(y) - around, 0), max(int(x) - around, 0)
    near = result["mask"][top : int(y) + around + 1, left : int(x) + around + 1] == index + 1
    if result["visibility"][index]:
        assert 0 <= x <= width
        assert 0 <= y <= height
        assert near.any()
    elif 0 <= x < width and 0 <= y < height:
        assert not near.all()


def test_what_is_added_is_filled_with_the_colour_and_with_no_class():
    for added in (
        {"name": "pad", "size": 120, "fill": [9, 8, 7]},
        {"name": "randomzoomout", "fill": [9, 8, 7], "side_range": [1.5, 2.0], "p": 1.0},
        {"name": "randomcrop", "size": [110, 120], "fill": [9, 8, 7]},
    ):
        result = recipe_of(added)(scene(quarters(), 60, 80))
        filled = (result["image"] == torch.tensor([9, 8, 7], dtype=torch.uint8)[:, None, None]).all(0)
        assert filled.sum() == result["mask"].numel() - 60 * 80
        assert torch.equal(filled, result["mask"] == 255)


def test_a_centre_crop_of_a_smaller_image_has_no_class_round_it():
    result = recipe_of({"name": "centercrop", "size": [75, 61]})(scene(quarters(), 60, 80))
    assert (result["mask"][:7] == 255).all()
    assert (result["mask"][-8:] == 255).all()
    assert (result["mask"][7:-8] != 255).all()


def test_a_mask_keeps_its_classes_under_every_interpolation():
    for interpolation in ("nearest", "bilinear", "bicubic"):
        resize = {"name": "resize", "size": [37, 123], "interpolation": interpolation}
        crop = {"name": "randomresizedcrop", "size": 50, "interpolation": interpolation}
        result = recipe_of(resize, crop)(scene(quarters(), 60, 80))
        assert set(result["mask"].unique().tolist()) <= {0, 1, 2, 3, 4}


def test_colours_and_normalisation_touch_the_image_alone():
    entries = [
        {"name": "colorjitter", "brightness": 0.5, "hue": 0.2},
        {"name": "hsvjitter"},
        {"name": "randomerasing", "p": 1.0, "value": None},
        {"name": "totensor", "pixel_range": 255.0},
        {"name": "randomerasing", "p": 1.0},
        {"name": "normalize", "mean": [1.0, 2.0, 3.0], "std": [1.0, 2.0, 4.0]},
    ]
    sample = scene(quarters(), 60, 80)
    result = recipe_of(*entries)(sample)
    assert not torch.equal(result["image"], sample["image"].float())
    for key in ("mask", "boxes", "labels", "keypoints", "visibility"):
        assert torch.equal(result[key], sample[key].as_subclass(torch.Tensor))
        assert type(result[key]) is torch.Tensor


def test_objects_of_which_less_than_a_fifth_is_left_are_dropped_with_all_that_is_theirs():
    sample = scene([(0, 0, 30, 30), (25, 0, 75, 30), (80, 0, 90, 30)], 30, 100)
    sample["crowd"] = torch.tensor([False, True, False])
    sample["image"] = tv_tensors.Image(torch.arange(100, dtype=torch.uint8).expand(3, 30, 100))
    crop = recipe_of({"name": "randomcrop", "size": [30, 60], "fill": 0})
    seen = set()
    for seed in range(60):
        torch.manual_seed(seed)
        result = crop(sample)
        left = int(result["image"][0, 0, 0])
        for number, (x1, x2) in enumerate([(0, 30), (25, 75), (80, 90)]):
            share = (min(x2, left + 60) - max(x1, left)) / (x2 - x1)
            assert (number in result["origin"]) == (share >= 0.2)
        assert torch.equal(result["crowd"], sample["crowd"][result["origin"]])
        seen.add(tuple(result["origin"].tolist()))
    assert len(seen) > 2


def test_images_without_objects_pass_every_transform():
    names = ("randomioucrop", "randomzoomout", "randomhorizontalflip", "randomverticalflip")
    entries = [{"name": name} for name in names] + [
        {"name": "randomcrop", "size": 40},
        {"name": "randomresizedcrop", "size": 40},
        {"name": "centercrop", "size": 30},
        {"name": "resize", "size": 20},
    ]
    sample = scene([], 50, 60)
    del sample["keypoints"], sample["visibility"]
    result = recipe_of(*entries)(sample)
    assert result["boxes"].shape == (0, 4)
    assert result["labels"].shape == (0,)
