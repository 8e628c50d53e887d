"""Every key of every network, loss and post-processor with values that must be taken."""

import typing

import pytest
import yaml

from kubepresso.config import load_config, parse_view
from kubepresso.config.base import Section
from kubepresso.config.model import ModelConfig

ACTIVATIONS = ["relu", "relu6", "prelu", "leaky_relu", "gelu", "silu", "swish", "hard_swish"]
NORMS = ["batch_norm", "instance_norm"]
BACKBONE, NECK, HEAD = "architecture.backbone", "architecture.neck", "architecture.head"
STAGE = f"{BACKBONE}.stage_params"
MV4 = "[[conv, 8, 1, 1], [UIR, 8, 16, false, null, true, 5, 2], [mmqa, 8, 8, 2, 1, true, 3, 2, 1]]"
GELAN = "[[Conv, 8, 1, 1], [elan, 8, 4, true], [repncspelan, 8, 4, true, 2], [adown, 16]]"

#: By network, keys below ``model`` and the values they take beside those of networks.yaml.
TAKEN = {
    "resnet_fc": {
        f"{BACKBONE}.params.block_type": ["basicblock", "bottleneck", "BottleNeck"],
        f"{BACKBONE}.params.norm_type": NORMS,
        f"{BACKBONE}.params.return_stage_idx": [[0, 1], [1], None],
        f"{BACKBONE}.params.split_stem_conv": [True],
        f"{BACKBONE}.params.first_stage_shortcut_conv": [True],
        f"{STAGE}.1.channels": [1],
        f"{STAGE}.1.num_blocks": [9],
        f"{STAGE}.1.replace_stride_with_dilation": [True],
        f"{STAGE}.1.replace_stride_with_pooling": [True],
        f"{HEAD}.params.dropout_prob": [0.5],
        "losses.0.label_smoothing": [0, 1],
        "losses.0.ignore_index": [255],
        "losses.1.alpha": [0, 1, None],
        "losses.1.gamma": [0],
        "losses.1.weight": [0, 20.0, None],
    },
    "mobilenetv3_fc": {
        f"{STAGE}.0.kernel_sizes": [[5]],
        f"{STAGE}.0.in_channels": [[24]],
        f"{STAGE}.0.expanded_channels": [[72]],
        f"{STAGE}.0.out_channels": [[40]],
        f"{STAGE}.0.use_se": [[False]],
        f"{STAGE}.0.act_type": [[name] for name in ACTIVATIONS],
        f"{STAGE}.0.stride": [[1]],
        f"{HEAD}.params.act_type": [*ACTIVATIONS, None],
        f"{HEAD}.params.num_layers": [1, 3],
        f"{HEAD}.params.intermediate_channels": [1024],
    },
    "mobilenetv4_fc_conv": {
        f"{BACKBONE}.params.stem_out_channel": [32],
        f"{BACKBONE}.params.stem_kernel_size": [5],
        f"{BACKBONE}.params.stem_stride": [1],
        f"{BACKBONE}.params.final_conv_out_channel": [960],
        f"{BACKBONE}.params.final_conv_kernel_size": [3],
        f"{BACKBONE}.params.final_conv_stride": [2],
        f"{BACKBONE}.params.norm_type": NORMS,
        f"{BACKBONE}.params.act_type": ACTIVATIONS,
        f"{BACKBONE}.params.return_stage_idx": [[0]],
        f"{BACKBONE}.params.layer_scale": [None, 1e-5],
        f"{STAGE}.1": [yaml.safe_load(MV4)],
        f"{HEAD}.params.num_layers": [1],
        f"{HEAD}.params.intermediate_channels": [1280],
        f"{HEAD}.params.act_type": [*ACTIVATIONS, None],
        f"{HEAD}.params.norm_type": [*NORMS, None],
        f"{HEAD}.params.dropout_prob": [0.2],
    },
    "mobilevit_fc": {
        f"{BACKBONE}.params.patch_size": [1, 4],
        f"{BACKBONE}.params.num_attention_heads": [1],
        f"{BACKBONE}.params.attention_dropout_prob": [0],
        f"{BACKBONE}.params.ffn_dropout_prob": [0.9],
        f"{BACKBONE}.params.output_expansion_ratio": [2],
        f"{BACKBONE}.params.use_fusion_layer": [False],
        f"{STAGE}.0.block_type": ["mv2"],
        f"{STAGE}.0.ir_expansion_ratio": [2],
        f"{STAGE}.0.num_blocks": [3],
        f"{STAGE}.0.out_channels": [16],
        f"{STAGE}.0.stride": [2],
        f"{STAGE}.1.attention_channels": [144],
        f"{STAGE}.1.ffn_intermediate_channels": [288],
        f"{STAGE}.1.dilate": [True],
    },
    "vit_fc": {
        f"{BACKBONE}.params.patch_size": [32],
        f"{BACKBONE}.params.attention_channels": [192, [192, 192]],
        f"{BACKBONE}.params.num_blocks": [12],
        f"{BACKBONE}.params.num_attention_heads": [1],
        f"{BACKBONE}.params.attention_dropout_prob": [0.1],
        f"{BACKBONE}.params.ffn_intermediate_channels": [768],
        f"{BACKBONE}.params.ffn_dropout_prob": [0],
        f"{BACKBONE}.params.use_cls_token": [False],
        f"{BACKBONE}.params.vocab_size": [2000],
    },
    "gelan_fc": {
        f"{BACKBONE}.params.stem_out_channels": [64],
        f"{BACKBONE}.params.stem_kernel_size": [5],
        f"{BACKBONE}.params.stem_stride": [1],
        f"{BACKBONE}.params.return_stage_idx": [[1, 2]],
        f"{BACKBONE}.params.act_type": ACTIVATIONS,
        f"{STAGE}.0": [yaml.safe_load(GELAN)],
    },
    "segformer": {
        f"{BACKBONE}.params.ffn_intermediate_expansion_ratio": [2],
        f"{BACKBONE}.params.ffn_act_type": ACTIVATIONS,
        f"{BACKBONE}.params.ffn_dropout_prob": [0.1],
        f"{BACKBONE}.params.attention_dropout_prob": [0.1],
        f"{STAGE}.0.num_blocks": [3],
        f"{STAGE}.0.sequence_reduction_ratio": [1],
        f"{STAGE}.0.embedding_patch_sizes": [3],
        f"{STAGE}.0.embedding_strides": [2],
        f"{STAGE}.0.num_attention_heads": [2],
        f"{HEAD}.params.intermediate_channels": [256],
        f"{HEAD}.params.classifier_dropout_prob": [0.1],
        f"{HEAD}.params.resize_output": [None, [512, 512]],
        "losses.0.ignore_index": [-100],
    },
    "pidnet": {
        "architecture.full.m": [3],
        "architecture.full.n": [4],
        "architecture.full.channels": [64],
        "architecture.full.ppm_channels": [112],
        "architecture.full.head_channels": [256],
        "losses.0.ignore_index": [0],
    },
    "retinanet": {
        f"{BACKBONE}.params.num_attention_heads": [4],
        f"{BACKBONE}.params.attention_channels": [128],
        f"{BACKBONE}.params.attention_dropout_prob": [0.1],
        f"{BACKBONE}.params.attention_value_expansion_ratio": [2],
        f"{BACKBONE}.params.ffn_intermediate_ratio": [2],
        f"{BACKBONE}.params.ffn_dropout_prob": [0.1],
        f"{BACKBONE}.params.ffn_act_type": ACTIVATIONS,
        f"{BACKBONE}.params.vit_num": [0],
        f"{STAGE}.1.num_blocks": [3],
        f"{STAGE}.1.channels": [48],
        f"{NECK}.params.end_level": [1],
        f"{NECK}.params.add_extra_convs": [True, "on_input", "on_lateral", "on_output"],
        f"{NECK}.params.relu_before_extra_convs": [True],
        f"{HEAD}.params.anchor_sizes": [[[8, 16], [32, 64]]],
        f"{HEAD}.params.aspect_ratios": [[1]],
        f"{HEAD}.params.num_layers": [4],
        f"{HEAD}.params.norm_type": NORMS,
        "postprocessor.params.topk_candidates": [100],
        "postprocessor.params.score_thresh": [0, 1],
        "postprocessor.params.nms_thresh": [0.5],
        "postprocessor.params.class_agnostic": [True],
    },
    "mixnet_retinanet": {
        f"{BACKBONE}.params.stem_channels": [24],
        f"{BACKBONE}.params.wid_mul": [1.3],
        f"{BACKBONE}.params.dep_mul": [0.5],
        f"{BACKBONE}.params.dropout_rate": [0.2],
        f"{STAGE}.0.expansion_ratio": [[1, 3]],
        f"{STAGE}.0.out_channels": [[8, 8]],
        f"{STAGE}.0.num_blocks": [[2, 3]],
        f"{STAGE}.0.kernel_sizes": [[[3, 5, 7, 9, 11], [3]]],
        f"{STAGE}.0.num_exp_groups": [[2, 1]],
        f"{STAGE}.0.num_poi_groups": [[2, 1]],
        f"{STAGE}.0.stride": [[2, 1]],
        f"{STAGE}.0.act_type": [[name, "relu"] for name in ACTIVATIONS],
        f"{STAGE}.0.se_reduction_ratio": [[4, None]],
    },
    "yolox": {
        f"{BACKBONE}.params.depthwise": [True],
        f"{BACKBONE}.params.dep_mul": [1.33],
        f"{BACKBONE}.params.wid_mul": [1.25],
        f"{BACKBONE}.params.act_type": ACTIVATIONS,
        f"{NECK}.params.depthwise": [True],
        f"{NECK}.params.dep_mul": [1],
        f"{NECK}.params.act_type": ACTIVATIONS,
        f"{HEAD}.params.depthwise": [True],
        f"{HEAD}.params.act_type": ACTIVATIONS,
        "postprocessor.params.score_thresh": [0.5],
        "postprocessor.params.nms_thresh": [0.45],
        "postprocessor.params.class_agnostic": [True],
        "losses.0.l1_activate_epoch": [None, 0, 9],
    },
    "yolo_fastest": {
        f"{BACKBONE}.params.model_size": ["0.5x", "1.0x", "1.5x", "2.0x"],
        f"{NECK}.params.out_channels": [96],
        "postprocessor.params.score_thresh": [0.05],
        "losses.0.l1_activate_epoch": [3],
    },
    "yolov9": {
        f"{NECK}.params.repeat_num": [1],
        f"{NECK}.params.act_type": ACTIVATIONS,
        f"{NECK}.params.bu_type": ["aconv", "adown"],
        f"{NECK}.params.spp_channels": [256],
        f"{NECK}.params.n4_channels": [512],
        f"{NECK}.params.p3_channels": [256],
        f"{NECK}.params.p3_to_p4_channels": [256],
        f"{NECK}.params.p4_channels": [512],
        f"{NECK}.params.p4_to_p5_channels": [512],
        f"{NECK}.params.p5_channels": [512],
        f"{HEAD}.params.version": ["v9"],
        f"{HEAD}.params.num_anchors": [3],
        f"{HEAD}.params.use_group": [False],
        f"{HEAD}.params.act_type": ACTIVATIONS,
    },
    "rtdetr": {
        f"{NECK}.params.use_encoder_idx": [[0, 1, 2]],
        f"{NECK}.params.num_encoder_layers": [2],
        f"{NECK}.params.pe_temperature": [20],
        f"{NECK}.params.num_attention_heads": [4],
        f"{NECK}.params.dim_feedforward": [512],
        f"{NECK}.params.dropout": [0.1],
        f"{NECK}.params.attn_act_type": ACTIVATIONS,
        f"{NECK}.params.expansion": [1],
        f"{NECK}.params.depth_mult": [0.67],
        f"{NECK}.params.conv_act_type": ACTIVATIONS,
        f"{HEAD}.params.num_attention_heads": [4],
        f"{HEAD}.params.num_levels": [4],
        f"{HEAD}.params.num_queries": [100],
        f"{HEAD}.params.eps": [0.1],
        f"{HEAD}.params.num_decoder_layers": [6],
        f"{HEAD}.params.eval_spatial_size": [[256, 256]],
        f"{HEAD}.params.position_embed_type": ["sine", "learned"],
        f"{HEAD}.params.num_decoder_points": [8],
        f"{HEAD}.params.dim_feedforward": [512],
        f"{HEAD}.params.dropout": [0.1],
        f"{HEAD}.params.act_type": ACTIVATIONS,
        f"{HEAD}.params.num_denoising": [0],
        f"{HEAD}.params.label_noise_ratio": [0, 1],
        f"{HEAD}.params.use_aux_loss": [False],
        "postprocessor.params.num_top_queries": [10],
        "postprocessor.params.score_thresh": [0.5],
        "losses.0.losses": [["labels", "boxes"], ["focal"], ["vfl", "cardinality"]],
        "losses.0.weight_dict.loss_ce": [1],
        "losses.0.weight_dict.loss_focal": [1],
        "losses.0.weight_dict.loss_vfl": [0],
        "losses.0.weight_dict.loss_bbox": [0],
        "losses.0.weight_dict.loss_giou": [0],
        "losses.0.alpha": [0.2],
        "losses.0.gamma": [0],
        "losses.0.matcher.alpha": [0.5],
        "losses.0.matcher.gamma": [1],
        "losses.0.matcher.use_focal_loss": [False],
        "losses.0.matcher.weight_dict.cost_class": [0],
        "losses.0.matcher.weight_dict.cost_bbox": [0],
        "losses.0.matcher.weight_dict.cost_giou": [0],
    },
    "rtmpose": {
        f"{HEAD}.params.conv_kernel": [3],
        f"{HEAD}.params.attention_channels": [128],
        f"{HEAD}.params.attention_act_type": ACTIVATIONS,
        f"{HEAD}.params.attention_pos_enc": [True],
        f"{HEAD}.params.s": [64],
        f"{HEAD}.params.expansion_factor": [1.5],
        f"{HEAD}.params.dropout_rate": [0.1],
        f"{HEAD}.params.drop_path": [0.1],
        f"{HEAD}.params.use_rel_bias": [True],
    },
}
#: Keys that can only be changed together, by network.
TOGETHER = {
    "yolo_fastest": [
        f"{HEAD}.params.anchors=[[1, 2], [3, 4]]",
        "losses.0.anchors=[[1, 2], [3, 4]]",
        "postprocessor.params.anchors=[[1, 2], [3, 4]]",
    ],
    "yolov9": [
        f"{HEAD}.params.reg_max=8",
        "losses.0.reg_max=8",
        "postprocessor.params.reg_max=8",
        f"{HEAD}.params.use_aux_loss=true",
        f"{NECK}.params.use_aux_loss=true",
    ],
    "rtdetr": [f"{HEAD}.params.hidden_dim=128", f"{NECK}.params.hidden_dim=128"],
    "rtmpose": [f"{HEAD}.params.simcc_split_ratio=1.5", "postprocessor.params.simcc_split_ratio=1.5"],
    "retinanet": [
        f"{NECK}.params.num_outs=1",
        f"{NECK}.params.start_level=1",
        f"{HEAD}.params.anchor_sizes=[[16]]",
    ],
}
CASES = [
    (name, key, value) for name, keys in TAKEN.items() for key, values in keys.items() for value in values
]


def at(config, dotted):
    for key in dotted.split("."):
        config = config[int(key)] if key.isdigit() else getattr(config, key)
    return config


def plain(value):
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    return value.lower() if isinstance(value, str) else value


@pytest.mark.parametrize("name", TAKEN)
def test_network_loads_and_reads_back_the_same(network_files, name):
    config = load_config(network_files[name])
    again = parse_view(config.to_yaml())
    assert again.model == config.model
    assert again.data == config.data
    assert "attention_chananels" not in config.to_yaml()


@pytest.mark.parametrize(
    ("name", "key", "value"), CASES, ids=[f"{name}-{key}-{value}" for name, key, value in CASES]
)
def test_value_is_taken(network_files, name, key, value):
    override = f"model.{key}={yaml.safe_dump(value, default_flow_style=True).removesuffix('...').strip()}"
    found = at(load_config(network_files[name], [override]).model, key)
    if value is None and key.endswith("weight"):
        value = 1.0
    assert plain(found) == plain(value)


@pytest.mark.parametrize("name", TOGETHER)
def test_values_that_must_agree_are_taken_together(network_files, name):
    load_config(network_files[name], [f"model.{override}" for override in TOGETHER[name]])


def sections(kind):
    """List the sections inside a type, however nested."""
    if isinstance(kind, type) and issubclass(kind, Section):
        found = {kind}
        for field in kind.model_fields.values():
            found |= sections(field.annotation)
        return found
    return set().union(*(sections(part) for part in typing.get_args(kind)))


def used(value, key=""):
    """List the pairs of a section and a key that a configuration has a value for."""
    if isinstance(value, Section):
        yield from ((type(value), name) for name in value.model_fields_set)
        for name in type(value).model_fields:
            yield from used(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from used(item)


def test_the_networks_here_have_every_key_there_is(network_files):
    """So that a key that is added gets a line in this table."""
    seen = set()
    for file in network_files.values():
        model = load_config(file).model
        for part in (model.architecture, model.losses, model.postprocessor):
            seen |= set(used(part))
    wanted = set()
    for field in ("architecture", "losses", "postprocessor"):
        for section in sections(ModelConfig.model_fields[field].annotation):
            wanted |= {(section, key) for key in section.model_fields}
    missing = {f"{section.__name__}.{key}" for section, key in wanted - seen}
    assert missing == {"DETRWeights.loss_ce", "DETRWeights.loss_focal"}
