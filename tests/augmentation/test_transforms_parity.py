"""Every transform against torchvision called directly, bit for bit under the same seed."""

import colorsys
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import AutoAugmentPolicy, InterpolationMode, v2

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config import AugmentationConfig
from kubepresso.config.augmentation import AnyTransform

BICUBIC = InterpolationMode.BICUBIC


def names_in_the_schema():
    union = get_args(AnyTransform)[0]
    return {get_args(entry.model_fields["name"].annotation)[0] for entry in get_args(union)}


def test_schema_and_implementations_are_twins():
    assert names_in_the_schema() == set(TRANSFORMS)


def recipe(*entries):
    return build_recipe(AugmentationConfig.model_validate({"train": list(entries)}).train, BuildContext())


def picture(height=37, width=50, seed=0):
    generator = torch.Generator().manual_seed(seed)
    small = torch.randint(0, 256, (1, 3, 8, 8), generator=generator).float()
    big = torch.nn.functional.interpolate(small, (height, width), mode="bicubic").clamp(0, 255)
    return tv_tensors.Image(big[0].to(torch.uint8))


def floats():
    return tv_tensors.Image(picture().float() / 255)


CASES = [
    ({"name": "centercrop", "size": 24}, v2.CenterCrop(24)),
    ({"name": "centercrop", "size": [60, 20]}, v2.CenterCrop((60, 20))),
    (
        {
            "name": "colorjitter",
            "brightness": 0.4,
            "contrast": [0.5, 1.5],
            "saturation": 0.3,
            "hue": 0.1,
            "p": 0.7,
        },
        v2.RandomApply([v2.ColorJitter(0.4, (0.5, 1.5), 0.3, 0.1)], p=0.7),
    ),
    ({"name": "pad", "size": [64, 40], "fill": 9}, v2.Pad([0, 0, 0, 27], fill=9)),
    ({"name": "randomcrop", "size": 32}, v2.RandomCrop(32)),
    (
        {"name": "randomcrop", "size": [20, 90], "fill": 3},
        v2.Compose([v2.Pad([0, 0, 40, 0], 3), v2.RandomCrop((20, 90))]),
    ),
    (
        {
            "name": "randomresizedcrop",
            "size": [32, 24],
            "scale": [0.2, 0.9],
            "ratio": [0.7, 1.4],
            "interpolation": "bicubic",
        },
        v2.RandomResizedCrop((32, 24), (0.2, 0.9), (0.7, 1.4), BICUBIC, antialias=True),
    ),
    ({"name": "randomhorizontalflip", "p": 0.5}, v2.RandomHorizontalFlip(0.5)),
    ({"name": "randomverticalflip", "p": 0.5}, v2.RandomVerticalFlip(0.5)),
    ({"name": "resize", "size": [20, 31]}, v2.Resize((20, 31), antialias=True)),
    ({"name": "resize", "size": 20}, v2.Resize((20, 20), antialias=True)),
    (
        {
            "name": "resize",
            "size": 30,
            "resize_criteria": "short",
            "max_size": 35,
            "interpolation": "bicubic",
        },
        v2.Resize(30, BICUBIC, max_size=35, antialias=True),
    ),
    ({"name": "resize", "size": 32, "resize_criteria": "long"}, v2.Resize((23, 32), antialias=True)),
    ({"name": "randomresize2", "base_size": [32, 32]}, v2.ScaleJitter((32, 32), (0.5, 2.0), antialias=True)),
    ({"name": "randomzoomout", "fill": 7, "p": 0.8}, v2.RandomZoomOut(7, (1.0, 4.0), 0.8)),
    ({"name": "trivialaugmentwide", "num_magnitude_bins": 21}, v2.TrivialAugmentWide(21)),
    (
        {"name": "autoaugment", "policy": "cifar10", "interpolation": "bilinear", "fill": 4},
        v2.AutoAugment(AutoAugmentPolicy.CIFAR10, InterpolationMode.BILINEAR, 4),
    ),
    ({"name": "autoaugment", "policy": "imagenet"}, v2.AutoAugment(AutoAugmentPolicy.IMAGENET)),
    ({"name": "autoaugment", "policy": "svhn"}, v2.AutoAugment(AutoAugmentPolicy.SVHN)),
    (
        {"name": "trivialaugmentwide", "interpolation": "bilinear", "fill": [1, 2, 3]},
        v2.TrivialAugmentWide(interpolation=InterpolationMode.BILINEAR, fill=[1, 2, 3]),
    ),
    ({"name": "totensor"}, v2.ToDtype(torch.float32, scale=True)),
    ({"name": "totensor", "pixel_range": 255.0}, v2.ToDtype(torch.float32, scale=False)),
]


@pytest.mark.parametrize(
    ("entry", "direct"), CASES, ids=lambda value: value.get("name") if isinstance(value, dict) else ""
)
def test_the_transform_is_torchvisions_own(entry, direct):
    ours = recipe(entry)
    for seed in range(12):
        image = picture(seed=seed)
        torch.manual_seed(seed)
        expected = direct(image)
        torch.manual_seed(seed)
        got = ours({"image": image, "label": 5})
        assert got["label"] == 5
        assert type(got["image"]) is torch.Tensor
        assert torch.equal(got["image"], expected.as_subclass(torch.Tensor))


@pytest.mark.parametrize(
    ("entry", "direct"),
    [
        (
            {"name": "normalize", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
            v2.Normalize([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]),
        ),
        (
            {"name": "randomerasing", "p": 0.7, "value": None},
            v2.RandomErasing(0.7, (0.02, 0.33), (0.3, 3.3), "random"),
        ),
        (
            {"name": "randomerasing", "p": 0.7, "value": [1.0, 2.0, 3.0]},
            v2.RandomErasing(0.7, value=[1.0, 2.0, 3.0]),
        ),
    ],
)
def test_transforms_of_floats_are_torchvisions_own(entry, direct):
    transform = recipe({"name": "totensor"}, entry)
    for seed in range(12):
        torch.manual_seed(seed)
        expected = direct(v2.ToDtype(torch.float32, scale=True)(picture()))
        torch.manual_seed(seed)
        assert torch.equal(
            transform({"image": picture(), "label": 0})["image"], expected.as_subclass(torch.Tensor)
        )


@pytest.mark.parametrize("keys", [{"resize_criteria": "long"}, {"resize_criteria": "short", "max_size": 50}])
def test_a_resize_by_one_side_gives_the_size_of_torchvision_and_at_least_a_pixel(keys):
    longest = keys.get("max_size", 40)
    given = v2.Resize(40, max_size=50) if "max_size" in keys else v2.Resize(None, max_size=40)
    resize = recipe({"name": "resize", "size": 40, **keys})
    for height, width in ((37, 101), (101, 37), (40, 40), (41, 52), (480, 639), (1, 1)):
        picture = torch.zeros(3, height, width, dtype=torch.uint8)
        assert resize({"image": tv_tensors.Image(picture), "label": 0})["image"].shape == given(picture).shape
    for height, width in ((1, 300), (300, 1)):
        picture = tv_tensors.Image(torch.zeros(3, height, width, dtype=torch.uint8))
        assert sorted(resize({"image": picture, "label": 0})["image"].shape[1:]) == [1, longest]


def test_resize_long_gives_the_long_side_its_length():
    for height, width, expected in [(37, 50, (24, 32)), (50, 37, (32, 24)), (10, 10, (32, 32))]:
        shape = recipe({"name": "resize", "size": 32, "resize_criteria": "long"})(
            {"image": picture(height, width), "label": 0}
        )["image"].shape
        assert max(shape[1:]) == 32
        assert abs(shape[1] - expected[0]) <= 1
        assert abs(shape[2] - expected[1]) <= 1


def test_hsvjitter_without_strength_keeps_every_pixel():
    image = picture()
    still = recipe({"name": "hsvjitter", "h_mag": 0, "s_mag": 0, "v_mag": 0})
    assert torch.equal(still({"image": image, "label": 0})["image"], image.as_subclass(torch.Tensor))


def test_hsvjitter_shifts_hue_saturation_and_value_within_their_bounds():
    image = tv_tensors.Image(
        torch.tensor([200, 120, 90], dtype=torch.uint8)[:, None, None].expand(3, 4, 4).clone()
    )
    before = np.array(colorsys.rgb_to_hsv(200 / 255, 120 / 255, 90 / 255))
    jitter = recipe({"name": "hsvjitter", "h_mag": 9, "s_mag": 51, "v_mag": 25.5})
    changes = []
    for seed in range(60):
        torch.manual_seed(seed)
        pixel = jitter({"image": image, "label": 0})["image"][:, 0, 0].double().numpy() / 255
        changes.append((np.array(colorsys.rgb_to_hsv(*pixel)) - before + 0.5) % 1 - 0.5)
    largest = np.abs(changes).max(axis=0)
    bounds = np.array([9 / 180, 51 / 255, 25.5 / 255])
    assert (largest < bounds + 0.01).all()
    assert (largest > bounds * 0.7).all()
    assert np.isclose(changes, 0, atol=0.01).all(axis=1).any(), "each channel moves only half of the time"


def test_hsvjitter_agrees_with_pillow_on_the_colour_circle():
    shift = 45
    image = picture()
    turned = recipe({"name": "hsvjitter", "h_mag": 180, "s_mag": 0, "v_mag": 0}).transforms[0].change
    result = turned.transform(image, {"shift": torch.tensor([shift / 180, 0.0, 0.0])})
    hsv = np.array(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("HSV"), dtype=np.int32)
    hsv[..., 0] = (hsv[..., 0] + round(shift / 180 * 255)) % 256
    pillow = np.array(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB"), dtype=np.int32)
    assert np.abs(result.permute(1, 2, 0).numpy().astype(np.int32) - pillow).mean() < 2


@pytest.mark.parametrize("shift", [(0.0, 0.2, -0.1), (0.07, 0.0, 0.0), (-0.4, -0.3, 0.2), (0.9, 0.1, 0.1)])
def test_hsvjitter_is_the_standard_librarys_conversion_pixel_by_pixel(shift):
    image = tv_tensors.Image(torch.randint(0, 256, (3, 20, 20), dtype=torch.uint8))
    jitter = recipe({"name": "hsvjitter"}).transforms[0].change
    result = jitter.transform(image, {"shift": torch.tensor(shift)})
    for pixel, got in zip(image.flatten(1).T.tolist(), result.flatten(1).T.tolist(), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(level / 255 for level in pixel))
        shifted = (
            (hue + shift[0]) % 1,
            min(max(saturation + shift[1], 0), 1),
            min(max(value + shift[2], 0), 1),
        )
        grey = len(set(pixel)) == 1
        expected = (shifted[2],) * 3 if grey else colorsys.hsv_to_rgb(*shifted)
        assert all(abs(a - 255 * b) <= 1 for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("value", [7.0, [1.0, 2.0, 3.0], None])
def test_erasing_bytes_fills_with_bytes(value):
    entry = {"name": "randomerasing", "p": 1.0, "value": value}
    image = tv_tensors.Image(torch.full((3, 40, 40), 250, dtype=torch.uint8))
    torch.manual_seed(1)
    result = recipe(entry)({"image": image, "label": 0})["image"]
    assert result.dtype == torch.uint8
    erased = result[:, (result != 250).any(0)]
    assert 20 < erased.shape[1] < 600
    if value is None:
        assert 90 < erased.float().mean() < 165
        assert len(erased.unique()) > 50
    else:
        wanted = torch.tensor([7, 7, 7] if value == 7.0 else value).to(torch.uint8)
        assert (erased == wanted[:, None]).all()
