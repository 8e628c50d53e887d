import pickle

import pytest
import torch
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms import v2

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.augmentation.transforms.mixing import MixingTransform
from kubepresso.config import AugmentationConfig
from kubepresso.errors import UserError


def entries(*values):
    return AugmentationConfig.model_validate({"train": list(values)}).train


IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 0, 2])


@pytest.mark.parametrize(("key", "kind"), [("mixup", v2.MixUp), ("cutmix", v2.CutMix)])
def test_mixing_is_torchvisions_own_and_is_applied(key, kind):
    (transform,) = build_recipe(entries({"name": "mixing", key: [0.4, 1.0]}), BuildContext()).batch_transforms
    for seed in range(5):
        torch.manual_seed(seed)
        images, targets = transform(IMAGES, LABELS, 4)
        torch.manual_seed(seed)
        torch.randint(1, ())
        torch.rand(())
        expected_images, expected_targets = kind(alpha=0.4, num_classes=4)(IMAGES, LABELS)
        assert torch.equal(images, expected_images)
        assert torch.equal(targets, expected_targets)
        assert torch.allclose(targets.sum(1), torch.ones(6))
    assert not torch.equal(images, IMAGES)


def test_mixing_follows_its_probability_and_leaves_the_batch_alone_otherwise():
    transform = MixingTransform(mixup=(1.0, 0.25), cutmix=None)
    kept = 0
    torch.manual_seed(3)
    for _ in range(400):
        images, targets = transform(IMAGES, LABELS, 4)
        if torch.equal(images, IMAGES):
            kept += 1
            assert torch.equal(targets, functional.one_hot(LABELS, 4).float())
    assert 265 < kept < 335


def test_both_kinds_of_mixing_take_turns():
    transform = MixingTransform(mixup=(1.0, 1.0), cutmix=(1.0, 1.0))
    torch.manual_seed(0)
    blended = 0
    for _ in range(200):
        images, _ = transform(IMAGES, LABELS, 4)
        unchanged = (images[0] == IMAGES[0]).any() or (images[0] == IMAGES[5]).all()
        blended += not bool(unchanged)
    assert 60 < blended < 140


def test_every_problem_of_a_recipe_is_reported_at_once():
    recipe = entries(
        {"name": "mosaicdetection", "size": 32},
        {"name": "randomioucrop"},
        {"name": "totensor"},
    )
    with pytest.raises(UserError) as caught:
        build_recipe(recipe, BuildContext())
    assert len(caught.value.problems) == 2
    assert "augmentation[0] (mosaicdetection)" in caught.value.problems[0]
    assert "augmentation[1] (randomioucrop)" in caught.value.problems[1]


def test_an_empty_recipe_keeps_the_image():
    image = tv_tensors.Image(torch.zeros(3, 4, 5, dtype=torch.uint8))
    for nothing in (None, ()):
        result = build_recipe(nothing, BuildContext())({"image": image, "label": 1, "index": 9})
        assert result["label"] == 1
        assert result["index"] == 9
        assert torch.equal(result["image"], image.as_subclass(torch.Tensor))


def test_a_recipe_pickles_and_does_the_same_afterwards():
    recipe = build_recipe(
        entries({"name": "hsvjitter"}, {"name": "pad", "size": 20}, {"name": "totensor"}), BuildContext()
    )
    image = tv_tensors.Image(torch.randint(0, 256, (3, 9, 9), dtype=torch.uint8))
    results = []
    for one in (recipe, pickle.loads(pickle.dumps(recipe))):
        torch.manual_seed(1)
        results.append(one({"image": image, "label": 0})["image"])
    assert torch.equal(*results)
