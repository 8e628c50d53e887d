"""What must fit together across keys and modules."""

import pytest

from kubepresso.config import ConfigError, checks, load_config, parse_view

ERRORS = [
    (["augmentation.train=[]"], "augmentation.train: totensor is missing; the model takes float tensors"),
    (
        ["augmentation.train=[{name: normalize}, {name: totensor}]"],
        "augmentation.train.0: normalize must stand after totensor",
    ),
    (
        ["augmentation.train=[{name: totensor}, {name: hsvjitter}]"],
        "augmentation.train.1: hsvjitter must stand before totensor",
    ),
    (
        ["augmentation.train=[{name: totensor}, {name: totensor}]"],
        "augmentation.train.1: totensor a second time; remove one",
    ),
    (
        ["augmentation.inference=[{name: totensor}, {name: mixing, mixup: [1, 1]}]"],
        "augmentation.inference.1: mixing is for train only",
    ),
    (
        ["augmentation.train.0={name: mosaicdetection, size: 64}"],
        "augmentation.train.0.name: mosaicdetection is for detection, not for classification",
    ),
    (["augmentation.train.0={name: mixing}"], "augmentation.train.0: mixing needs mixup, cutmix or both"),
    (["data.path=null"], "data.path: missing; the format local reads it"),
    (["data.format=huggingface"], "data.metadata: missing; the format huggingface reads it"),
    (
        ["data.format=huggingface", "data.metadata={subset: x}"],
        "data.metadata.repo: missing; the format huggingface reads it",
    ),
    (
        ["data.id_mapping={a: x, b: x}", "data.layout=class_folders"],
        "data.id_mapping.b: the name 'x' is that of 'a' too",
    ),
    (
        ["logging.promotion.metric=top5_accuracy", "logging.metrics.metric_names=[top1_accuracy]"],
        "logging.promotion.metric: top5_accuracy is not measured; add it to logging.metrics.metric_names",
    ),
    (
        ["environment.distributed={launcher: local, nodes: 2}"],
        "environment.distributed.nodes: 2, but the launcher local has one node; set nodes: 1",
    ),
    (
        ["training.scheduler={name: multi_step, milestones: [6, 3]}"],
        "training.scheduler: milestones must ascend",
    ),
]


@pytest.mark.parametrize(("overrides", "expected"), ERRORS, ids=[case[1][:50] for case in ERRORS])
def test_error(complete_file, overrides, expected):
    with pytest.raises(ConfigError) as caught:
        load_config(complete_file, overrides)
    assert any(line.endswith(f": {expected}") for line in caught.value.problems), caught.value.problems


WARNINGS = [
    (
        ["training.epochs=20", "training.scheduler.iters_per_phase=7"],
        "17:298: training.scheduler.end_epoch: 90 is after the last epoch and is taken as 20",
    ),
    (
        ["training.epochs=3", "training.scheduler={name: cosine}"],
        "override 'training.scheduler={name: cosine}': training.scheduler.warmup_epochs: 5 "
        "leaves nothing after the warm-up of 3 epochs",
    ),
    (
        ["training.epochs=3", "training.scheduler={name: multi_step, milestones: [2, 5]}"],
        "training.scheduler.milestones: 5 is never reached in 3 epochs",
    ),
    (
        ["training.retraining={epochs: 2, scheduler: {name: step, end_epoch: 4}}"],
        "training.retraining.scheduler.end_epoch: 4 is after the last epoch and is taken as 2",
    ),
    (
        ["logging.model_save_options.sample_input_size=[512, 512]"],
        "logging.model_save_options.sample_input_size: is [512, 512], but "
        "augmentation.inference gives [224, 224]",
    ),
    (
        ["model.checkpoint={path: a.safetensors}"],
        "model.checkpoint.path: has no effect while use_pretrained is false",
    ),
    (
        ["model.checkpoint={optimizer_path: a.pth}"],
        "model.checkpoint.optimizer_path: has no effect: training resumes by itself from its own checkpoints",
    ),
    (
        ["model.checkpoint={load_head: true}"],
        "model.checkpoint.load_head: has no effect while use_pretrained is false",
    ),
    (
        ["augmentation.train=[{name: totensor}, {name: mixing, mixup: [1, 1], inplace: true}]"],
        "augmentation.train.1.inplace: has no effect: the result is the same",
    ),
    (
        ["augmentation.inference.1={name: randomcrop, size: 224}"],
        "augmentation.inference.1: randomcrop is random; results on one image will vary",
    ),
    (
        ["training.mixed_precision=true", "training.precision=fp32"],
        "training.precision: overrides mixed_precision: true",
    ),
]


@pytest.mark.parametrize(("overrides", "expected"), WARNINGS, ids=[case[1][:50] for case in WARNINGS])
def test_warning(complete_file, overrides, expected):
    (line,) = load_config(complete_file, overrides).warnings
    assert line.endswith(expected)


UNUSED = {
    "data.label_image_mode": "RGB",
    "data.palette": "[[0, 0, 0]]",
    "model.checkpoint.optimizer_path": "a.pth",
    "model.architecture.backbone.params.return_stage_idx": "[3]",
    "model.postprocessor.params.topk_max": "5",
    "logging.tensorboard": "false",
    "logging.mlflow": "true",
    "logging.num_save_samples": "4",
    "logging.image": "true",
    "augmentation.img_size": "[256, 512]",
    "logging.metrics.classwise_analysis": "true",
    "environment.cache_data": "true",
}


#: Of another task's head.
ELSEWHERE = {"model.architecture.head.params.num_anchors"}


def test_each_unused_key_that_is_set_is_told_once(complete_file):
    assert UNUSED.keys() | ELSEWHERE == checks.unused.UNUSED.keys()
    overrides = [f"{key}={value}" for key, value in UNUSED.items()]
    lines = load_config(complete_file, overrides).warnings
    assert len(lines) == len(UNUSED)
    for key in UNUSED:
        assert sum(f": {key}: has no effect: " in line for line in lines) == 1


def test_tasks_of_data_and_model_must_be_the_same(complete_file):
    view = parse_view(load_config(complete_file).to_yaml())
    other = view.model_copy(update={"model": view.model.model_copy(update={"task": "detection"})})
    finding = next(iter(checks.find(other)))
    assert finding.path == ("model", "task")
    assert finding.fatal


@pytest.mark.parametrize(
    ("recipe", "size"),
    [
        ("[{name: resize, size: 64}, {name: totensor}]", (64, 64)),
        ("[{name: resize, size: [64, 32]}, {name: pad, size: 48}, {name: totensor}]", (64, 48)),
        ("[{name: resize, size: 64, resize_criteria: long}, {name: totensor}]", None),
        (
            "[{name: resize, size: 64, resize_criteria: short}, {name: centercrop, size: 48}, "
            "{name: totensor}]",
            (48, 48),
        ),
        ("[{name: totensor}]", None),
    ],
)
def test_size_after_inference(complete_file, recipe, size):
    config = load_config(complete_file, [f"augmentation.inference={recipe}"])
    assert checks.recipes.final_size(config.augmentation.inference) == size
