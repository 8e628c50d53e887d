import pytest
import torch
from scenes import quarters, recipe_of, scene
from torchvision.transforms import InterpolationMode, v2

from kubepresso.errors import UserError
from kubepresso.sampling import SampleContext

ENTRY = {"name": "randomresize", "base_size": [96, 128], "stride": 16, "random_range": 3}


def size_at(seed=1, epoch=0, step=0, index=0):
    torch.manual_seed(index)
    context = SampleContext(seed, epoch, step, index, 9, lambda index: {})
    sample = scene(quarters(), 60, 80)
    return tuple(recipe_of(ENTRY)(sample, context)["image"].shape[1:])


def test_all_samples_of_a_batch_get_one_size():
    for step in range(6):
        assert len({size_at(step=step, index=index) for index in range(5)}) == 1


def test_sizes_follow_seed_epoch_and_step_over_the_whole_range():
    sizes = [size_at(step=step) for step in range(120)]
    assert set(sizes) == {(96 + 16 * steps, 128 + 16 * steps) for steps in range(-3, 4)}
    assert [size_at(seed=2, step=step) for step in range(8)] != sizes[:8]
    assert [size_at(epoch=1, step=step) for step in range(8)] != sizes[:8]


def test_the_size_takes_no_draw_from_the_sample():
    crop = {"name": "randomcrop", "size": 48}
    context = [SampleContext(1, 0, step, 0, 9, lambda index: {}) for step in (0, 1)]
    fixed = {**ENTRY, "random_range": 0}
    results = []
    for entry in (ENTRY, fixed):
        torch.manual_seed(0)
        recipe_of(entry)(scene(quarters(), 60, 80), context[1])
        results.append(recipe_of(crop)(scene(quarters(), 60, 80))["image"])
    assert torch.equal(*results)


def test_without_a_batch_the_size_is_the_base():
    assert recipe_of(ENTRY)(scene(quarters(), 60, 80))["image"].shape[1:] == (96, 128)


def test_steps_below_one_pixel_are_refused():
    with pytest.raises(UserError, match=r"the least size would be \[0, 32\]; lower random_range"):
        recipe_of({**ENTRY, "random_range": 6})


@pytest.mark.parametrize(
    ("name", "mode"), [("nearest", "nearest-exact"), ("bilinear", "bilinear"), ("bicubic", "bicubic")]
)
def test_the_resize_is_torchvisions_own_by_the_interpolation_named_and_nearest_for_masks(name, mode):
    sample = scene(quarters(), 60, 80)
    result = recipe_of({**ENTRY, "interpolation": name})(sample)
    direct = v2.Resize((96, 128), InterpolationMode(mode), antialias=True)(sample["image"])
    assert torch.equal(result["image"], direct.as_subclass(torch.Tensor))
    exact = v2.Resize((96, 128), InterpolationMode.NEAREST_EXACT)(
        sample["mask"].as_subclass(torch.Tensor)[None]
    )
    assert torch.equal(result["mask"], exact[0])
    assert torch.equal(result["boxes"], sample["boxes"].as_subclass(torch.Tensor) * 1.6)
