"""Batches of every task: their form, and the same samples whatever loads them."""

import pickle

import pytest
import torch
from made_sources import TASKS, MadeSplit, make_target, prepare_made

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig
from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import build_dataset
from kubepresso.data.loader import build_loader, iterate
from kubepresso.data.sampler import EvaluationBatches, TrainingBatches
from kubepresso.errors import UserError

pytestmark = pytest.mark.usefixtures("worker_server")

COUNT = 24
ENTRIES = [
    {"name": "randomhorizontalflip", "p": 0.5},
    {"name": "colorjitter", "brightness": 0.4, "p": 1.0},
    {"name": "resize", "size": [16, 24]},
    {"name": "totensor"},
]


class Raw:
    """A recipe that changes nothing but the type of the image, and shows what it is told."""

    def __call__(self, sample, context):
        told = torch.tensor([context.seed, context.epoch, context.step, context.index, context.count])
        return {**sample, "image": sample["image"].to(torch.float32), "told": told}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One prepared folder a task."""
    root = tmp_path_factory.mktemp("loading")
    for task in TASKS:
        prepare_made(task, root / task, {"train": MadeSplit(task, COUNT), "valid": MadeSplit(task, 9, 100)})
    return {task: PreparedDataset.open(root / task) for task in TASKS}


def augmented(prepared):
    entries = AugmentationConfig.model_validate({"train": ENTRIES}).train
    context = BuildContext(prepared.manifest.task, 3, prepared.manifest.swap)
    return build_dataset(prepared, "train", build_recipe(entries, context), seed=5)


def parts(batch):
    """The samples of a batch by index, each as one list of tensors."""
    return {
        int(index): [torch.as_tensor(batch[name][row]) for name in sorted(batch) if name != "index"]
        for row, index in enumerate(batch["index"])
    }


def steps_of(dataset, workers, world_size, batch_size, epoch=1):
    """By step: the samples of all ranks."""
    steps = []
    for rank in range(world_size):
        batches = TrainingBatches(len(dataset), batch_size, 5, rank, world_size)
        batches.epoch = epoch
        for step, batch in enumerate(iterate(build_loader(dataset, batches, workers, "augmentation.train"))):
            steps += [{}] * (step == len(steps))
            steps[step] = {**steps[step], **parts(batch)}
    return steps


def equal(one, two):
    return len(one) == len(two) and all(
        a.keys() == b.keys()
        and all(torch.equal(x, y) for index in a for x, y in zip(a[index], b[index], strict=True))
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_same_samples_for_any_workers_and_ranks(task, folders):
    dataset = augmented(folders[task])
    alone = steps_of(dataset, 0, 1, 8)
    assert len(alone) == len(dataset) // 8 > 1
    assert equal(alone, steps_of(dataset, 2, 1, 8))
    assert equal(alone, steps_of(dataset, 0, 2, 4))
    assert not equal(alone, steps_of(dataset, 0, 1, 8, epoch=2))


FORMS = {
    "classification": {"label": (torch.int64, (4,))},
    "detection": {"boxes": torch.float32, "labels": torch.int64, "crowd": torch.bool},
    "segmentation": {"mask": (torch.uint8, (4, 16, 24))},
    "pose_estimation": {
        "boxes": (torch.float32, (4, 4)),
        "keypoints": (torch.float32, (4, 3, 2)),
        "visibility": (torch.int64, (4, 3)),
    },
}


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_has_the_form_that_tasks_expect(task, folders):
    dataset = augmented(folders[task])
    loader = build_loader(dataset, TrainingBatches(len(dataset), 4, 0), 0, "augmentation.train")
    batch = next(iter(loader))
    assert batch.keys() == {"image", "index", *FORMS[task]}
    assert (batch["image"].dtype, batch["image"].shape) == (torch.float32, (4, 3, 16, 24))
    for name, form in FORMS[task].items():
        if task == "detection":
            assert [value.dtype for value in batch[name]] == [form] * 4
        else:
            assert (batch[name].dtype, tuple(batch[name].shape)) == form
    if task == "detection":
        assert len({len(value) for value in batch["boxes"]}) > 1
        assert all(
            len(boxes) == len(labels) == len(crowd)
            for boxes, labels, crowd in zip(batch["boxes"], batch["labels"], batch["crowd"], strict=True)
        )


@pytest.mark.parametrize("task", TASKS)
def test_a_recipe_is_told_of_its_sample_and_can_fetch_others(task, folders):
    seen = {}

    def recipe(sample, context):
        seen["other"] = context.fetch(2)
        return Raw()(sample, context)

    dataset = build_dataset(folders[task], "train", recipe, seed=11)
    sample = dataset[7, 3, 9]
    assert sample["told"].tolist() == [11, 7, 9, 3, len(dataset)]
    assert torch.equal(seen["other"]["image"], dataset[0, 2, 0]["image"].to(torch.uint8))


def test_each_instance_is_a_sample_in_the_order_of_images(folders):
    dataset = build_dataset(folders["pose_estimation"], "train", Raw(), 0)
    expected = [
        (row, instance)
        for row in range(COUNT)
        for instance in range(len(make_target("pose_estimation", row).boxes))
    ]
    assert [dataset.locate(index) for index in range(len(dataset))] == expected
    for index, (row, instance) in enumerate(expected):
        target = make_target("pose_estimation", row)
        sample = dataset[0, index, 0]
        assert torch.equal(sample["boxes"][0], torch.tensor(target.boxes[instance], dtype=torch.float32))
        assert torch.equal(sample["visibility"].double(), torch.tensor(target.keypoints[instance, :, 2]))
    assert dataset.path(2) == "00002.png (instance 1)"
    with pytest.raises(IndexError):
        dataset[0, len(dataset), 0]


@pytest.mark.parametrize("task", TASKS)
def test_evaluation_sees_every_sample_once(task, folders):
    dataset = build_dataset(folders[task], "valid", Raw(), 0)
    seen = [
        index
        for rank in range(2)
        for batch in build_loader(
            dataset, EvaluationBatches(len(dataset), 4, rank, 2), 0, "augmentation.inference"
        )
        for index in batch["index"].tolist()
    ]
    assert sorted(seen) == list(range(len(dataset)))


@pytest.mark.parametrize("task", TASKS)
def test_a_pickled_data_set_carries_no_data(task, folders):
    dataset = build_dataset(folders[task], "train", Raw(), 0)
    len(dataset), dataset[0, 0, 0]
    assert len(pickle.dumps(dataset)) < 3000


class Grown:
    """A recipe whose images differ in size."""

    def __call__(self, sample, context):
        return {**sample, "image": torch.zeros(3, 8, 8 + context.index % 2)}


@pytest.mark.parametrize(
    ("task", "place"), [("detection", r"0000\d.png"), ("pose_estimation", r"png \(instance \d\)")]
)
def test_images_of_several_sizes_are_named(task, place, folders):
    dataset = build_dataset(folders[task], "train", Grown(), 0)
    loader = build_loader(dataset, EvaluationBatches(len(dataset), 4), 0, "augmentation.train")
    with pytest.raises(UserError, match=rf"augmentation.train: images of a batch .*{place} is \[3, 8, 8\]"):
        list(iterate(loader))
