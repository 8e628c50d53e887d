"""validate_augmentation on boxes, masks and poses, as the pipeline runs it."""

import json
import re

import pytest
import torch
from drawn_scenes import CLASSES, prepare_scenes

from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import build_dataset
from kubepresso.errors import UserError
from kubepresso.steps import augmentation_trial, validate_augmentation
from kubepresso.steps.trial_samples import choose_samples

MODEL = {
    "task": "classification",
    "name": "tiny",
    "architecture": {
        "backbone": {"name": "resnet", "stage_params": [{"channels": 8, "num_blocks": 1}]},
        "head": {"name": "fc"},
    },
}
END = [{"name": "totensor"}, {"name": "normalize"}]
FLIP = {"name": "randomhorizontalflip"}
RESIZE = {"name": "resize", "size": [96, 128]}
MOSAIC = {"name": "mosaicdetection", "size": [128, 128], "mixup_scale": [0.5, 1.0]}
SQUARE = [
    {"name": "resize", "size": 128, "resize_criteria": "long"},
    {"name": "pad", "size": 128, "fill": 114},
]
STILL = {"scale_prob": 0, "translate_prob": 0, "rotation_prob": 0}
TOP_DOWN = {"name": "posetopdownaffine", "size": [96, 96]}
GOOD = {
    "detection": (
        [
            MOSAIC,
            {"name": "hsvjitter"},
            FLIP,
            *SQUARE,
            {"name": "randomresize", "base_size": [224, 224]},
            *END,
        ],
        [*SQUARE, *END],
    ),
    "segmentation": (
        [{"name": "randomresizedcrop", "size": 96, "scale": [0.5, 1.0]}, FLIP, *END],
        [RESIZE, *END],
    ),
    "pose_estimation": ([FLIP, TOP_DOWN, *END], [{**TOP_DOWN, **STILL}, *END]),
}


@pytest.fixture(autouse=True)
def short_measurement(monkeypatch):
    monkeypatch.setattr(augmentation_trial, "MEASURED_SECONDS", 0.1)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return {task: prepare_scenes(task, folder / task) for task in GOOD}


def run(scenes, tmp_path, task, train=None, inference=None, **checks):
    modules = {
        "model": MODEL,
        "augmentation": {
            "train": train or GOOD[task][0],
            "inference": inference or GOOD[task][1],
            "checks": {"samples": 6, **checks},
        },
        "environment": {"seed": 1, "num_workers": 1},
    }
    return validate_augmentation.run(
        config=json.dumps(modules), dataset=scenes[task], report=tmp_path / "report.html"
    )


def refused(scenes, tmp_path, task, **recipes):
    with pytest.raises(UserError) as caught:
        run(scenes, tmp_path, task, **recipes)
    assert "The recipes were refused" in (tmp_path / "report.html").read_text()
    return caught.value.problems


def colours_of(page, task):
    """The colour of each class in a page's legend, whichever report it is."""
    found = {
        name: set(re.findall(rf"background: (#\w{{6}})[^>]*>(?:</span>)?(?:\d )?{name}</span>", page))
        for name in CLASSES[task]
    }
    assert all(len(colours) == 1 for colours in found.values()), found
    return found


@pytest.mark.parametrize("task", list(GOOD))
def test_good_recipes_pass_with_figures_and_drawn_targets(scenes, tmp_path, task):
    summary = run(scenes, tmp_path, task)
    train, inference = GOOD[task]
    metrics = summary.metrics()
    assert "needed_images_per_second" not in metrics
    assert metrics["lost.inference"] == 0
    assert {f"lost.train.{n}_{entry['name']}" for n, entry in enumerate(train)} <= metrics.keys()
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 4 * (2 + len(train) + len(inference))
    assert "What is lost" in page
    assert f"no model for {task} can be trained yet" in page
    assert colours_of(page, task) == colours_of(scenes[task].with_suffix(".html").read_text(), task)


def test_a_loss_at_inference_is_noted_with_its_share(scenes, tmp_path):
    crop = {"name": "centercrop", "size": [84, 128]}
    summary = run(scenes, tmp_path, "detection", inference=[crop, *END])
    (line,) = [line for line in summary.warnings if "centercrop" in line]
    assert line.startswith("augmentation.inference[0] (centercrop): loses ")
    assert "no metric will see them" in line
    assert summary.metrics()["lost.inference.0_centercrop"] > 0


def test_a_crop_that_loses_everything_is_refused(scenes, tmp_path):
    corner = [{"name": "pad", "size": [900, 900]}, {"name": "centercrop", "size": [64, 64]}, *END]
    problems = refused(scenes, tmp_path, "detection", inference=corner)
    assert any(
        line.startswith("augmentation.inference[1] (centercrop): loses all boxes") for line in problems
    )


def test_a_recipe_that_leans_on_mosaic_for_its_size_is_refused(scenes, tmp_path):
    problems = refused(scenes, tmp_path, "detection", train=[MOSAIC, FLIP, *END])
    assert len(problems) == 1
    assert "results have different shapes" in problems[0]
    assert problems[0].endswith("(in the last epochs, without mosaicdetection)")


class Forgetful:
    """A flip that forgets everything but the image."""

    def __call__(self, sample, context):
        mirror = torch.rand(1) < 0.5
        return {**sample, "image": sample["image"].flip(-1) if mirror else sample["image"]}


@pytest.mark.parametrize("task", list(GOOD))
def test_a_transform_that_forgets_the_targets_is_refused(scenes, tmp_path, task, monkeypatch):
    monkeypatch.setitem(TRANSFORMS._all(), "randomhorizontalflip", lambda entry, context: Forgetful())
    start = {"detection": SQUARE, "segmentation": [RESIZE], "pose_estimation": [RESIZE]}[task]
    (problem,) = refused(scenes, tmp_path, task, train=[*start, FLIP, *END])
    assert problem.startswith(f"augmentation.train[{len(start)}] (randomhorizontalflip): ")
    assert "do not go where the pixels go" in problem


def test_problems_of_both_recipes_come_at_once(scenes, tmp_path):
    problems = refused(
        scenes, tmp_path, "segmentation", train=[FLIP, *END], inference=[RESIZE, FLIP, {"name": "totensor"}]
    )
    assert [line.split(":")[0] for line in problems] == ["augmentation.train", "augmentation.inference"]


@pytest.mark.parametrize("task", list(GOOD))
def test_every_class_is_tried_where_that_can_be_had(scenes, task):
    prepared = PreparedDataset.open(scenes[task])
    dataset = build_dataset(prepared, "train", None, 0)
    chosen = choose_samples(prepared, dataset, 4)
    assert len(set(chosen)) == 4
    key = {"detection": "labels", "segmentation": "mask", "pose_estimation": "visibility"}[task]
    samples = [dataset.fetch(index)[key] for index in chosen]
    if task == "pose_estimation":
        assert (torch.stack(samples) > 0).any(0).all()
    else:
        assert set(torch.cat([values.flatten() for values in samples]).tolist()) == set(
            range(len(CLASSES[task]))
        )
