"""What must fit together in a network's configuration, each with the line that says so."""

from pathlib import Path

import pytest

from kubepresso.config import ConfigError, load_config

HEAD = "model.architecture.head"
BACKBONE = "model.architecture.backbone"
NECK = "model.architecture.neck"
FC = f"{HEAD}={{name: fc}}"
FLIP = "augmentation.train.0={name: randomverticalflip, p: 1}"
#: Network, what is set, and the line that it must give.
ERRORS = [
    ("yolox", ["data.task=classification"], "model.task: is detection, but data.task is classification"),
    ("yolox", [FC, "model.postprocessor=null"], f"{HEAD}.name: fc is for classification, not for detection"),
    (
        "yolox",
        [f"{HEAD}={{name: anchor_decoupled_head, params: {{anchor_sizes: [[8], [16], [32]]}}}}"],
        "model.losses.0.criterion: yolox_loss reads the outputs of anchor_free_decoupled_head, not of "
        "anchor_decoupled_head",
    ),
    (
        "segformer",
        ["model.losses=[{criterion: cross_entropy}]"],
        "model.losses.0.criterion: cross_entropy is for classification, not for segmentation",
    ),
    (
        "segformer",
        ["model.losses=[{criterion: pidnet_loss}]"],
        "model.losses.0.criterion: pidnet_loss reads the outputs of pidnet, not of all_mlp_decoder",
    ),
    (
        "segformer",
        [f"{BACKBONE}={{name: vit}}"],
        f"{BACKBONE}.name: vit is for classification, not for segmentation",
    ),
    (
        "resnet_fc",
        [f"{NECK}={{name: fpn}}"],
        f"{NECK}.name: fpn is for segmentation and detection and pose_estimation, not for classification",
    ),
    (
        "resnet_fc",
        ["model.architecture={full: {name: pidnet}}"],
        "model.architecture.full.name: pidnet is for segmentation, not for classification",
    ),
    (
        "resnet_fc",
        ["model.architecture.backbone=null"],
        "model.architecture: backbone missing; give a backbone and a head, or full",
    ),
    (
        "yolox",
        ["logging.metrics.metric_names=[map50, miou]"],
        "logging.metrics.metric_names.1: miou is none of detection; allowed: map50, map75, map50_95, "
        "precision50, recall50",
    ),
    (
        "rtmpose",
        ["logging.promotion.metric=map50"],
        "logging.promotion.metric: map50 is none of pose_estimation; allowed: pck",
    ),
    (
        "yolox",
        ["data.layout=masks"],
        "data.layout: masks holds no labels for detection; allowed: yolo, coco, voc, image_folder, "
        "parquet, or null",
    ),
    (
        "segformer",
        ["data.pallete=[[0, 0, 0]]"],
        "data.palette: has 1 colours for 2 classes",
    ),
    (
        "segformer",
        ["data.label_image_mode=RGB"],
        'data.id_mapping: label_image_mode: RGB needs a mapping of "(r, g, b)" to name, or its JSON file',
    ),
    (
        "segformer",
        ["data.label_image_mode=P", "data.id_mapping={'(0, 0, 0)': a, '(0, 0, 256)': b}"],
        "data.id_mapping.(0, 0, 256): '(0, 0, 256)' is not a colour; write \"(r, g, b)\" with numbers from 0 "
        "to 255",
    ),
    (
        "segformer",
        ["data.label_image_mode=RGB", "data.id_mapping={'(0, 0, 0)': a, '(0,0,0)': b}"],
        "data.id_mapping.(0,0,0): the same colour as '(0, 0, 0)'",
    ),
    (
        "yolox",
        ["data.id_mapping=[{name: a}]"],
        "data.id_mapping: keypoints are for pose_estimation; detection takes class names",
    ),
    (
        "rtmpose",
        ["data.id_mapping.0.swap=rigth"],
        "data.id_mapping.0.swap: 'rigth' is no keypoint",
    ),
    (
        "rtmpose",
        ["data.id_mapping.2.swap=left"],
        "data.id_mapping.2.swap: 'nose' changes places with 'left', but that one with 'right'",
    ),
    (
        "rtmpose",
        ["data.id_mapping.1.swap=null"],
        "data.id_mapping.0.swap: 'left' changes places with 'right', but that one has swap: null",
    ),
    (
        "rtmpose",
        ["data.id_mapping.1.name=left"],
        "data.id_mapping.1: the name 'left' is that of 0 too",
    ),
    (
        "rtmpose",
        ["data.id_mapping=[{name: nose}, {name: chin}]"],
        "augmentation.train.0: randomhorizontalflip must know which keypoints change places; data.id_mapping "
        "gives no swap to nose, chin",
    ),
    (
        "rtmpose",
        ["data.id_mapping=[nose, chin]", FLIP],
        "augmentation.train.0: randomverticalflip must know which keypoints change places; data.id_mapping "
        "gives no swap to nose, chin",
    ),
    (
        "yolov9",
        [f"{BACKBONE}.params.return_stage_idx=[2, 3]"],
        f"{NECK}.name: yolov9fpn joins 3 features, but the backbone gives 2; see "
        "backbone.params.return_stage_idx",
    ),
    (
        "yolov9",
        [f"{BACKBONE}.params.return_stage_idx=[1, 2, 4]"],
        f"{BACKBONE}.params.return_stage_idx: 4 is no stage; stage_params has stages 0 to 3",
    ),
    (
        "yolov9",
        [f"{BACKBONE}.params.return_stage_idx=[2, 1, 3]"],
        f"{BACKBONE}.params.return_stage_idx: stages must ascend, found [2, 1, 3]",
    ),
    ("yolov9", [f"{HEAD}.params.reg_max=8"], "model.losses.0.reg_max: is 16, but that of the head is 8"),
    (
        "yolov9",
        [f"{HEAD}.params.reg_max=8"],
        "model.postprocessor.params.reg_max: is 16, but that of the head is 8",
    ),
    (
        "yolov9",
        [f"{HEAD}.params.use_aux_loss=true"],
        f"{HEAD}.params.use_aux_loss: is true, but that of the neck is false",
    ),
    (
        "yolo_fastest",
        ["model.losses.0.anchors=[[1, 2], [3, 4]]"],
        "model.losses.0.anchors: is [[1.0, 2.0], [3.0, 4.0]], but that of the head is [[12.0, 18.0, "
        "37.0, 49.0], "
        "[115.0, 73.0, 119.0, 199.0]]",
    ),
    (
        "rtdetr",
        [f"{NECK}.params.hidden_dim=128"],
        f"{HEAD}.params.hidden_dim: is 256, but that of the neck is 128",
    ),
    (
        "rtdetr",
        [f"{NECK}.params.use_encoder_idx=[0, 3]"],
        f"{NECK}.params.use_encoder_idx: 3 is no feature; the backbone gives 3, from 0",
    ),
    (
        "retinanet",
        [f"{NECK}.params.num_outs=3"],
        f"{HEAD}.params.anchor_sizes: has sizes for 2 features, but the neck gives 3",
    ),
    (
        "retinanet",
        [f"{NECK}.params.num_outs=1"],
        f"{NECK}.params.num_outs: 1 is less than the features taken, 2",
    ),
    (
        "retinanet",
        [f"{NECK}.params.start_level=2"],
        f"{NECK}: takes features 2 to 1, but the backbone gives 2",
    ),
    (
        "retinanet",
        [f"{NECK}=null"],
        f"{HEAD}.name: anchor_decoupled_head needs a neck that gives features of one width",
    ),
    (
        "rtmpose",
        ["model.postprocessor.params.simcc_split_ratio=1"],
        "model.postprocessor.params.simcc_split_ratio: is 1.0, but that of the head is 2.0",
    ),
    (
        "rtmpose",
        [f"{HEAD}.params.backbone_stride=16"],
        f"{HEAD}.params.backbone_stride: is 16, but the backbone's stride is 32",
    ),
    (
        "rtmpose",
        [f"{HEAD}.params.target_size=[256, 192]"],
        f"{HEAD}.params.target_size: 256x192, but augmentation.inference gives 256x256",
    ),
    (
        "rtmpose",
        ["augmentation.train.1.size=[128, 128]"],
        "augmentation.train.1.size: [128, 128] is not the head's target_size, [256, 256], height before "
        "width",
    ),
    (
        "rtmpose",
        [f"{HEAD}.params.target_size=[250, 250]"],
        f"{HEAD}.params: target_size must have multiples of backbone_stride, found [250, 250] and 32",
    ),
    (
        "mobilevit_fc",
        ["augmentation.inference.0.size=[222, 222]"],
        "augmentation.inference.0: 222x222, but the network takes multiples of 8, such as 216x216 or 224x224",
    ),
    (
        "yolox",
        ["augmentation.inference.1.size=[256, 270]"],
        "augmentation.inference.1: 256x270: features do not meet in the neck; take multiples of 32, such as "
        "256x256 or 256x288",
    ),
    (
        "yolox",
        ["augmentation.train.4.stride=10"],
        "augmentation.train.4.stride: 10 gives 236x236, which the network does not take; set a "
        "multiple of 32",
    ),
    (
        "yolox",
        ["augmentation.train.4.random_range=8"],
        "augmentation.train.4.random_range: 8 steps of 32 below 256 leave no pixel",
    ),
    (
        "vit_fc",
        [f"{BACKBONE}.params.patch_size=8"],
        f"{BACKBONE}.params.vocab_size: 1000 is less than the 1025 patches of 256x256",
    ),
    (
        "segformer",
        [f"{BACKBONE}.stage_params.0.num_attention_heads=5"],
        f"{BACKBONE}.stage_params.0: 32 attention channels cannot be shared out among 5 heads",
    ),
    (
        "mobilevit_fc",
        [f"{BACKBONE}.stage_params.1.attention_channels=null"],
        f"{BACKBONE}.stage_params.1: attention_channels missing: the block type mobilevit needs it",
    ),
    (
        "yolo_fastest",
        [f"{HEAD}.params.anchors=[[1, 2, 3], [4, 5, 6]]"],
        f"{HEAD}.params: anchors must be pairs w, h and equally many for each feature, found 3, 3 numbers",
    ),
    (
        "mobilenetv4_fc_conv",
        [f"{BACKBONE}.stage_params.0.0=[cnv, 8, 1, 1]"],
        f"{BACKBONE}.stage_params.0.0: must be a list that begins with conv, fi, uir or mmqa, found "
        '["cnv", 8, 1, 1]',
    ),
    (
        "mobilenetv4_fc_conv",
        [f"{BACKBONE}.stage_params.0.0=[conv, 8, 1]"],
        f"{BACKBONE}.stage_params.0.0: must have at least 4 items, found 3",
    ),
    (
        "mobilenetv4_fc_conv",
        [f"{BACKBONE}.stage_params.0.0=[conv, 8, 1, 3]"],
        f"{BACKBONE}.stage_params.0.0.3: must be at most 2, found 3",
    ),
    (
        "gelan_fc",
        [f"{BACKBONE}.stage_params.1.0=[aconv, 64, 1]"],
        f"{BACKBONE}.stage_params.1.0: must have at most 2 items, found 3",
    ),
    (
        "yolox",
        ["model.postprocessor.params.nms_tresh=0.5"],
        "model.postprocessor.params.nms_tresh: unknown key; allowed: score_thresh, nms_thresh, "
        "class_agnostic; did you mean 'nms_thresh'?",
    ),
    (
        "yolox",
        ["model.postprocessor.params={topk_candidates: 3}"],
        "model.postprocessor.params.topk_candidates: unknown key; allowed: score_thresh, nms_thresh, "
        "class_agnostic",
    ),
    (
        "yolox",
        ["model.postprocessor.params.score_thresh=2"],
        "model.postprocessor.params.score_thresh: must be at most 1, found 2",
    ),
    (
        "resnet_fc",
        ["model.postprocessor={params: {score_thresh: 0.5}}"],
        "model.postprocessor.params.score_thresh: unknown key; allowed: topk_max",
    ),
    (
        "rtdetr",
        ["model.losses.0.matcher.type=Greedy"],
        'model.losses.0.matcher.type: "Greedy" is not allowed; allowed: HungarianMatcher',
    ),
    (
        "rtdetr",
        ["model.losses.0.matcher.weight_dict={cost_class: 0, cost_bbox: 0, cost_giou: 0}"],
        "model.losses.0.matcher.weight_dict: one weight at least must be greater than 0",
    ),
    (
        "yolo_fastest",
        [f"{BACKBONE}.params.model_size=0.75x"],
        f'{BACKBONE}.params.model_size: "0.75x" is not allowed; allowed: 0.5x, 1.0x, 1.5x, 2.0x; did '
        "you mean "
        "'0.5x'?",
    ),
    (
        "resnet_fc",
        ["augmentation.train.0={name: randomzoomout, side_range: [0.5, 2]}"],
        "augmentation.train.0.side_range.0: must be at least 1, found 0.5",
    ),
]
WARNINGS = [
    (
        "segformer",
        ["model.losses.0.ignore_index=0"],
        "model.losses.0.ignore_index: 0 is one of the 2 classes, which is then never learnt",
    ),
    (
        "segformer",
        [f"{HEAD}.params.resize_output=[512, 512]"],
        f"{HEAD}.params.resize_output: 512x512, but augmentation.inference gives 256x256",
    ),
    (
        "segformer",
        ["augmentation.inference.0.size=[250, 256]"],
        "augmentation.inference.0: 250x256 is no multiple of the network's stride of 4, such as "
        "248x256 or 252x256",
    ),
    (
        "resnet_fc",
        ["augmentation.inference.0.size=[4, 4]"],
        "augmentation.inference.0: 4x4 is less than the network's stride of 8; one step sees it all",
    ),
    (
        "yolox",
        ["augmentation.train.0.mosaic_off_duration=10"],
        "augmentation.train.0.mosaic_off_duration: 10 of 10 epochs leaves no epoch with it",
    ),
    (
        "yolox",
        ["model.losses.0.l1_activate_epoch=11"],
        "model.losses.0.l1_activate_epoch: 11 is never reached in 10 epochs",
    ),
    (
        "yolox",
        ["logging.model_save_options.sample_input_size=[320, 320]"],
        "logging.model_save_options.sample_input_size: is [320, 320], but augmentation.inference "
        "gives [256, 256]",
    ),
    (
        "yolov9",
        [f"{HEAD}.params.num_anchors=3"],
        f"{HEAD}.params.num_anchors: has no effect: this head has no anchors",
    ),
    (
        "yolox",
        ["data.label_image_mode=RGB"],
        "data.label_image_mode: has no effect: only segmentation has label images",
    ),
    (
        "resnet_fc",
        ["augmentation.train.0={name: mixing, mixup: [1, 1]}"],
        "augmentation.train.0: mixing acts on whole batches, so after all others, wherever it stands",
    ),
]


@pytest.mark.parametrize(("name", "overrides", "expected"), ERRORS, ids=[case[2][:60] for case in ERRORS])
def test_error(network_files, name, overrides, expected):
    with pytest.raises(ConfigError) as caught:
        load_config(network_files[name], overrides)
    assert any(line.endswith(f": {expected}") for line in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(("name", "overrides", "expected"), WARNINGS, ids=[case[2][:60] for case in WARNINGS])
def test_warning(network_files, name, overrides, expected):
    lines = load_config(network_files[name], overrides).warnings
    assert any(line.endswith(f": {expected}") for line in lines), lines


def test_networks_that_fit_are_not_warned_of(network_files):
    for file in network_files.values():
        assert load_config(file).warnings == ()


#: 638 goes through every stride of 2 as 640 does, rounded up; 630 does not.
@pytest.mark.parametrize(("side", "fits"), [(640, True), (638, True), (630, False), (637, False)])
def test_only_sizes_that_truly_fail_are_refused(network_files, side, fits):
    overrides = [
        f"augmentation.inference=[{{name: resize, size: [{side}, {side}]}}, {{name: totensor}}]",
        "augmentation.train=[{name: totensor}]",
    ]
    if fits:
        load_config(network_files["yolox"], overrides)
        return
    with pytest.raises(ConfigError, match=f"{side}x{side}"):
        load_config(network_files["yolox"], overrides)


def test_a_finding_names_the_line_of_the_file(network_files, tmp_path):
    path = tmp_path / "pose.yaml"
    text = Path(network_files["rtmpose"]).read_text().replace("swap: left", "swap: lft")
    path.write_text(text)
    line = text[: text.index("swap: lft")].count("\n") + 1
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert f"{path}:{line}:11: data.id_mapping.1.swap: 'lft' is no keypoint" in caught.value.problems


UNTRAINABLE = {
    "resnet_fc": [],
    "mobilenetv3_fc": [],
    "mobilenetv4_fc_conv": [
        "model.architecture.backbone.name: the backbone mobilenetv4 has no implementation yet; there "
        "is resnet, "
        "mobilenetv3",
        "model.architecture.head.name: the head fc_conv has no implementation yet; there is fc",
    ],
    "pidnet": [
        "model.task: the task segmentation has no implementation yet; there is classification",
        "model.architecture.full.name: the network pidnet has no implementation yet; there is none",
        "model.losses.0.criterion: the loss pidnet_loss has no implementation yet; there is cross_entropy, "
        "focal_loss",
    ],
    "rtmpose": [
        "model.task: the task pose_estimation has no implementation yet; there is classification",
        "model.architecture.head.name: the head rtmcc has no implementation yet; there is fc",
        "model.losses.0.criterion: the loss rtmcc_loss has no implementation yet; there is cross_entropy, "
        "focal_loss",
    ],
}


@pytest.mark.parametrize("name", UNTRAINABLE)
def test_what_cannot_be_trained_yet_is_told_and_is_no_warning(network_files, name):
    config = load_config(network_files[name])
    told = [line.split(": ", 1) for line in config.untrainable]
    assert sorted(text for _, text in told) == sorted(UNTRAINABLE[name])
    assert all(place.startswith(f"{network_files[name]}:") for place, _ in told)
    assert not set(config.untrainable) & set(config.warnings)


def test_a_metric_without_an_implementation_is_told(network_files):
    config = load_config(network_files["yolox"], ["logging.metrics.metric_names=[map50]"])
    assert any("the metric map50 has no implementation yet" in line for line in config.untrainable)


@pytest.mark.parametrize("path", ["best_fx.pt", "s3://models/MODEL_FX.PT"])
def test_a_whole_model_in_a_pickle_is_told_with_what_to_give(network_files, path):
    overrides = [f"model.checkpoint={{use_pretrained: true, path: {path}}}"]
    (line,) = load_config(network_files["resnet_fc"], overrides).untrainable
    assert line.endswith(
        f"model.checkpoint.path: {path} holds code, so it is not read; give the folder of a model bundle, or "
        "the weights alone: .safetensors, or a state dict (.pth)"
    )


@pytest.mark.parametrize("path", ["best.pt", "best.pth", "bundle", "fx.safetensors"])
def test_weights_are_no_such_model(network_files, path):
    overrides = [f"model.checkpoint={{use_pretrained: true, path: {path}}}"]
    assert load_config(network_files["resnet_fc"], overrides).untrainable == ()
