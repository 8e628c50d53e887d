"""A transform that ruins targets is found, with its place; sound recipes of every task are not suspected."""

import dataclasses

import pytest
import torch
from scenes import recipe_of
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation import Recipe
from kubepresso.augmentation.checks import (
    check_following,
    check_losses,
    check_targets,
    measure_losses,
    warn_of_following,
)
from kubepresso.augmentation.trace import trace
from kubepresso.augmentation.transforms import mosaicdetection
from kubepresso.data.randomness import seeded
from kubepresso.sampling import SampleContext

SIZES = [(120, 160), (96, 128)] * 12
SWAP = (0, 2, 1, 4, 3)
CLASSES = {"classification": 3, "detection": 3, "segmentation": 4, "pose_estimation": 5}
TOTENSOR, NORMALIZE = {"name": "totensor"}, {"name": "normalize"}
FLIP = {"name": "randomhorizontalflip"}


def context(number, fetch):
    return SampleContext(3, 0, 0, number, 40, fetch)


def follow(recipe, task, classes=None, sizes=SIZES, swap=SWAP):
    return check_following(
        "train", recipe, task, sizes, classes or CLASSES[task], swap, lambda n: seeded(3, n), context
    )


def by_hand(*steps):
    """A recipe of functions from sample to sample."""
    transforms = [lambda sample, _, step=step: step(sample) for step in steps]
    return Recipe([step.__name__ for step in steps], transforms, [])


def keep(sample):
    return sample


def move_all(sample, function):
    parts = {key: function(sample[key]) for key in ("image", "mask", "boxes") if key in sample}
    return {**sample, **parts}


def mirror_image_only(sample):
    return {**sample, "image": F.horizontal_flip(sample["image"])}


def shrink_image_only(sample):
    return {**sample, "image": F.resize(sample["image"], [60, 80])}


def forget_offset(sample):
    return {**sample, "image": F.crop(sample["image"], 20, 30, 90, 110)}


def blow_up(sample):
    height, width = sample["image"].shape[-2:]
    boxes = torch.tensor([[0.0, 0.0, width, height]]).repeat(len(sample["boxes"]), 1)
    whole = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width))
    return {**sample, "boxes": whole}


@pytest.mark.parametrize("step", [mirror_image_only, shrink_image_only, forget_offset, blow_up])
def test_boxes_that_stay_behind_are_found_with_the_transform(step):
    (problem,) = follow(by_hand(keep, step, keep), "detection").problems
    assert problem.startswith(f"augmentation.train[1] ({step.__name__}): boxes do not go where the pixels go")


@pytest.mark.parametrize("step", [mirror_image_only, forget_offset])
def test_masks_that_stay_behind_are_found(step):
    def cut_mask(sample):
        height, width = sample["image"].shape[-2:]
        return {**sample, "mask": sample["mask"][:height, :width]}

    (problem,) = follow(by_hand(step, cut_mask), "segmentation").problems
    assert problem.startswith("augmentation.train[")
    assert "masks do not go where the pixels go" in problem


def reverse_labels(sample):
    return {**sample, "labels": sample["labels"].flip(0)}


def reverse_crowd(sample):
    return {**sample, "crowd": sample["crowd"].roll(1)}


@pytest.mark.parametrize("step", [reverse_labels, reverse_crowd])
def test_labels_that_change_boxes_are_found(step):
    (problem,) = follow(by_hand(keep, step), "detection").problems
    assert problem.startswith(f"augmentation.train[1] ({step.__name__}): labels do not stay with their boxes")


def shift_boxes(sample, pixels):
    height, width = sample["image"].shape[-2:]
    moved = sample["boxes"].as_subclass(torch.Tensor) + pixels
    return {**sample, "boxes": tv_tensors.BoundingBoxes(moved, format="XYXY", canvas_size=(height, width))}


def shift_slightly(sample):
    return shift_boxes(sample, 5)


def test_boxes_a_few_pixels_off_are_found():
    (problem,) = follow(by_hand(shift_slightly), "detection").problems
    assert "boxes do not go where the pixels go" in problem


@pytest.mark.parametrize("degrees", [0.0, 10.0])
def test_boxes_of_joined_images_that_stay_behind_are_found(monkeypatch, degrees):
    def shifted(first, others, image):
        return joined(first, [shift_boxes(other, -40) for other in others], image)

    joined = mosaicdetection.joined
    monkeypatch.setattr(mosaicdetection, "joined", shifted)
    mosaic = {"name": "mosaicdetection", "size": [128, 128], "degrees": degrees}
    (problem,) = follow(recipe_of(mosaic, epochs=1000), "detection").problems
    assert problem.startswith("augmentation.train[0] (mosaicdetection): boxes do not go where the pixels go")


def mix_mask(sample):
    mask = F.resize_image(sample["mask"].as_subclass(torch.Tensor)[None].float(), [90, 120])[0]
    return {**sample, "image": F.resize(sample["image"], [90, 120]), "mask": mask.round().to(torch.uint8)}


@pytest.mark.parametrize("classes", [1, 2, 3, 20])
def test_classes_between_two_others_are_found(classes):
    (problem,) = follow(by_hand(mix_mask), "segmentation", classes).problems
    assert "which it did not have; masks must be resized with nearest" in problem


def swap_points_only(sample):
    flipped = mirrored_points(sample)
    return {**flipped, "keypoints": flipped["keypoints"][list(SWAP)]}


def test_visibilities_that_stay_behind_are_found():
    (problem,) = follow(by_hand(swap_points_only), "pose_estimation").problems
    assert problem.startswith("augmentation.train[0] (swap_points_only): keypoints have the visibility of")


def pad_with_background(sample):
    return move_all(sample, lambda part: F.pad(part, [0, 0, 60, 60], fill=0))


def test_borders_that_get_a_class_are_found():
    (problem,) = follow(by_hand(pad_with_background), "segmentation").problems
    assert problem.startswith("augmentation.train[0] (pad_with_background): the mask has a class where")


def mirrored_points(sample):
    points = sample["keypoints"].as_subclass(torch.Tensor).clone()
    points[:, 0] = sample["image"].shape[-1] - points[:, 0]
    return {**sample, "image": F.horizontal_flip(sample["image"]), "keypoints": points}


def flip_without_swap(sample):
    return mirrored_points(sample)


def swap_without_flip(sample):
    return {**sample, "keypoints": sample["keypoints"][list(SWAP)]}


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (flip_without_swap, "the image is mirrored, but left and right keypoints did not change places"),
        (swap_without_flip, "left and right keypoints changed places, but the image is not mirrored"),
        (mirror_image_only, "keypoints do not go where the pixels go"),
    ],
)
def test_keypoints_out_of_step_are_found(step, text):
    (problem,) = follow(by_hand(keep, step), "pose_estimation").problems
    assert problem.startswith(f"augmentation.train[1] ({step.__name__}): {text}")


def test_a_flip_with_wrong_partners_is_found_and_one_with_the_right_ones_is_not():
    right = recipe_of(FLIP, task="pose_estimation", swap=SWAP)
    followed = follow(right, "pose_estimation")
    assert followed.problems == []
    assert 0 < followed.mirrored < followed.seen
    wrong = recipe_of(FLIP, task="pose_estimation", swap=(0, 1, 2, 3, 4))
    assert "did not change places" in follow(wrong, "pose_estimation").problems[0]


MOSAIC = {"name": "mosaicdetection", "size": [128, 128]}
SOUND = {
    "detection": [
        [MOSAIC, {"name": "hsvjitter"}, FLIP, {"name": "resize", "size": 128, "resize_criteria": "long"},
         {"name": "pad", "size": 128, "fill": 114}, {"name": "randomresize", "base_size": [256, 256]}],
        [{"name": "randomzoomout"}, {"name": "randomioucrop"}, FLIP, {"name": "resize", "size": [96, 96]}],
        [{"name": "randomresizedcrop", "size": 96, "scale": [0.4, 1.0]}, {"name": "randomverticalflip"}],
        [{"name": "randomresize2", "base_size": [128, 128]}, {"name": "randomcrop", "size": 128}],
        [{"name": "centercrop", "size": 112}],
    ],
    "segmentation": [
        [{"name": "randomresizedcrop", "size": 128, "scale": [0.4, 1.0]}, FLIP,
         {"name": "colorjitter", "brightness": 0.25, "contrast": 0.25, "saturation": 0.25, "hue": 0.1}],
        [{"name": "randomresize2", "base_size": [128, 128]}, {"name": "randomcrop", "size": 128}],
        [{"name": "pad", "size": 200}, {"name": "randomverticalflip"}, {"name": "resize", "size": [96, 64]}],
        [{"name": "centercrop", "size": 140}],
    ],
    "pose_estimation": [
        [FLIP, {"name": "posetopdownaffine", "size": [96, 96]}],
        [{"name": "randomverticalflip"}, {"name": "resize", "size": [64, 48]}],
        [{"name": "pad", "size": 200}, {"name": "randomcrop", "size": 120}],
    ],
}  # fmt: skip


@pytest.mark.parametrize(("task", "entries"), [(task, r) for task, many in SOUND.items() for r in many])
def test_sound_recipes_are_not_suspected(task, entries):
    swap = SWAP if task == "pose_estimation" else ()
    recipe = recipe_of(*entries, TOTENSOR, NORMALIZE, task=task, epochs=1000, swap=swap)
    followed = follow(recipe, task)
    assert followed.problems == []
    assert followed.seen >= 2


def test_too_few_followed_samples_are_noted():
    crop = {"name": "randomresizedcrop", "size": 96, "scale": [0.01, 0.02]}
    followed = follow(recipe_of(crop, task="segmentation"), "segmentation")
    assert not followed.is_enough
    (warning,) = warn_of_following("train", "segmentation", followed)
    assert f"only {followed.seen} of 24 drawn samples" in warning
    enough = follow(recipe_of({**crop, "scale": [0.3, 1.0]}, task="segmentation"), "segmentation")
    assert enough.is_enough
    assert warn_of_following("train", "segmentation", enough) == []


def objects(*boxes, labels=None, height=120, width=160):
    labels = [0] * len(boxes) if labels is None else labels
    tensor = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    return {
        "image": tv_tensors.Image(image),
        "boxes": tv_tensors.BoundingBoxes(tensor, format="XYXY", canvas_size=(height, width)),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "crowd": torch.zeros(len(boxes), dtype=torch.bool),
    }


def masked(values, height=120, width=160):
    mask = torch.zeros(height, width, dtype=torch.uint8)
    for n, value in enumerate(values):
        mask[:, 10 * n : 10 * n + 7] = value
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    return {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(mask)}


def targets(recipe, task, *samples):
    traces = [trace(recipe, sample) for sample in samples]
    return check_targets("train", recipe, traces, task, CLASSES[task])


def drop_boxes_only(sample):
    return {**sample, "boxes": sample["boxes"][:1]}


def forget_crowd(sample):
    return {key: value for key, value in sample.items() if key != "crowd"}


def label_beyond(sample):
    return {**sample, "labels": sample["labels"] + 3}


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (drop_boxes_only, "boxes and what belongs to them are out of step: 1 boxes, 2 labels, 2 crowd"),
        (forget_crowd, "the sample has no crowd any more"),
        (label_beyond, "label 3 is no class, allowed 0 to 2"),
    ],
)
def test_boxes_out_of_form_are_found(step, text):
    sample = objects([10, 10, 50, 60], [80, 20, 120, 90])
    (problem,) = targets(by_hand(keep, step, keep), "detection", sample, sample)
    assert problem == f"augmentation.train[1] ({step.__name__}): {text} (2 of 2 samples)"


def test_a_class_that_changes_is_found():
    def next_class(sample):
        return {**sample, "label": (sample["label"] + 1) % 3}

    picture = {"image": tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8)), "label": 1}
    (problem,) = targets(by_hand(keep, next_class), "classification", picture)
    assert problem.startswith(
        "augmentation.train[1] (next_class): an image of class 1 has come to be one of 2"
    )


def resize_mask_bilinear(sample):
    image = F.resize(sample["image"], [60, 77])
    mask = F.resize_image(sample["mask"].as_subclass(torch.Tensor)[None], [60, 77])[0]
    return {**sample, "image": image, "mask": tv_tensors.Mask(mask)}


def resize_mask_away(sample):
    return {**sample, "image": F.resize(sample["image"], [60, 80])}


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (resize_mask_bilinear, "masks must be resized with nearest"),
        (resize_mask_away, "the mask is 120 x 160 and the image 60 x 80"),
    ],
)
def test_masks_out_of_form_are_found(step, text):
    (problem,) = targets(by_hand(keep, step), "segmentation", masked([1, 255, 3, 255]))
    assert problem.startswith(f"augmentation.train[1] ({step.__name__}): the mask ")
    assert text in problem


def test_known_classes_and_the_ignored_value_are_right():
    assert targets(by_hand(keep), "segmentation", masked([0, 3, 255])) == []


def lose(recipe, task, sample, phase="train", classes=("a", "b", "c"), times=10):
    runs = [trace(recipe, sample) for _ in range(times)]
    losses = measure_losses(phase, recipe, runs, task, len(classes))
    sources, results = [run.source for run in runs], [run.result for run in runs]
    return losses, check_losses(phase, losses, task, sources, results, classes)


FOUR = [[2, 2, 22, 22], [30, 30, 60, 60], [100, 40, 150, 80], [60, 80, 90, 115]]


def test_a_crop_that_loses_everything_is_refused():
    recipe = recipe_of(FLIP, {"name": "centercrop", "size": [10, 10]}, TOTENSOR)
    _, (problems, warnings) = lose(recipe, "detection", objects(FOUR[0], FOUR[2], labels=[0, 2]))
    assert problems == [
        "augmentation.train[1] (centercrop): loses all boxes (20 in 10 samples); check its size and scale"
    ]
    assert warnings == []


def test_each_transform_is_charged_with_what_it_loses():
    recipe = recipe_of({"name": "centercrop", "size": [120, 110]}, {"name": "centercrop", "size": [60, 40]})
    losses, (problems, warnings) = lose(recipe, "detection", objects(*FOUR, labels=[0, 1, 1, 2]))
    assert [(loss.name, loss.before, loss.lost) for loss in losses] == [
        ("0 centercrop", 40, 10),
        ("1 centercrop", 30, 20),
    ]
    assert problems == []
    assert warnings == [
        "augmentation.train: 75% of the boxes are lost over the recipe (more than 20%), most by "
        "augmentation.train[1] (centercrop): 20 of 30; crop less or scale up",
        "augmentation.train: nothing is left of a, b in the 10 samples tried; check crops and sizes",
    ]


def test_a_loss_in_inference_is_a_warning_with_its_share():
    recipe = recipe_of({"name": "centercrop", "size": [120, 110]})
    _, (problems, warnings) = lose(recipe, "detection", objects(*FOUR), "inference")
    assert problems == []
    assert warnings[0].startswith("augmentation.inference[0] (centercrop): loses 10 of 40 boxes (25.0%)")


def test_classes_cut_off_a_mask_are_counted():
    recipe = recipe_of({"name": "centercrop", "size": [20, 20]}, task="segmentation")
    losses, (problems, warnings) = lose(recipe, "segmentation", masked([1, 2]))
    assert (losses[0].before, losses[0].lost) == (30, 20)
    assert problems == []
    assert any("nothing is left of b, c" in line for line in warnings)


def test_a_mirrored_keypoint_is_not_lost():
    pose = {
        **{key: value for key, value in objects([20, 20, 140, 110]).items() if key in ("image", "boxes")},
        "keypoints": tv_tensors.KeyPoints(torch.full((5, 2), 50.0), canvas_size=(120, 160)),
        "visibility": torch.tensor([2, 2, 0, 1, 0]),
    }
    recipe = recipe_of({**FLIP, "p": 1.0}, task="pose_estimation", swap=SWAP)
    losses, _ = lose(recipe, "pose_estimation", pose, classes=tuple("abcde"))
    assert [dataclasses.astuple(loss)[2:] for loss in losses] == [(30, 30, False)]


def test_boxes_brought_in_by_a_mosaic_do_not_hide_its_losses():
    recipe = recipe_of({**MOSAIC, "affine_scale": [1.9, 2.0]}, FLIP, epochs=1000)
    sample = objects(*FOUR)
    runs = []
    for n in range(10):
        with seeded(n):
            runs.append(trace(recipe, sample, context(n, lambda _: objects(*FOUR))))
    losses = measure_losses("train", recipe, runs, "detection", 3)
    assert losses[0].joins
    assert not losses[1].joins
    assert losses[0].lost > 10
    assert losses[1].lost == 0
