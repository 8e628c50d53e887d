"""The text of a module: it reads back to its content, whatever that is, and says what keys are for."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepresso.config import DataConfig, TrainingConfig, dump, parse_view
from kubepresso.scaffold.commented import write_module

NAMES = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable())


def written(content, reasons=None):
    view = parse_view(dump({"data": content}))
    return write_module("data", content, view.data, reasons or {}, ["a title"])


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=60, unique=True), NAMES)
def test_class_names_of_any_kind_read_back(names, root):
    content = {"task": "detection", "path": {"root": root}, "id_mapping": names}
    try:
        DataConfig.model_validate(yaml.safe_load(dump(content)))
    except ValueError:
        return  # no configuration has this
    text = written(content)
    assert yaml.safe_load(text) == {"data": content}
    assert max(map(len, text.splitlines())) <= 110 or len(names) == 1 or len(root) > 20


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=40, unique=True))
def test_names_of_colours_read_back(names):
    mapping = {f"({index}, 0, 0)": name for index, name in enumerate(names)}
    content = {
        "task": "segmentation",
        "path": {"root": "x"},
        "id_mapping": mapping,
        "label_image_mode": "RGB",
    }
    assert yaml.safe_load(written(content)) == {"data": content}


def test_keys_carry_the_description_of_their_model():
    text = written({"name": "pantry", "task": "detection", "path": {"root": "x"}})
    assert "# Name of the data set in logs and reports" in text
    assert DataConfig.model_fields["name"].description.rstrip(".") in text


def test_a_reason_stands_above_its_key():
    text = written({"task": "detection", "path": {"root": "x"}}, {"path": "Because.\nAnd more."})
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("  path:"))
    assert lines[at - 2 : at] == ["  # Because.", "  # And more."]


def test_a_key_whose_description_is_its_name_has_none():
    view = parse_view(dump({"training": {"epochs": 3}}))
    text = write_module("training", {"epochs": 3}, view.training, {})
    assert isinstance(view.training, TrainingConfig)
    assert text == "training:\n  epochs: 3\n"
