import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from kubepresso.config import DataConfig
from kubepresso.data.prepare import prepare
from kubepresso.errors import UserError
from kubepresso.steps import augmentation_trial, validate_augmentation

RESIZE = {"name": "resize", "size": [24, 24]}
TO_TENSOR = {"name": "totensor"}
NORMALIZE = {"name": "normalize"}
FLIP = {"name": "randomhorizontalflip", "p": 0.5}
PLAIN = [RESIZE, TO_TENSOR, NORMALIZE]
MODEL = {
    "task": "classification",
    "name": "tiny",
    "architecture": {
        "backbone": {"name": "resnet", "stage_params": [{"channels": 8, "num_blocks": 1}]},
        "head": {"name": "fc"},
    },
}


@pytest.fixture(autouse=True)
def short_measurement(monkeypatch):
    monkeypatch.setattr(augmentation_trial, "MEASURED_SECONDS", 0.2)


@pytest.fixture(scope="module")
def mixed_sizes(tmp_path_factory):
    """Two classes of noise, each image of another size; the middle is grey."""
    root = tmp_path_factory.mktemp("noise")
    generator = np.random.default_rng(0)
    for label in "ab":
        for split, count in (("train", 12), ("valid", 4)):
            (root / split / label).mkdir(parents=True)
            for n in range(count):
                pixels = generator.integers(0, 256, (40 + n, 48, 3), dtype=np.uint8)
                pixels[10:30, 10:38] = 128
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                (root / split / label / f"{n}.png").write_bytes(buffer.getvalue())
    data = DataConfig.model_validate({"task": "classification", "path": {"root": str(root)}})
    prepare(data, root, root / "prepared")
    return root / "prepared"


def run(dataset, tmp_path, train=PLAIN, inference=PLAIN, **checks):
    modules = {
        "model": MODEL,
        "augmentation": {"train": train, "inference": inference, "checks": checks},
        "environment": {"seed": 1, "num_workers": 1},
    }
    return validate_augmentation.run(
        config=json.dumps(modules), dataset=dataset, report=tmp_path / "report.html"
    )


def refused(dataset, tmp_path, **recipes):
    with pytest.raises(UserError) as caught:
        run(dataset, tmp_path, **recipes)
    page = (tmp_path / "report.html").read_text()
    assert "The recipes were refused" in page
    return caught.value.problems


def test_a_good_recipe_passes_with_figures_and_a_contact_sheet(mixed_sizes, tmp_path):
    train = [
        {"name": "randomresizedcrop", "size": 24},
        FLIP,
        TO_TENSOR,
        NORMALIZE,
        {"name": "mixing", "mixup": [5.0, 1.0]},
    ]
    summary = run(mixed_sizes, tmp_path, train, samples=10)
    assert summary.samples == 10
    assert summary.metrics()["images_per_second"] > 10
    assert summary.metrics()["needed_images_per_second"] > 10
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6 * 5 + 6 * 4 + 8
    shares = re.findall(r"<figcaption>(\w+) (\d+)%, (\w+) (\d+)%</figcaption>", page)
    assert {frozenset(name for name in row[::2]) for row in shares} == {frozenset("ab")}
    assert all(int(first) + int(second) == 100 for _, first, _, second in shares)
    assert "<b>5</b><span>transforms</span>" in page
    assert "1 randomhorizontalflip" in page


def test_sizes_that_differ_are_refused(mixed_sizes, tmp_path):
    (problem,) = refused(mixed_sizes, tmp_path, train=[TO_TENSOR, NORMALIZE])
    assert problem.startswith("augmentation.train: results have different shapes (3 x 40 x 48, 3 x ")
    assert "resize" in problem


@pytest.mark.parametrize("small", [1e-44, 1e-300])
def test_values_that_are_not_finite_are_refused_with_the_transform(mixed_sizes, tmp_path, small):
    broken = [RESIZE, TO_TENSOR, {"name": "normalize", "mean": [0, 0, 0], "std": [small, 1, 1]}]
    (problem,) = refused(mixed_sizes, tmp_path, train=broken)
    assert problem.startswith("augmentation.train[2] (normalize): results hold NaN or infinity")


def test_transforms_of_another_task_are_refused_with_their_places(mixed_sizes, tmp_path):
    crop = {"name": "randomioucrop"}
    assert refused(mixed_sizes, tmp_path, train=[crop, *PLAIN], inference=[RESIZE, crop, TO_TENSOR]) == [
        "augmentation.train[0] (randomioucrop): is for detection, not for classification; remove it",
        "augmentation.inference[1] (randomioucrop): is for detection, not for classification; remove it",
    ]


def test_blank_results_are_refused_with_the_transform(mixed_sizes, tmp_path):
    broken = [{"name": "centercrop", "size": 8}, TO_TENSOR]
    (problem,) = refused(mixed_sizes, tmp_path, inference=broken)
    assert problem.startswith("augmentation.inference[0] (centercrop): ")
    assert "come out blank" in problem


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([RESIZE, {"name": "totensor", "pixel_range": 255.0}, NORMALIZE], "values run from"),
        (
            [RESIZE, TO_TENSOR, {"name": "normalize", "mean": [120, 120, 120], "std": [60, 60, 60]}],
            "values hardly differ",
        ),
    ],
)
def test_a_mean_on_the_wrong_scale_is_refused(mixed_sizes, tmp_path, entries, expected):
    (problem,) = refused(mixed_sizes, tmp_path, train=entries)
    assert problem.startswith(f"augmentation.train[2] (normalize): {expected}")
    assert "pixel_range" in problem


def test_randomness_in_inference_is_refused(mixed_sizes, tmp_path):
    (problem,) = refused(mixed_sizes, tmp_path, inference=[RESIZE, FLIP, TO_TENSOR])
    assert "results change from epoch to epoch" in problem
    assert "augmentation.inference[1] (randomhorizontalflip)" in problem


def test_a_random_transform_without_effect_is_noted(mixed_sizes, tmp_path):
    summary = run(
        mixed_sizes,
        tmp_path,
        train=[RESIZE, {"name": "randomcrop", "size": 24}, TO_TENSOR],
        min_images_per_second=1.0,
    )
    assert len(summary.warnings) == 1
    assert "augmentation.train[1] (randomcrop)" in summary.warnings[0]


def test_all_problems_of_both_recipes_come_at_once(mixed_sizes, tmp_path):
    wrong_scale = {"name": "totensor", "pixel_range": 255.0}
    problems = refused(
        mixed_sizes, tmp_path, train=[wrong_scale, NORMALIZE], inference=[RESIZE, FLIP, TO_TENSOR, NORMALIZE]
    )
    assert [line.split(":")[0] for line in problems] == [
        "augmentation.train",
        "augmentation.train[1] (normalize)",
        "augmentation.inference",
    ]


@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_a_recipe_slower_than_asked_for(mixed_sizes, tmp_path, policy):
    checks = {"min_images_per_second": 1e9, "slow_pipeline": policy}
    if policy == "warn":
        (line,) = run(mixed_sizes, tmp_path, **checks).warnings
    else:
        (line,) = refused(mixed_sizes, tmp_path, **checks)
    assert line.startswith("augmentation.checks.min_images_per_second: 1e+09 are asked for")


def test_a_recipe_slower_than_the_training_is_noted(mixed_sizes, tmp_path, monkeypatch):
    monkeypatch.setattr(validate_augmentation, "measure_training_speed", lambda *_: 1e9)
    (line,) = run(mixed_sizes, tmp_path).warnings
    assert line.startswith("environment.num_workers: training takes in 1000000000 images/s on this machine")
