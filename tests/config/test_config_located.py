"""What a step says of a key, with the place in the files from which the key came."""

import pytest

from kubepresso.config import ConfigError, load_config, with_absolute_places


@pytest.fixture
def located(six_files):
    """Return what becomes of a line; places are without the folder."""
    (six_files / "augmentation.yaml").write_text(
        "augmentation:\n  train:\n  - name: totensor\n  - {name: normalize}\n"
        "  inference:\n  - name: totensor\n"
    )
    (six_files / "logging.yaml").unlink()
    config = load_config(str(six_files), ["data.checks.invalid_labels=skip"])
    return lambda line: config.located(line).replace(f"{six_files}/", "")


def test_a_value_that_is_written(located, six_files):
    line = (six_files / "data.yaml").read_text().splitlines().index("  name: mine") + 1
    assert located("data.name: is odd: very") == f"data.yaml:{line}:9: data.name: is odd: very"


def test_an_item_of_a_list(located):
    assert located("augmentation.train.1: broken") == "augmentation.yaml:4:5: augmentation.train.1: broken"


def test_an_item_with_its_name(located):
    said = "augmentation.train[1] (normalize): odd"
    assert located(said) == f"augmentation.yaml:4:5: {said}"


def test_the_nearest_parent_of_what_is_not_written(located):
    said = "augmentation.train.1.mean: odd"
    assert located(said) == f"augmentation.yaml:4:5: {said}"
    said = "augmentation.checks.samples: odd"
    assert located(said) == f"augmentation.yaml:2:3: {said}"


def test_a_whole_module(located):
    assert located("training: the loss is nan").startswith("training.yaml:2:3: training: ")


def test_a_value_of_an_override(located):
    said = "data.checks.invalid_labels: odd"
    assert located(said) == f"override 'data.checks.invalid_labels=skip': {said}"


@pytest.mark.parametrize(
    "line",
    [
        "logging.promotion: nothing of this module is written",
        "images/7.png: not an image",
        "data.yaml:3:1: data.name: has its place",
        "data.json: not an object",
        "training failed: 3 ranks",
        "data",
        "",
    ],
)
def test_other_lines_stay(located, line):
    assert located(line) == line


def test_a_relative_place_that_is_nowhere_has_its_line(six_files, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    text = (six_files / "data.yaml").read_text()
    line = text[: text.index("root:")].count("\n") + 1
    with pytest.raises(ConfigError) as caught:
        with_absolute_places(load_config(str(six_files)), str(six_files))
    (found,) = caught.value.problems
    place = f"{six_files}/data.yaml:{line}:11"
    assert found.startswith(f"{place}: data.path.root: './d' is neither {work}/d nor ")


def test_folders_of_the_data_that_are_not_there_are_told_at_once(six_files):
    (six_files / "data.yaml").write_text(
        "data:\n  task: classification\n  path:\n    root: d\n    train: {image: trian}\n"
        "    valid: {image: valid, label: valid.csv}\n"
    )
    (six_files / "d" / "train").mkdir(parents=True)
    (six_files / "d" / "valid").mkdir()
    uri, root = str(six_files), six_files / "d"
    with pytest.raises(ConfigError) as caught:
        with_absolute_places(load_config(uri), uri)
    assert [line.removeprefix(f"{uri}/") for line in caught.value.problems] == [
        f"data.yaml:5:20: data.path.train.image: 'trian' is not in {root}; check the path; "
        "did you mean 'train'?",
        f"data.yaml:6:34: data.path.valid.label: 'valid.csv' is not in {root}; check the path; "
        "did you mean 'valid'?",
    ]
    with pytest.raises(ConfigError, match=r"data\.path\.root: .*/e is not there; check the path"):
        with_absolute_places(load_config(uri, [f"data.path.root={six_files}/e"]), uri)
