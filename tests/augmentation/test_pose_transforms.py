import numpy as np
import pytest
import torch
from scenes import coloured, extent, recipe_of, scene
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.warp import shift, turn, warp_image, warp_points

PLAIN = {"scale_prob": 0, "translate_prob": 0, "rotation_prob": 0}


def person(box=(30, 20, 70, 100), height=120, width=160):
    """A red rectangle with keypoints in its corners, its middle and outside."""
    sample = scene([box], height, width)
    x1, y1, x2, y2 = (float(value) for value in box)
    points = [[x1, y1], [x2, y1], [x1, y2], [x2, y2], [(x1 + x2) / 2, (y1 + y2) / 2], [width - 1.0, 1.0]]
    return {
        "image": sample["image"],
        "boxes": sample["boxes"],
        "keypoints": tv_tensors.KeyPoints(points, canvas_size=(height, width)),
        "visibility": torch.tensor([2, 1, 2, 2, 2, 2]),
    }


def top_down(size, **keys):
    return recipe_of({"name": "posetopdownaffine", "size": size, **keys}, task="pose_estimation")


@pytest.mark.parametrize("size", [[160, 80], [80, 80], [96, 128], 64])
def test_without_chance_the_box_stands_in_the_middle_as_large_as_fits(size):
    result = top_down(size, **PLAIN)(person())
    height, width = (size, size) if isinstance(size, int) else size
    assert result["image"].shape == (3, height, width)
    zoom = min(height / 80, width / 40)
    x, y = (width - 40 * zoom) / 2, (height - 80 * zoom) / 2
    expected = torch.tensor([[x, y, x + 40 * zoom, y + 80 * zoom]])
    assert torch.allclose(result["boxes"], expected, atol=1e-3)
    assert (extent(coloured(result["image"], 0)) - expected[0]).abs().max() <= 1
    assert torch.allclose(result["keypoints"][0], expected[0, :2], atol=1e-3)
    assert torch.allclose(result["keypoints"][3], expected[0, 2:], atol=1e-3)
    assert result["visibility"].tolist() == [2, 1, 2, 2, 2, 0]


def test_borders_do_not_bring_back_a_keypoint_that_was_cut_away():
    sample = person()
    sample["keypoints"][5] = torch.tensor([130.0, 60.0])
    cut = {"name": "posetopdownaffine", "size": [80, 40], **PLAIN}
    recipe = recipe_of(cut, {"name": "pad", "size": [90, 200], "fill": 0}, task="pose_estimation")
    result = recipe(sample)
    assert result["keypoints"][5].tolist() == [100, 40]
    assert result["visibility"].tolist() == [2, 1, 2, 2, 2, 0]


def test_a_crop_that_fits_the_pixels_keeps_every_one():
    sample = person(box=(30, 20, 70, 100))
    sample["image"] = tv_tensors.Image(torch.randint(0, 256, (3, 120, 160), dtype=torch.uint8))
    result = top_down([80, 40], **PLAIN)(sample)
    assert torch.equal(result["image"], sample["image"].as_subclass(torch.Tensor)[:, 20:100, 30:70])


@pytest.mark.parametrize("fill", [0, [20, 90, 200]])
def test_the_map_is_torchvisions_affine(fill):
    """torchvision maps about the middle, and onto a picture of the same size."""
    image = torch.randint(0, 256, (3, 60, 80), dtype=torch.uint8)
    points = tv_tensors.KeyPoints([[3.0, 4.0], [70.0, 10.0]], canvas_size=(60, 80))
    for degrees, zoom, x, y in [(0, 1.0, 5, -7), (33, 0.7, 0, 0), (-120, 1.6, 11, 4)]:
        about_middle = shift(40 + x, 30 + y) @ turn(degrees, zoom) @ shift(-40, -30)
        keys = {"angle": degrees, "translate": [x, y], "scale": zoom, "shear": [0.0, 0.0]}
        expected = F.affine(image, **keys, interpolation=InterpolationMode.BILINEAR, fill=fill)
        # Where the border crosses a pixel, torchvision counts the image's share of it twice.
        whole = warp_image(torch.full_like(image, 255), about_middle, (60, 80), 0) == 255
        beyond = warp_image(torch.full_like(image, 255), about_middle, (60, 80), 0) == 0
        result = warp_image(image, about_middle, (60, 80), fill)
        assert (result.int() - expected.int())[whole | beyond].abs().max() <= 1
        assert (whole | beyond).float().mean() > 0.9
        mapped = warp_points(points.as_subclass(torch.Tensor), about_middle)
        assert torch.allclose(mapped, F.affine(points, **keys).as_subclass(torch.Tensor), atol=1e-3)


def test_keypoints_box_and_pixels_turn_together():
    seen = 0
    for seed in range(40):
        torch.manual_seed(seed)
        result = top_down([100, 90], scale=[0.8, 1.6], rotation=80)(person())
        area = coloured(result["image"], 0)
        x, y = result["keypoints"][4].tolist()
        if result["visibility"][4] and 3 < x < 87 and 3 < y < 97:
            assert area[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].all()
            seen += 1
        assert ((extent(area) - result["boxes"][0]) * torch.tensor([1, 1, -1, -1]) >= -1).all()
        inside = (result["keypoints"] >= 0).all(1) & (result["keypoints"] <= torch.tensor([90, 100])).all(1)
        assert torch.equal(result["visibility"] > 0, inside)
    assert seen > 25


def drawn(count=150, **keys):
    """Zoom, shift of the middle by the box, and turn in degrees, as read off the keypoints."""
    measured = []
    recipe = top_down([80, 40], **keys)
    for seed in range(count):
        torch.manual_seed(seed)
        points = recipe(person())["keypoints"].double()
        across = points[1] - points[0]
        zoom = 40 / across.norm()
        turn = torch.rad2deg(torch.atan2(across[1], across[0]))
        off = torch.tensor([20.0, 40.0]) - points[4]
        measured.append([zoom, *(off * zoom / torch.tensor([40.0, 80.0])), turn])
    return np.array(measured, dtype=float)


def test_draws_are_truncated_normal_within_their_bounds():
    only = {"translate_prob": 0, "rotation_prob": 0}
    zoom = drawn(**only, scale=[0.6, 1.2])[:, 0]
    assert zoom.min() >= 0.6 - 1e-4
    assert zoom.max() <= 1.2 + 1e-4
    # A normal distribution cut at one standard deviation has 0.54 of that; an even one would have 0.577.
    assert abs(zoom.std() / 0.3 - 0.54) < 0.06
    assert abs(zoom.mean() - 0.9) < 0.05
    shifts = drawn(translate=0.2, scale_prob=0, rotation_prob=0)[:, 1:3]
    assert np.abs(shifts).max() <= 0.2 + 1e-4
    assert (np.abs(shifts).max(axis=0) > 0.15).all()
    turns = drawn(rotation=50, scale_prob=0, translate_prob=0)[:, 3]
    assert np.abs(turns).max() <= 50 + 1e-3
    assert np.abs(turns).max() > 45


def test_each_change_has_its_own_probability():
    values = drawn(scale_prob=0.3, translate_prob=0.6, rotation_prob=0.1)
    changed = [(abs(values[:, 0] - 1) > 1e-6), (abs(values[:, 1]) > 1e-6), (abs(values[:, 3]) > 1e-6)]
    for share, expected in zip(changed, (0.3, 0.6, 0.1), strict=True):
        assert abs(share.mean() - expected) < 0.12


def test_a_box_outside_or_without_an_area_gives_a_picture_all_the_same():
    for box in [(30, 20, 30, 20), (500, 500, 600, 700), (-50, -80, -10, -10)]:
        sample = person()
        boxes = torch.tensor([box], dtype=torch.float32)
        sample["boxes"] = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(120, 160))
        result = top_down([80, 40])(sample)
        assert result["image"].shape == (3, 80, 40)
        assert result["boxes"].shape == (1, 4)


def test_flips_of_poses_need_the_partners():
    with pytest.raises(Exception, match="change places"):
        recipe_of({"name": "randomhorizontalflip"}, task="pose_estimation")
