"""What ``data`` says of classes, colours and keypoints, as those read it who prepare the data."""

import typing

import pytest

from kubepresso.config import ConfigError, load_config
from kubepresso.config.checks.tasks import LAYOUTS
from kubepresso.config.data import Keypoint, Layout, parse_colour
from kubepresso.data.formats.detect import detect_format
from kubepresso.errors import UserError


@pytest.mark.parametrize(
    "text", ["(1, 20, 255)", "(1,20,255)", " 1, 20, 255 ", "[1, 20, 255]", "( 001 ,20, 255)"]
)
def test_a_colour_is_read(text):
    assert parse_colour(text) == (1, 20, 255)


@pytest.mark.parametrize(
    "text", ["", "(1, 2)", "(1, 2, 256)", "(1, 2, -3)", "red", "(1.0, 2, 3)", "(1, 2, 3, 4)"]
)
def test_what_is_no_colour_is_told(text):
    with pytest.raises(ValueError, match="is not a colour"):
        parse_colour(text)


def test_colours_and_their_names_in_order(network_files):
    overrides = ["data.label_image_mode=RGB", "data.id_mapping={'(9, 9, 9)': road, '(0,0,0)': sky}"]
    data = load_config(network_files["segformer"], overrides).data
    assert list((data.colour_map or {}).items()) == [((9, 9, 9), "road"), ((0, 0, 0), "sky")]
    assert data.keypoints == ()


def test_indexes_are_no_colours(network_files):
    assert (
        load_config(network_files["segformer"], ["data.id_mapping={0: sky, 1: road}"]).data.colour_map is None
    )


def test_keypoints_with_their_partners(network_files):
    data = load_config(network_files["rtmpose"]).data
    assert data.keypoints[0] == Keypoint(name="left", swap="right", color=(255, 0, 0), type="upper")
    assert data.keypoints[2] == Keypoint(name="nose")
    assert data.colour_map is None


def test_names_alone_are_taken_for_poses_that_are_not_mirrored(network_files):
    overrides = ["data.id_mapping=[nose, chin]", "augmentation.train.0.p=0"]
    data = load_config(network_files["rtmpose"], overrides).data
    assert data.id_mapping == ("nose", "chin")
    assert data.keypoints == ()


def test_names_and_keypoints_do_not_mix(network_files):
    with pytest.raises(ConfigError, match=r"data\.id_mapping\.0: must be a mapping, found .nose.") as caught:
        load_config(network_files["rtmpose"], ["data.id_mapping=[nose, {name: chin}]"])
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("network", ["resnet_fc", "segformer", "yolox"])
@pytest.mark.parametrize(
    ("mapping", "wrong", "last"), [("{0: a, 2: b}", "2", 1), ("{0: a, red: b, 1: c}", "red", 2)]
)
def test_a_mapping_names_indexes_from_0(network_files, network, mapping, wrong, last):
    load_config(network_files[network], ["data.id_mapping={1: dog, 0: cat}"])
    with pytest.raises(ConfigError) as caught:
        load_config(network_files[network], [f"data.id_mapping={mapping}"])
    expected = f"data.id_mapping.{wrong}: labels must be the indexes 0 to {last}, found {wrong!r}"
    assert [line.endswith(expected) for line in caught.value.problems if "labels must" in line] == [True]


def test_colours_of_any_source_are_no_indexes(network_files):
    overrides = ["data.format=huggingface", "data.path=null", "data.metadata={repo: a}"]
    colours = ["data.label_image_mode=RGB", "data.id_mapping={'(9, 9, 9)': road, '(0,0,0)': sky}"]
    assert load_config(network_files["segformer"], overrides + colours).data.id_mapping


@pytest.mark.parametrize("layout", ["null", "class_folders"])
def test_a_mapping_names_the_classes_of_folders(network_files, layout):
    places = [f"data.layout={layout}", "data.path={root: ./d, train: {image: train}}"]
    mapping = "data.id_mapping={n02119789: kit fox, n02100735: setter}"
    data = load_config(network_files["resnet_fc"], [*places, mapping]).data
    assert data.id_mapping == {"n02119789": "kit fox", "n02100735": "setter"}
    with pytest.raises(ConfigError, match="labels must be the indexes 0 to 1, found 'setter'"):
        load_config(network_files["resnet_fc"], [*places, "data.id_mapping={0: kit fox, setter: dog}"])


@pytest.mark.parametrize("network", ["resnet_fc", "segformer", "yolox", "rtmpose"])
def test_a_layout_that_is_taken_can_be_read(network_files, network, tmp_path):
    """What the configuration takes, the readers of the data take, and no other."""
    whole = load_config(network_files[network]).data
    for layout in typing.get_args(Layout):
        data = whole.model_copy(update={"layout": layout})
        if layout in LAYOUTS[data.task]:
            load_config(network_files[network], [f"data.layout={layout}"])
            assert detect_format(data, tmp_path) == layout
        else:
            with pytest.raises(ConfigError, match=f"{layout} holds no labels for"):
                load_config(network_files[network], [f"data.layout={layout}"])
            with pytest.raises(UserError, match=f"{layout} is not for"):
                detect_format(data, tmp_path)
