import torch
from scenes import recipe_of
from torch import nn
from torchvision import tv_tensors

from kubepresso.augmentation import Recipe
from kubepresso.augmentation.checks import (
    check_batch_transform,
    check_repeatable,
    check_results,
    check_shares,
)
from kubepresso.augmentation.trace import trace


class Apply(nn.Module):
    """A transform of the image by any function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, sample, context):
        return {**sample, "image": self.function(sample["image"])}


def to_float(image):
    return image.float() / 255


def found(*functions, constant=0):
    recipe = Recipe(
        [f"step{n}" for n in range(len(functions))], [Apply(function) for function in functions], []
    )
    generator = torch.Generator().manual_seed(0)
    images = [torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8, generator=generator) for _ in range(8)]
    images += [torch.full((3, 8, 8), 7, dtype=torch.uint8)] * constant
    traces = [trace(recipe, {"image": tv_tensors.Image(image), "label": 0}) for image in images]
    return check_results("train", recipe, traces)


def test_a_sound_recipe_has_no_problems():
    assert found(to_float) == []
    assert found(to_float, lambda image: image - 0.5, constant=20) == []


def test_a_transform_that_raises_is_named_with_its_reason():
    def fails(image):
        raise RuntimeError("kernel size 9 is too large\nmore")

    assert found(to_float, fails) == [
        "augmentation.train[1] (step1): fails on 8 of 8 images: kernel size 9 is too large"
    ]


def test_integers_and_doubles_are_refused():
    assert found() == ["augmentation.train: results are uint8, not float32; add totensor"]
    assert found(lambda image: image.double()) == [
        "augmentation.train: results are float64, not float32; add totensor"
    ]


def test_the_first_transform_with_a_nan_is_named():
    (problem,) = found(to_float, lambda image: image / 0, lambda image: image * 2)
    assert problem.startswith("augmentation.train[1] (step1): results hold NaN or infinity")


def test_the_first_transform_after_which_images_are_blank_is_named():
    (problem,) = found(to_float, lambda image: image * 0 + 0.3, lambda image: image + 0.1)
    assert problem.startswith("augmentation.train[1] (step1): 8 of 8 images come out blank")


def test_a_grey_image_is_no_picture():
    (problem,) = found(lambda image: to_float(image)[:1])
    assert "1 x 8 x 8" in problem


class Mixer:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, images, labels, num_classes):
        return images, nn.functional.one_hot(labels, num_classes).float() * self.scale


def test_soft_targets_must_sum_to_one():
    images, labels = torch.rand(4, 3, 2, 2), torch.tensor([0, 1, 2, 0])
    assert check_batch_transform(Mixer(1.0), images, labels, 3) == []
    assert len(check_batch_transform(Mixer(0.5), images, labels, 3)) == 1
    assert len(check_batch_transform(Mixer(1.0), images * torch.nan, labels, 3)) == 1


def test_soft_targets_must_be_what_the_pixels_are_mixed_of():
    mixups = [{"mixup": [1.0, 1.0]}, {"cutmix": [1.0, 1.0]}, {"mixup": [0.2, 0.5], "cutmix": [1.0, 1.0]}]
    for keys in mixups:
        (transform,) = recipe_of({"name": "mixing", **keys}, task="classification").batch_transforms
        for classes in (1, 2, 3, 10, 1000):
            assert check_shares(transform, classes, 1.0) == []

        def rolled(images, labels, classes, transform=transform):
            mixed, targets = transform(images, labels, classes)
            return mixed, targets.roll(1, 1)

        (problem,) = check_shares(rolled, 10, 1.0)
        assert "targets do not say what images are mixed of" in problem


def test_mixing_without_effect_is_found_but_where_it_is_switched_off():
    (problem,) = check_shares(Mixer(1.0), 10, 1.0)
    assert "no image of 100 batches was mixed" in problem
    assert check_shares(Mixer(1.0), 10, 0.0) == []


def sample(value, label=0):
    return {"image": torch.full((3, 2, 2), float(value)), "label": label}


def test_results_must_follow_the_seed():
    steady = [sample(1), sample(2)]
    assert check_repeatable("train", [], steady, steady, steady) == ([], [])
    problems, _ = check_repeatable("train", ["x"], steady, [sample(1), sample(3)], steady)
    assert problems == ["augmentation.train: the same seed, epoch and sample gave different results"]
    problems, _ = check_repeatable("train", [], steady, [sample(1), sample(2, label=1)], steady)
    assert problems == ["augmentation.train: labels changed"]
