"""What a training cannot mean: schedules never run through, parts that are not there, sizes that differ."""

import pytest

from kubepresso.config import ConfigError, load_config

SCHEDULER = "training.scheduler"
OPTIONS = "logging.model_save_options"
GROUPS = "training.optimizer.overwrite"
AGAIN = "training.retraining"
#: Network, what is set, and the line that it must give.
WARNINGS = [
    (
        "resnet_fc",
        [f"{SCHEDULER}={{name: step, iters_per_phase: 10}}"],
        f"{SCHEDULER}.iters_per_phase: 10 is never reached in 10 epochs: the rate stays as it is",
    ),
    (
        "resnet_fc",
        [f"{SCHEDULER}={{name: step, iters_per_phase: 7, end_epoch: 6}}"],
        f"{SCHEDULER}.iters_per_phase: 7 is never reached in 10 epochs: the rate stays as it is",
    ),
    (
        "resnet_fc",
        [f"{SCHEDULER}={{name: cosine, iters_per_phase: 10, warmup_epochs: 3}}"],
        f"{SCHEDULER}.iters_per_phase: 10 is more than the 7 epochs after the warm-up: the rate does not "
        "fall to its end",
    ),
    (
        "resnet_fc",
        ["training.optimizer={lr: 1.e-6}"],
        f"{SCHEDULER}.min_lr: 1e-05 is greater than the learning rate, 1e-06, which then never falls",
    ),
    (
        "resnet_fc",
        [f"{AGAIN}={{optimizer: {{lr: 1.e-6}}}}"],
        f"{SCHEDULER}.min_lr: 1e-05 is greater than the learning rate, 1e-06, which then never falls",
    ),
    (
        "resnet_fc",
        [f"{AGAIN}={{scheduler: {{name: poly, min_lr: 1}}}}"],
        f"{AGAIN}.scheduler.min_lr: 1 is greater than the learning rate, 6e-05, which then never falls",
    ),
    (
        "resnet_fc",
        ["model.freeze_backbone=true", f"{GROUPS}=[{{param_group: backbone, lr: 0.1}}]"],
        f"{GROUPS}.0.param_group: has no effect: model.freeze_backbone is true",
    ),
    (
        "resnet_fc",
        ["training.epochs=40", f"{OPTIONS}.validation_epoch=50"],
        f"{OPTIONS}.validation_epoch: 50 validates after the first and the last of 40 epochs only",
    ),
]
TRAIN = "augmentation.train"
MOSAIC = "{name: mosaicdetection, size: 64, mosaic_off_duration: 2}"
NO_MOSAIC = "{name: mosaicdetection, size: 64, mosaic_off_duration: 0, mosaic_prob: 0}"
APART = (
    "images of different sizes follow, which no batch can hold; give them one size, such as by resize or crop"
)
SHORT = "{name: resize, size: 64, resize_criteria: short}"


def recipe(*entries):
    return f"{TRAIN}=[{', '.join([*entries, '{name: totensor}'])}]"


WARNINGS += [
    (
        "resnet_fc",
        ["model.freeze_backbone=true"],
        "model.freeze_backbone: true keeps the backbone's random weights; set "
        "model.checkpoint.use_pretrained: true",
    ),
    ("resnet_fc", [recipe(SHORT)], f"{TRAIN}.0: {APART}"),
    ("segformer", [recipe(SHORT, "{name: pad, size: 64}")], f"{TRAIN}.0: {APART}"),
    ("yolox", [recipe(MOSAIC)], f"{TRAIN}.0: {APART}"),
    ("yolox", [recipe("{name: resize, size: 64}", "{name: randomioucrop}")], f"{TRAIN}.1: {APART}"),
    ("yolox", [recipe("{name: resize, size: 64}", "{name: randomzoomout, p: 1}")], f"{TRAIN}.1: {APART}"),
    ("segformer", [recipe("{name: randomresize2, base_size: [64, 64]}")], f"{TRAIN}.0: {APART}"),
    (
        "resnet_fc",
        ["augmentation.inference.1.pixel_range=255"],
        "augmentation.inference.1.pixel_range: is 255, but that of augmentation.train is 1",
    ),
    (
        "vit_fc",
        ["augmentation.inference.0.size=[250, 256]"],
        "augmentation.inference.0: 250x256 is no multiple of the patches' side of 16, such as 240x256 or "
        "256x256",
    ),
    (
        "yolox",
        ["model.architecture.neck=null"],
        "model.architecture.head.name: anchor_free_decoupled_head is made for features that a neck joins",
    ),
]
ERRORS = [
    (
        "yolo_fastest",
        ["model.architecture.neck=null"],
        "model.architecture.head.name: yolo_fastest_head_v2 needs a neck that gives features of one width",
    ),
    (
        "resnet_fc",
        [f"{GROUPS}=[{{param_group: neck, lr: 0.1}}]"],
        f"{GROUPS}.0.param_group: the model has no neck; it has backbone and head",
    ),
    (
        "pidnet",
        [f"{GROUPS}=[{{param_group: head, lr: 0.1}}]"],
        f"{GROUPS}.0.param_group: the model has no head; pidnet is not made of parts",
    ),
    (
        "yolox",
        [f"{GROUPS}=[{{param_group: neck, lr: 0.1}}, {{param_group: head}}, {{param_group: Neck, lr: 0.2}}]"],
        f"{GROUPS}.2.param_group: neck stands in 0 too",
    ),
    (
        "pidnet",
        ["model.freeze_backbone=true"],
        "model.freeze_backbone: the model has no backbone; pidnet is not made of parts",
    ),
]
#: What is meant, and is told nothing.
FINE = [
    ("resnet_fc", [f"{SCHEDULER}={{name: step, iters_per_phase: 9}}"]),
    ("resnet_fc", [f"{SCHEDULER}={{name: cosine, iters_per_phase: 7, warmup_epochs: 3}}"]),
    ("resnet_fc", ["training.optimizer={lr: 1.e-5}"]),
    ("resnet_fc", [f"{AGAIN}={{optimizer: {{weight_decay: 0}}}}"]),
    ("resnet_fc", ["training.epochs=6"]),
    ("resnet_fc", [recipe()]),
    ("resnet_fc", [recipe("{name: pad, size: 64}")]),
    ("resnet_fc", [recipe(SHORT, "{name: centercrop, size: 64}")]),
    ("resnet_fc", [recipe(SHORT), "environment.batch_size=1"]),
    ("segformer", [recipe("{name: randomresize2, base_size: [64, 64]}", "{name: randomcrop, size: 64}")]),
    ("yolox", [recipe(MOSAIC, "{name: resize, size: 64}")]),
    ("yolox", [recipe("{name: resize, size: 64}", NO_MOSAIC, "{name: randomzoomout, p: 0}")]),
    ("yolox", [recipe(MOSAIC, "{name: randomresize, base_size: [128, 128], random_range: 1}")]),
    ("vit_fc", ["augmentation.inference.0.size=[240, 256]", f"{OPTIONS}.sample_input_size=[240, 256]"]),
    ("resnet_fc", [f"{GROUPS}=[{{param_group: backbone, lr: 0.1}}, {{param_group: head}}]"]),
    (
        "resnet_fc",
        [
            "model.freeze_backbone=true",
            "model.checkpoint.use_pretrained=true",
            f"{GROUPS}=[{{param_group: head, lr: 0.1}}]",
        ],
    ),
    ("yolox", [f"{GROUPS}=[{{param_group: neck, lr: 0.1}}]"]),
    ("resnet_fc", ["training.epochs=11"]),
]


def ends_with(lines, expected):
    return any(line.endswith(f": {expected}") for line in lines)


@pytest.mark.parametrize(("name", "overrides", "expected"), WARNINGS, ids=[case[2][:60] for case in WARNINGS])
def test_warning(network_files, name, overrides, expected):
    lines = load_config(network_files[name], overrides).warnings
    assert ends_with(lines, expected), lines


@pytest.mark.parametrize(("name", "overrides", "expected"), ERRORS, ids=[case[2][:60] for case in ERRORS])
def test_error(network_files, name, overrides, expected):
    with pytest.raises(ConfigError) as caught:
        load_config(network_files[name], overrides)
    assert ends_with(caught.value.problems, expected), caught.value.problems


@pytest.mark.parametrize(("name", "overrides"), FINE, ids=str)
def test_no_warning(network_files, name, overrides):
    assert load_config(network_files[name], overrides).warnings == ()
