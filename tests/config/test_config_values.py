"""Every key with values that must be taken, and with values that must not, to the exact line."""

import pytest

from kubepresso.config import ConfigError, load_config

TAKEN = [
    ("data.task=Classification", "classification"),
    ("data.format=LOCAL", "local"),
    ("data.id_mapping=[0, 1]", ("0", "1")),
    ("data.id_mapping={0: cat, 1: dog}", {"0": "cat", "1": "dog"}),
    ("data.id_mapping=names.json", "names.json"),
    ("data.id_mapping=null", None),
    ("data.label_image_mode=rgb", "RGB"),
    *((f"data.layout={name}", name) for name in ("class_folders", "csv_labels", "image_folder", "parquet")),
    ("data.layout=null", None),
    ("data.checks.missing_labels=refuse", "refuse"),
    ("data.checks.near_duplicates_across_splits=ignore", "ignore"),
    ("data.checks.drift=refuse", "refuse"),
    ("data.path.pattern.label='(.*)_mask[.]png'", "(.*)_mask[.]png"),
    ("data.palette=[[0, 0, 0], [255, 0, 0]]", ((0, 0, 0), (255, 0, 0))),
    ("data.path.pattern.image='.*[.]png'", ".*[.]png"),
    ("data.path.valid.label=null", None),
    ("data.path.root=s3://bucket/digits", "s3://bucket/digits"),
    ("data.checks.corrupt_images=skip", "skip"),
    ("data.checks.duplicates_across_splits=refuse", "refuse"),
    ("data.checks.empty_classes=warn", "warn"),
    ("data.checks.invalid_labels=skip", "skip"),
    ("augmentation.checks.samples=4", 4),
    ("augmentation.checks.min_images_per_second=100", 100.0),
    ("augmentation.checks.slow_pipeline=refuse", "refuse"),
    ("augmentation.train.0.size=[32, 48]", (32, 48)),
    ("augmentation.train.0.name=RandomResizedCrop", "randomresizedcrop"),
    ("augmentation.train.0.interpolation=Bicubic", "bicubic"),
    ("augmentation.train.2.pixel_range=255", 255.0),
    ("model.name=anything", "anything"),
    ("model.freeze_backbone=true", True),
    ("model.postprocessor.params=null", None),
    ("model.postprocessor.params.topk_max=5", 5),
    ("model.checkpoint.path=weights.safetensors", "weights.safetensors"),
    ("model.checkpoint.load_head=true", True),
    ("model.architecture.backbone.params.block_type=bottleneck", "bottleneck"),
    ("model.architecture.backbone.params.norm_type=instance_norm", "instance_norm"),
    ("model.architecture.backbone.params.return_stage_idx=[0, 3]", (0, 3)),
    ("model.architecture.backbone.stage_params.1.replace_stride_with_dilation=true", True),
    ("model.architecture.head.params.dropout_prob=0.2", 0.2),
    ("model.architecture.head.params.act_type=Hard_Swish", "hard_swish"),
    ("model.losses.0.weight=0.5", 0.5),
    ("model.losses.0.label_smoothing=0", 0.0),
    ("model.compression.method=pr_l2", "PR_L2"),
    ("model.compression.ratio=0.3", 0.3),
    ("model.compression.round_to=16", 16),
    ("model.compression.ignore_layers=[head.fc]", ("head.fc",)),
    ("training.precision=BF16", "bf16"),
    ("training.max_norm=1", 1.0),
    ("training.optimizer.lr=1e-5", 1e-5),
    ("training.optimizer.weight_decay=0", 0.0),
    ("training.scheduler.end_epoch=null", None),
    ("training.retraining.epochs=3", 3),
    ("training.retraining.optimizer.lr=1.e-3", 1e-3),
    ("logging.project_id=mine", "mine"),
    ("logging.project_id='Ziffern 2.1-größer'", "Ziffern 2.1-größer"),
    ("logging.num_save_samples=null", None),
    ("logging.metrics.metric_names=[Top1_Accuracy]", ("top1_accuracy",)),
    ("logging.model_save_options.best_model_criterion=metric", "metric"),
    ("logging.model_save_options.save_checkpoint_epoch=20", 20),
    ("logging.promotion.minimum=0.9", 0.9),
    ("logging.promotion.max_size_ratio=0.8", 0.8),
    ("logging.promotion.max_latency_ms=5", 5.0),
    ("environment.seed=null", 1),
    ("environment.num_workers=0", 0),
    ("environment.gpus='0, 1'", "0, 1"),
    ("environment.cache_data=true", True),
    ("environment.distributed.nodes=1", 1),
    ("environment.distributed.processes_per_node=4", 4),
]


def reach(value, dotted):
    for key in dotted.split("."):
        value = value[int(key)] if key.isdigit() else getattr(value, key)
    return value


@pytest.mark.parametrize(("override", "expected"), TAKEN, ids=[case[0] for case in TAKEN])
def test_value_is_taken(complete_file, override, expected):
    value = reach(load_config(complete_file, [override]), override.partition("=")[0])
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("name", ["adamw", "adam", "adamax", "adadelta", "adagrad", "rmsprop", "sgd"])
def test_optimizers_need_only_their_name(complete_file, name):
    config = load_config(complete_file, [f"training.optimizer={{name: {name}}}"])
    assert config.training.optimizer.name == name
    assert config.training.optimizer.lr == 6e-5


SCHEDULERS = {
    "step": "iters_per_phase: 3, gamma: 0.1, end_epoch: 9",
    "poly": "warmup_epochs: 1, warmup_bias_lr: 1e-5, min_lr: 1e-5, power: 2, end_epoch: 9",
    "cosine_no_sgdr": "warmup_epochs: 1, warmup_bias_lr: 1e-5, min_lr: 1e-5, end_epoch: 9",
    "cosine": "warmup_epochs: 1, warmup_bias_lr: 1e-5, min_lr: 1e-5, iters_per_phase: 3",
    "multi_step": "milestones: [3, 6], gamma: 0.1",
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(complete_file, name):
    config = load_config(complete_file, [f"training.scheduler={{name: {name}, {SCHEDULERS[name]}}}"])
    assert config.training.scheduler.name == name


def test_absent_names_of_optimizer_and_scheduler_have_defaults(complete_file):
    config = load_config(complete_file, ["training={epochs: 9}"])
    assert (config.training.optimizer.name, config.training.scheduler.name) == ("adamw", "cosine_no_sgdr")
    config = load_config(complete_file, ["training.optimizer={lr: 0.5}"])
    assert config.training.optimizer.name == "adamw"


TRANSFORMS = [
    "{name: centercrop, size: 8}",
    "{name: colorjitter, brightness: 0.25, contrast: [0.5, 2], saturation: 0, hue: 0.1, p: 0.5}",
    "{name: hsvjitter, h_mag: 5, s_mag: 30, v_mag: 30}",
    "{name: pad, size: [8, 9], fill: 114}",
    "{name: randomcrop, size: 8, fill: [1, 2, 3]}",
    "{name: randomverticalflip, p: 0}",
    "{name: randomresize, base_size: [320, 320], stride: 32, random_range: 5, interpolation: bilinear}",
    "{name: randomresize2, base_size: [64, 64], random_range: [0.5, 2.0], interpolation: nearest}",
    "{name: randomzoomout, fill: 0, side_range: [1, 4], p: 0.5}",
    "{name: resize, size: 64, interpolation: bicubic, max_size: 80, resize_criteria: short}",
    "{name: trivialaugmentwide, num_magnitude_bins: 31, interpolation: bilinear, fill: null}",
    "{name: autoaugment, policy: cifar10, interpolation: bilinear, fill: 128}",
]


@pytest.mark.parametrize("entry", TRANSFORMS)
def test_transforms(complete_file, entry):
    override = f"augmentation.train=[{entry}, {{name: totensor}}, {{name: normalize}}]"
    assert load_config(complete_file, [override]).augmentation.train[0].name in entry


def test_transforms_after_totensor(complete_file):
    erasing = (
        "{name: randomerasing, p: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: null, inplace: false}"
    )
    mixing = "{name: mixing, mixup: [0.2, 1.0], cutmix: null, inplace: false}"
    config = load_config(complete_file, [f"augmentation.train=[{{name: totensor}}, {erasing}, {mixing}]"])
    assert config.augmentation.train[1].value == "random"
    assert config.augmentation.train[2].mixup == (0.2, 1.0)


def test_mobilenetv3(complete_file):
    stage = (
        "{in_channels: [16, 24], kernel_sizes: [3, 3], expanded_channels: [72, 88], out_channels: [24, 24], "
        "use_se: [false, true], act_type: [relu, hard_swish], stride: [2, 1]}"
    )
    backbone = f"model.architecture.backbone={{name: mobilenetv3, params: null, stage_params: [{stage}]}}"
    assert load_config(complete_file, [backbone]).model.architecture.backbone.stage_params[0].stride == (2, 1)
    with pytest.raises(ConfigError, match="all lists of a stage must have one length, found in_channels 2"):
        load_config(complete_file, [backbone.replace("[2, 1]", "[2]")])


def test_the_old_spelling_is_read_and_the_right_one_written(tmp_path, complete_text):
    path = tmp_path / "old.yaml"
    path.write_text(complete_text.replace("format: local,", "format: local, pallete: [[1, 2, 3]],"))
    config = load_config(str(path))
    assert config.data.palette == ((1, 2, 3),)
    assert "palette:" in config.to_yaml()
    assert "pallete" not in config.to_yaml()


# Text of the complete file, what takes its place with ^ where the problem must point, and what must be said.
WRONG = [
    ("epochs: 90,", "epochs: ^0,", "training.epochs: must be at least 1, found 0"),
    ("epochs: 90,", "epochs: ^1.5,", "training.epochs: must be an integer, found 1.5"),
    ("epochs: 90,", "epochs: ^'90',", 'training.epochs: must be an integer, found "90"; remove the quotes'),
    ("epochs: 90,", "epochs: ^true,", "training.epochs: must be an integer, found true"),
    ("epochs: 90,", "epochs: ^null,", "training.epochs: must be an integer, found null"),
    (
        "epochs: 90,",
        "^epoch: 90,",
        "training.epoch: unknown key; allowed: epochs, mixed_precision, precision, ema, max_norm, optimizer, "
        "scheduler, retraining, checkpoints, deterministic; did you mean 'epochs'?",
    ),
    ("lr: 0.1", "lr: ^-0.1", "training.optimizer.lr: must be at least 0, found -0.1"),
    ("lr: 0.1", "lr: ^.inf", "training.optimizer.lr: must be a finite number, found Infinity"),
    ("lr: 0.1", "lr: ^[0.1]", "training.optimizer.lr: must be a number, found [0.1]"),
    (
        "name: sgd",
        "name: ^sdg",
        'training.optimizer.name: "sdg" is not known; allowed: adamw, adam, adamax, adadelta, '
        "adagrad, rmsprop, "
        "sgd; did you mean 'sgd'?",
    ),
    (
        "momentum: 0.9",
        "^momentun: 0.9",
        "training.optimizer.momentun: unknown key; allowed: name, lr, weight_decay, no_bias_decay, "
        "no_norm_weight_decay, overwrite, momentum, nesterov; did you mean 'momentum'?",
    ),
    ("nesterov: false", "nesterov: ^0", "training.optimizer.nesterov: must be true or false, found 0"),
    (
        "optimizer: {name: sgd, lr: 0.1, momentum: 0.9, weight_decay: 0.0001, nesterov: false",
        "optimizer: ^{name: sgd, nesterov: true",
        "training.optimizer: nesterov needs momentum greater than 0",
    ),
    ("batch_size: 32", "batch_size: ^big", 'environment.batch_size: must be an integer, found "big"'),
    (
        "gpus: 0",
        "gpus: ^0.5",
        'environment.gpus: must be an index or a list in quotes, for example 0 or "0, 1", found 0.5',
    ),
    ("gpus: 0", "gpus: ^'a'", 'environment.gpus: must be numbers with commas, for example "0, 1", found "a"'),
    (
        "task: classification, format",
        "task: ^clasification, format",
        'data.task: "clasification" is not allowed; allowed: classification, detection, segmentation, '
        "pose_estimation; did you mean 'classification'?",
    ),
    (
        "id_mapping: [cat, dog]",
        "id_mapping: ^3",
        "data.id_mapping: must be a list of class names, a list of keypoints, a mapping of "
        "label or colour to name, the path of a JSON file, or "
        "null, found 3",
    ),
    (
        "format: local,",
        "format: local, layout: ^voc2,",
        'data.layout: "voc2" is not allowed; allowed: class_folders, csv_labels, image_folder, parquet, '
        "yolo, coco, voc, masks, keypoints_txt, coco_keypoints, coco_panoptic; did you mean 'voc'?",
    ),
    (
        "format: local,",
        "format: local, layout: ^voc,",
        "data.layout: voc holds no labels for classification; allowed: class_folders, csv_labels, "
        "image_folder, parquet, or null",
    ),
    (
        "id_mapping: [cat, dog]",
        "id_mapping: [{name: cat, ^swop: dog}]",
        "data.id_mapping.0.swop: unknown key; allowed: name, swap, color, type; did you mean 'swap'?",
    ),
    (
        "id_mapping: [cat, dog]",
        "id_mapping: [{name: cat, color: [0, 0, ^256]}]",
        "data.id_mapping.0.color.2: must be at most 255, found 256",
    ),
    (
        "id_mapping: [cat, dog]",
        "layout: class_folders, id_mapping: [cat, ^cat]",
        "data.id_mapping.1: the name 'cat' is that of 0 too",
    ),
    ("name: mine", "name: ^7", "data.name: must be text, found 7; put it in quotes"),
    (
        "size: [256, 256]",
        "size: ^[256]",
        "augmentation.inference.0.size: must have at least 2 items, found 1",
    ),
    (
        "mean: [0.485, 0.456, 0.406]",
        "mean: ^[0.5]",
        "augmentation.train.3.mean: must have at least 3 items, found 1",
    ),
    (
        "pixel_range: 1.0",
        "pixel_range: ^2",
        "augmentation.train.2.pixel_range: must be 1.0 or 255.0, found 2",
    ),
    (
        "name: step",
        "name: ^null",
        "training.scheduler.name: null is not known; allowed: step, poly, cosine_no_sgdr, cosine, multi_step",
    ),
    (
        "size: [256, 256]",
        "size: ^[256, 256, 3]",
        "augmentation.inference.0.size: must have at most 2 items, found 3",
    ),
    (
        "size: [256, 256]",
        "size: ^big",
        'augmentation.inference.0.size: must be an integer or a list [height, width], found "big"',
    ),
    ("size: [256, 256]", "size: [256, ^0]", "augmentation.inference.0.size.1: must be at least 1, found 0"),
    (
        "scale: [0.08, 1.0]",
        "scale: ^[1.5, 1.0]",
        "augmentation.train.0.scale: the first number must not be greater than the second, found [1.5, 1.0]",
    ),
    ("p: 0.5", "p: ^1.5", "augmentation.train.1.p: must be at most 1, found 1.5"),
    (
        "{name: randomhorizontalflip, ",
        "^{",
        "augmentation.train.1.name: missing; it says which entry this is",
    ),
    (
        "{name: centercrop, size: 224}",
        "^{name: centercrop}",
        "augmentation.inference.1.size: missing; add it (Side of a square, or `[height, width]`)",
    ),
    (
        "block_type: basicblock",
        "block_type: ^basic",
        'model.architecture.backbone.params.block_type: "basic" is not allowed; allowed: '
        "basicblock, bottleneck; "
        "did you mean 'basicblock'?",
    ),
    (
        "{channels: 64, num_blocks: 2}",
        "^{channels: 64}",
        "model.architecture.backbone.stage_params.0.num_blocks: missing; add it (Blocks)",
    ),
    (
        "params: {num_layers: 1",
        "params: ^{num_layers: 2",
        "model.architecture.head.params: intermediate_channels is missing: two layers or more need it",
    ),
    (
        "full: null",
        "^full: {name: pidnet}",
        "model.architecture: full is a whole network; leave out backbone and head, or full",
    ),
    (
        "criterion: cross_entropy",
        "criterion: ^crossentropy",
        'model.losses.0.criterion: "crossentropy" is not known; allowed: cross_entropy, focal_loss, '
        "seg_cross_entropy, pidnet_loss, yolox_loss, yolofastest_loss, yolov9_loss, retinanet_loss, "
        "detr_loss, rtmcc_loss; did you mean 'cross_entropy'?",
    ),
    (
        "losses: [{criterion: cross_entropy, label_smoothing: 0.1, weight: null}]",
        "losses: ^[]",
        "model.losses: must have at least 1 item, found 0",
    ),
    (
        "label_smoothing: 0.1",
        "label_smoothing: ^2",
        "model.losses.0.label_smoothing: must be at most 1, found 2",
    ),
    (
        "model_save_options: {save_optimizer_state: true",
        "model_save_options: ^{validation_epoch: 10, save_checkpoint_epoch: 15}, metrics: "
        "{classwise_analysis: true}}\n"
        "# {",
        "logging.model_save_options: save_checkpoint_epoch must be a multiple of validation_epoch, "
        "found 15 and 10",
    ),
    (
        "metric_names: null",
        "metric_names: [^top5]",
        'logging.metrics.metric_names.0: "top5" is not allowed; allowed: top1_accuracy, top5_accuracy, '
        "miou, pixel_accuracy, map50, map75, map50_95, precision50, recall50, pck",
    ),
    (
        "path: null, optimizer_path",
        "path: ^best.onnx, optimizer_path",
        'model.checkpoint.path: "best.onnx" is not read; give a .safetensors file, a state dict (.pth) or '
        "the folder of a model bundle",
    ),
    (
        "model:\n  task: classification\n",
        "model:\n  task: classification\n  ^task: classification\n",
        "model.task: key given twice, first in line 6",
    ),
]


@pytest.mark.parametrize(("text", "instead", "expected"), WRONG, ids=[case[1][:40] for case in WRONG])
def test_wrong_value_gets_its_line(tmp_path, complete_text, text, instead, expected):
    assert text in complete_text
    marked = complete_text.replace(text, instead, 1)
    before = marked[: marked.index("^")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    path = tmp_path / "wrong.yaml"
    path.write_text(marked.replace("^", ""))
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert caught.value.problems == [f"{path}:{line}:{column}: {expected}"]
