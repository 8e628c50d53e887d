import dataclasses

import pytest
import torch
from scenes import coloured, extent, recipe_of, scene, thinned

from kubepresso.sampling import SampleContext

SIZES = [(60, 80), (120, 50), (64, 64), (30, 90)]


def fetch(index):
    """A picture with one rectangle, whose colour is that of its index."""
    height, width = SIZES[index]
    rectangles = [(0, 0, 0, 0)] * 4
    rectangles[index] = (width // 4, height // 4, width // 4 * 3, height // 4 * 3)
    sample = scene(rectangles, height, width)
    kept = {key: sample[key][index : index + 1] for key in ("boxes", "labels", "crowd", "origin")}
    kept["boxes"] = type(sample["boxes"])(kept["boxes"], format="XYXY", canvas_size=(height, width))
    return {"image": sample["image"], **kept}


def at(epoch=0, index=0):
    return SampleContext(seed=1, epoch=epoch, step=0, index=index, count=4, fetch=fetch)


def mosaic(**keys):
    entry = {"name": "mosaicdetection", "size": [96, 128], "fill": 90, "mosaic_off_duration": 2, **keys}
    return recipe_of(entry, epochs=5)


STILL = {"degrees": 0, "shear": 0, "enable_mixup": False}


@pytest.mark.parametrize("keys", [STILL, {"enable_mixup": False, "degrees": 20, "shear": 8}])
def test_every_object_is_where_its_box_is(keys):
    """Of each colour all pixels lie in its boxes, and each box reaches them; upright boxes fit them."""
    objects = 0
    for seed in range(80):
        torch.manual_seed(seed)
        result = mosaic(**keys)(fetch(0), at())
        assert result["image"].shape == (3, 96, 128)
        for index in range(4):
            boxes = result["boxes"][result["labels"] == index]
            area = coloured(result["image"], index)
            covered = torch.zeros_like(area)
            for x1, y1, x2, y2 in boxes.round().int().tolist():
                covered[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = True
                assert area[y1:y2, x1:x2].any()
            lost = area & ~covered
            assert lost.sum() <= 0.25 * 70 * 70 if len(boxes) == 0 else True
            if len(boxes) == 1 and keys is STILL and not thinned(lost, 1).any():
                assert (extent(area & covered) - boxes[0]).abs().max() <= 2
            objects += len(boxes)
    assert objects > 160


def test_boxes_are_large_enough_and_their_parts_go_with_them():
    for seed in range(60):
        torch.manual_seed(seed)
        result = mosaic()(fetch(0), at())
        boxes, labels = result["boxes"], result["labels"]
        assert len(boxes) == len(labels) == len(result["crowd"]) == len(result["origin"])
        sides = boxes[:, 2:] - boxes[:, :2]
        assert (sides > 2).all()
        assert (sides.amax(1) < 20 * sides.amin(1)).all()
        assert (boxes >= 0).all()
        assert (boxes <= torch.tensor([128, 96, 128, 96])).all()
        assert (result["origin"] == 0).sum() <= 1
        assert set(result["origin"].tolist()) <= {0, -1}
        assert set(labels[result["origin"] == 0].tolist()) <= {0}


def test_a_mosaic_without_change_shows_the_four_images_round_one_point():
    keys = {**STILL, "translate": 0, "affine_scale": [1.0, 1.0]}
    for seed in range(20):
        torch.manual_seed(seed)
        result = mosaic(**keys)(fetch(0), at())
        for box, label in zip(result["boxes"], result["labels"], strict=True):
            x1, y1, x2, y2 = box.round().int().tolist()
            if (result["labels"] == label).sum() == 1:
                inside = coloured(result["image"], int(label))[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1]
                assert inside.all()


def test_the_overlay_is_half_transparent_and_brings_its_objects():
    keys = {**STILL, "translate": 0, "affine_scale": [1.0, 1.0], "mixup_scale": [1.0, 1.0]}
    mixed = 0
    for seed in range(20):
        torch.manual_seed(seed)
        without = mosaic(**keys)(fetch(0), at())
        torch.manual_seed(seed)
        result = mosaic(**{**keys, "enable_mixup": True})(fetch(0), at())
        count = len(without["boxes"])
        assert torch.equal(result["boxes"][:count], without["boxes"])
        if len(result["boxes"]) == count:
            continue
        mixed += 1
        x1, y1, x2, y2 = result["boxes"][-1].round().int().tolist()
        over = 2 * result["image"].int() - without["image"].int()
        colour = coloured(over.clamp(0, 255), int(result["labels"][-1]))
        assert colour[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].all()
    assert mixed > 10


def test_the_last_epochs_get_single_images():
    for epoch, joined in [(0, True), (2, True), (3, False), (4, False)]:
        result = mosaic()(fetch(1), at(epoch))
        assert (result["image"].shape == (3, 96, 128)) == joined
        assert joined or torch.equal(result["image"], fetch(1)["image"].as_subclass(torch.Tensor))


def test_without_a_data_set_or_by_chance_the_sample_goes_on_as_it_is():
    for recipe, context in [(mosaic(), None), (mosaic(mosaic_prob=0), at())]:
        assert torch.equal(recipe(fetch(1), context)["boxes"], fetch(1)["boxes"].as_subclass(torch.Tensor))


def test_images_without_objects_can_be_joined():
    empty = scene([], 40, 50)
    nothing = {key: empty[key] for key in ("image", "boxes", "labels", "crowd")}
    context = dataclasses.replace(at(), fetch=lambda index: nothing)
    result = mosaic()(nothing, context)
    assert result["boxes"].shape == (0, 4)
    assert "origin" not in result


def test_the_draws_follow_the_generator():
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        results.append(mosaic()(fetch(0), at())["image"])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_float_image_is_refused():
    entries = [{"name": "totensor"}, {"name": "mosaicdetection", "size": 64}]
    with pytest.raises(ValueError, match="before totensor"):
        recipe_of(*entries, epochs=99)(fetch(0), at())


KEYS = {**STILL, "translate": 0, "affine_scale": [1.0, 1.0]}


def image_of(seed=0, **keys):
    torch.manual_seed(seed)
    return mosaic(**{**KEYS, **keys})(fetch(0), at())["image"]


def slopes(**keys):
    """Return by how much x and y of the source change along x and along y of the mosaic, ``[40, 2, 2]``."""
    side = 128
    ramp = (2 * torch.arange(side)).to(torch.uint8)
    image = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side), torch.zeros(side, side)])
    box = type(fetch(0)["boxes"])([[0, 0, side, side]], format="XYXY", canvas_size=(side, side))
    sample = {**fetch(0), "image": image.to(torch.uint8), "boxes": box}
    context = dataclasses.replace(at(), fetch=lambda index: sample)
    found = []
    for seed in range(40):
        torch.manual_seed(seed)
        result = mosaic(**{**KEYS, "size": side, **keys})(sample, context)["image"][:2].float() / 2
        along = result.diff(dim=2).flatten(1), result.diff(dim=1).flatten(1)
        # From one picture to the next the ramp begins again.
        found += [[[float(row[row.abs() < 4].mean()) for row in part] for part in along]]
    return torch.tensor(found).mT


def test_degrees_turn_both_ways_up_to_their_bound():
    (xx, xy), (yx, yy) = slopes(degrees=30).permute(1, 2, 0)
    angles = torch.atan2(xy, xx).rad2deg()
    assert angles.abs().max() < 31
    assert angles.max() > 20
    assert angles.min() < -20
    assert torch.allclose(xy, -yx, atol=0.05)
    assert torch.allclose(xx, yy, atol=0.05)


def test_shear_slants_along_each_axis_by_draws_of_their_own():
    (xx, xy), (yx, yy) = slopes(shear=20).permute(1, 2, 0)
    both = torch.stack([xy / xx, yx / yy]).atan().rad2deg()
    assert both.abs().max() < 21
    assert (both.amax(1) > 12).all()
    assert (both.amin(1) < -12).all()
    assert torch.corrcoef(both)[0, 1].abs() < 0.5


def test_borders_have_the_colour_that_is_set():
    image = image_of(fill=[7, 50, 200], affine_scale=[0.2, 0.2])
    assert image[:, 0, 0].tolist() == image[:, -1, -1].tolist() == [7, 50, 200]


def test_the_overlay_follows_its_probability():
    mixed = dict.fromkeys((0.0, 0.5, 1.0), 0)
    for p in mixed:
        for seed in range(40):
            plain = image_of(seed)
            mixed[p] += not torch.equal(plain, image_of(seed, enable_mixup=True, mixup_prob=p))
    assert mixed[0.0] == 0
    assert mixed[1.0] > mixed[0.5] + 8 > 16


def test_the_overlay_is_scaled_within_its_range():
    """The object laid over is half as large as the frame that it is fitted into."""
    sides = {}
    for scale in (0.5, 1.0):
        widths = []
        for seed in range(30):
            torch.manual_seed(seed)
            count = len(mosaic(**KEYS)(fetch(0), at())["boxes"])
            torch.manual_seed(seed)
            keys = {**KEYS, "enable_mixup": True, "mixup_scale": [scale, scale]}
            boxes = mosaic(**keys)(fetch(0), at())["boxes"]
            widths += [float(box[2] - box[0]) for box in boxes[count:]]
        sides[scale] = max(widths)
    assert sides[0.5] == pytest.approx(sides[1.0] / 2, abs=1.5)
