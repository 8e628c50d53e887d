"""Names of classes and keypoints: what may stand twice, and what a mirror makes of left and right."""

import pytest

from kubepresso.config import ConfigError, load_config

COLOURS = "data.id_mapping={'(0, 0, 0)': void, '(255, 255, 255)': void, '(0, 0, 9)': car}"


def problems_of(file, overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides)
    return caught.value.problems


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_several_colours_are_one_class(network_files, mode):
    overrides = [COLOURS, f"data.label_image_mode={mode}", "data.pallete=[[0, 0, 0], [1, 1, 1]]"]
    config = load_config(network_files["segformer"], overrides)
    assert list(config.data.colour_map.values()) == ["void", "void", "car"]
    assert config.warnings == ()


def test_a_palette_is_counted_against_the_distinct_names(network_files):
    overrides = [COLOURS, "data.label_image_mode=RGB", "data.pallete=[[0, 0, 0]]"]
    found = problems_of(network_files["segformer"], overrides)
    assert any("has 1 colours for 2 classes" in line for line in found), found


def test_indexes_of_a_mask_have_a_name_each(network_files):
    found = problems_of(network_files["segformer"], ["data.id_mapping={0: car, 1: car}"])
    assert any("data.id_mapping.1: the name 'car' is that of '0' too" in line for line in found), found


CRANES = "data.id_mapping=[crane, bread, crane]"


def test_classes_told_by_an_index_may_share_a_name(network_files):
    (line,) = load_config(network_files["resnet_fc"], [CRANES, "data.layout=csv_labels"]).warnings
    assert line.endswith("the name 'crane' is that of 0 too; they are told apart by a number")


@pytest.mark.parametrize(("name", "layout"), [("resnet_fc", "class_folders"), ("yolox", "voc")])
def test_classes_told_by_their_names_may_not(network_files, name, layout):
    found = problems_of(network_files[name], [CRANES, f"data.layout={layout}"])
    assert any(line.endswith("data.id_mapping.2: the name 'crane' is that of 0 too") for line in found), found


@pytest.mark.parametrize(
    "names", ["left_eye, right_eye, nose", "{name: L_Eye}, {name: R_Eye}", "nose, eye left, eye right"]
)
def test_left_and_right_in_names_are_swaps_enough_for_a_mirror(network_files, names):
    overrides = [f"data.id_mapping=[{names}]"]
    assert load_config(network_files["rtmpose"], overrides).warnings == ()


def test_the_tasks_of_data_and_model_are_read_alike(network_files):
    config = load_config(network_files["yolox"], ["model.task=DETECTION", "data.task=Detection"])
    assert config.model.task == config.data.task == "detection"
