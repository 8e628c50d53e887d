"""What is learnt from after a stop in mid-epoch is what would have come, transforms that end included."""

import pytest
import torch
from stops import job, stopped
from tiny_training import write_digits
from torchvision.io import encode_png
from whole_trainings import ALONE

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import parse_view
from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import build_dataset
from kubepresso.data.loader import build_loader, iterate
from kubepresso.data.manifest import Manifest
from kubepresso.data.sampler import TrainingBatches
from kubepresso.data.targets import Objects, codec_of
from kubepresso.data.workers import start_worker_server
from kubepresso.data.writer import SplitWriter
from kubepresso.tasks.classification import ClassificationTask
from kubepresso.training.run import train

EPOCHS, OFF, COUNT, BATCH = 4, 2, 13, 2
AUGMENTATION = """
augmentation:
  train:
    - {name: mosaicdetection, size: 32, mosaic_prob: 0.8, affine_scale: [0.5, 1.5], degrees: 10.0,
       translate: 0.1, shear: 2.0, enable_mixup: true, mixup_prob: 0.5, mixup_scale: [0.5, 1.5], fill: 114,
       mosaic_off_duration: 2}
    - {name: randomhorizontalflip, p: 0.5}
    - {name: randomresize, base_size: [32, 32], stride: 8, random_range: 1, interpolation: bilinear}
    - {name: totensor, pixel_range: 1.0}
  inference:
    - {name: totensor, pixel_range: 1.0}
"""


@pytest.fixture(scope="module")
def boxes(tmp_path_factory) -> PreparedDataset:
    """Thirteen noisy images with one to three boxes each."""
    folder = tmp_path_factory.mktemp("boxes")
    generator = torch.Generator().manual_seed(1)
    codec = codec_of("detection")
    writer = SplitWriter(folder, "train", codec, ["a", "b"])
    for index in range(COUNT):
        pixels = torch.randint(256, (3, 24, 24), generator=generator, dtype=torch.uint8)
        count = index % 3 + 1
        corners = torch.rand(count, 2, generator=generator) * 10
        placed = torch.cat([corners, corners + 12], 1).numpy().astype("float64")
        target = Objects(placed, (torch.arange(count) % 2).numpy(), torch.zeros(count).bool().numpy())
        image = encode_png(pixels).numpy().tobytes()
        writer.add(image, f"{index}.png", codec.encode(target), codec.counts(target, ["a", "b"]))
    Manifest("detection", ["a", "b"], {"train": writer.finish()}, "sha256:0", {}).write(folder)
    return PreparedDataset.open(folder)


def loader_of(boxes, workers, batches):
    entries = parse_view(AUGMENTATION).need("augmentation").train
    recipe = build_recipe(entries, BuildContext("detection", EPOCHS))
    return build_loader(build_dataset(boxes, "train", recipe, 5), batches, workers, "augmentation.train")


def samples(boxes, workers, stops=()) -> list[tuple]:
    """All batches of all epochs; at each stop, (epoch, steps done), loader and data set are built anew."""
    seen = []
    batches = TrainingBatches(COUNT, BATCH, seed=5)
    loader = loader_of(boxes, workers, batches)
    for epoch in range(EPOCHS):
        step = 0
        for stop in [*(steps for where, steps in stops if where == epoch), None]:
            batches.go_to(epoch, step, step * BATCH)
            for batch in iterate(loader):
                seen.append((epoch, step, batch))
                step += 1
                if step == stop:
                    break
            if stop is not None:
                batches = TrainingBatches(COUNT, BATCH, seed=5)
                loader = loader_of(boxes, workers, batches)
    return seen


def assert_same(one, other):
    assert [spot[:2] for spot in one] == [spot[:2] for spot in other]
    for (*_, mine), (*_, theirs) in zip(one, other, strict=True):
        assert torch.equal(mine["image"], theirs["image"])
        for name in ("boxes", "labels"):
            assert all(torch.equal(*pair) for pair in zip(mine[name], theirs[name], strict=True))


def test_a_mosaic_that_ends_gives_the_same_samples_on_both_sides_of_its_end(boxes):
    left_alone = samples(boxes, workers=0)
    stops = [(OFF - 1, 1), (OFF - 1, 5), (OFF, 1), (OFF, 4), (EPOCHS - 1, 2)]
    assert_same(left_alone, samples(boxes, 0, stops))
    shapes = {batch["image"].shape[-1] for _, _, batch in left_alone}
    assert len(shapes) == 3, "no other size by batch"
    boxes_of = [sum(map(len, batch["boxes"])) for _, _, batch in left_alone]
    steps = COUNT // BATCH
    assert sum(boxes_of[: OFF * steps]) > 1.3 * sum(boxes_of[OFF * steps :]), "no mosaic, or it did not end"


def test_workers_that_live_beyond_the_end_of_the_mosaic_give_the_same_samples(boxes):
    start_worker_server("kubepresso.augmentation")
    assert_same(samples(boxes, workers=0), samples(boxes, 1, stops=[(OFF - 1, 3)]))


MIXING = {"name": "mixing", "mixup": [0.4, 0.7], "cutmix": [1.0, 0.8], "inplace": False}
RECIPE = [
    {"name": "randomhorizontalflip", "p": 0.5},
    {"name": "totensor", "pixel_range": 1.0},
    MIXING,
]


@pytest.mark.parametrize("looks", [1, 8])
def test_mixed_batches_after_a_stop_are_those_that_would_have_come(tmp_path, monkeypatch, looks):
    """MixUp or CutMix, its share and its place, drawn once a batch: in mid-epoch, and in the next epoch."""
    digits = write_digits(tmp_path / "prepared")
    learnt, step = [], ClassificationTask.step

    def noted(self, model, batch):
        if model.training:
            learnt.append((batch["image"].clone(), batch["label"].clone()))
        return step(self, model, batch)

    monkeypatch.setattr(ClassificationTask, "step", noted)
    monkeypatch.setattr("kubepresso.training.run.write_bundle", lambda training, result: None)
    train(job(digits, tmp_path / "whole", augmentation__train=RECIPE), ALONE)
    whole, learnt[:] = list(learnt), []
    stopped(job(digits, tmp_path / "model", looks, augmentation__train=RECIPE))
    assert 0 < len(learnt) < len(whole)
    train(job(digits, tmp_path / "model", augmentation__train=RECIPE), ALONE)
    assert len(learnt) == len(whole) == 10
    for mine, theirs in zip(learnt, whole, strict=True):
        assert all(torch.equal(*pair) for pair in zip(mine, theirs, strict=True))
    shares = torch.cat([labels.max(1).values for _, labels in whole])
    assert (shares < 1).any()
