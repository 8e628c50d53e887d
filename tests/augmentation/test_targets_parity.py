"""Boxes, masks and keypoints against torchvision on whole samples, bit for bit under the same seed."""

import pytest
import torch
from scenes import quarters, recipe_of, scene
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

EXACT = InterpolationMode.NEAREST_EXACT
FILL = {"others": 5, tv_tensors.Mask: 255}

CASES = [
    ({"name": "pad", "size": [70, 99], "fill": 5}, v2.Pad([0, 0, 19, 10], FILL)),
    (
        {"name": "randomcrop", "size": [50, 99], "fill": 5},
        v2.Compose([v2.Pad([0, 0, 19, 0], FILL), v2.RandomCrop((50, 99))]),
    ),
    ({"name": "centercrop", "size": 41}, v2.CenterCrop(41)),
    ({"name": "randomzoomout", "fill": 5, "p": 0.8}, v2.RandomZoomOut(FILL, p=0.8)),
    ({"name": "randomioucrop", "p": 0.9}, v2.RandomApply([v2.RandomIoUCrop()], 0.9)),
    (
        {"name": "randomioucrop", "min_scale": 0.1, "sampler_options": [0.3, 0.5, 1.0], "trials": 9},
        v2.RandomApply([v2.RandomIoUCrop(0.1, sampler_options=[0.3, 0.5, 1.0], trials=9)], 1.0),
    ),
    ({"name": "randomhorizontalflip"}, v2.RandomHorizontalFlip()),
    ({"name": "randomverticalflip"}, v2.RandomVerticalFlip()),
    ({"name": "resize", "size": [33, 40], "interpolation": "nearest"}, v2.Resize((33, 40), EXACT)),
    ({"name": "resize", "size": 31, "resize_criteria": "short"}, v2.Resize(31)),
    (
        {"name": "randomresize2", "base_size": [40, 90], "interpolation": "nearest"},
        v2.ScaleJitter((90, 40), (0.5, 2.0), EXACT),
    ),
    (
        {"name": "randomresizedcrop", "size": [40, 30], "interpolation": "nearest"},
        v2.RandomResizedCrop((40, 30), interpolation=EXACT),
    ),
]


@pytest.mark.parametrize(
    ("entry", "direct"), CASES, ids=lambda value: value["name"] if isinstance(value, dict) else ""
)
def test_every_target_is_moved_as_torchvision_moves_it(entry, direct):
    ours = recipe_of(entry, swap=(0, 1, 2, 3))
    sample = scene(quarters(), 60, 80)
    for seed in range(15):
        torch.manual_seed(seed)
        result = ours(sample)
        torch.manual_seed(seed)
        expected = direct({key: sample[key] for key in ("image", "mask", "boxes", "keypoints")})
        assert torch.equal(result["image"], plain(expected["image"]))
        if hasattr(direct, "interpolation"):
            check_nearest(direct, sample, result["mask"], seed)
        else:
            assert torch.equal(result["mask"], plain(expected["mask"]))
        boxes = plain(v2.ClampBoundingBoxes()(expected["boxes"]))
        assert torch.equal(result["boxes"], boxes[result["origin"]])
        if "flip" not in entry["name"]:
            assert torch.equal(result["keypoints"], plain(expected["keypoints"]))


def check_nearest(direct, sample, mask, seed):
    """torchvision has no choice of interpolation for masks; as an image it is resized by the exact one."""
    torch.manual_seed(seed)
    direct.interpolation, given = EXACT, direct.interpolation
    assert torch.equal(mask, plain(direct(tv_tensors.Image(sample["mask"])))[0])
    direct.interpolation = given


def plain(part):
    return part.as_subclass(torch.Tensor)


@pytest.mark.parametrize("name", ["randomhorizontalflip", "randomverticalflip"])
def test_two_flips_give_back_the_sample(name):
    flip = {"name": name, "p": 1.0}
    sample = scene(quarters(), 60, 80)
    sample["visibility"] = torch.tensor([0, 1, 2, 2])
    once, twice = recipe_of(flip, swap=(1, 0, 2, 3)), recipe_of(flip, flip, swap=(1, 0, 2, 3))
    for key in ("image", "mask", "boxes", "keypoints", "visibility"):
        assert torch.equal(twice(sample)[key], plain(sample[key]))
        assert not torch.equal(once(sample)[key], plain(sample[key]))


def test_a_flip_gives_partners_each_others_place_and_visibility():
    sample = scene([(10, 0, 20, 10)], 40, 100)
    sample["keypoints"] = tv_tensors.KeyPoints([[10.0, 1.0], [30.0, 2.0], [50.0, 3.0]], canvas_size=(40, 100))
    sample["visibility"] = torch.tensor([2, 1, 0])
    horizontal = recipe_of({"name": "randomhorizontalflip", "p": 1.0}, swap=(1, 0, 2))(sample)
    assert horizontal["keypoints"].tolist() == [[70, 2], [90, 1], [50, 3]]
    assert horizontal["visibility"].tolist() == [1, 2, 0]
    vertical = recipe_of({"name": "randomverticalflip", "p": 1.0}, swap=(1, 0, 2))(sample)
    assert vertical["keypoints"].tolist() == [[30, 38], [10, 39], [50, 37]]
    assert vertical["visibility"].tolist() == [1, 2, 0]


def test_an_iou_crop_that_cannot_be_found_leaves_the_sample():
    entry = {
        "name": "randomioucrop",
        "min_scale": 0.3,
        "max_scale": 0.3,
        "sampler_options": [0.99],
        "trials": 2,
    }
    sample = scene([(0, 0, 80, 60)], 60, 80)
    result = recipe_of(entry)(sample)
    assert torch.equal(result["image"], plain(sample["image"]))
    assert torch.equal(result["boxes"], plain(sample["boxes"]))


def test_boxes_outside_the_image_are_cut_and_empty_ones_dropped_even_without_transforms():
    sample = scene([(10, 10, 20, 20), (30, 10, 40, 20), (1, 1, 9, 9)], 40, 50)
    boxes = torch.tensor([[-5.0, 10, 20, 60], [60, 10, 70, 20], [7, 7, 7, 9]])
    sample["boxes"] = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(40, 50))
    result = recipe_of()(sample)
    assert result["boxes"].tolist() == [[0, 10, 20, 40]]
    assert result["labels"].tolist() == result["origin"].tolist() == [0]
    assert result["crowd"].tolist() == [False]
