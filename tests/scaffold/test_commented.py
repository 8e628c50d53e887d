"""The text of a module: it reads back to its content, whatever that is, and says what keys are for."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubepresso.config import DataConfig, TrainingConfig, dump, parse_view
from kubepresso.config.document import parse
from kubepresso.scaffold.commented import write_module

NAMES = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable())


def written(content, reasons=None):
    view = parse_view(dump({"data": content}))
    return write_module("data", content, view.data, reasons or {}, ["a title"])


def read_back(text):
    """As every step reads it, which is not as PyYAML does."""
    assert parse_view(text).data is not None
    return parse(text, "data.yaml").value


#: Numbers in this project's YAML or in PyYAML's, of which neither knows all of the other's.
NUMBERS = [
    "1e5",
    "2e3",
    "0o17",
    "007",
    "1_0",
    "0x1f",
    "0b1",
    "12:30",
    ".5",
    "5.",
    "yes",
    "null",
    "~",
    "-1e-5",
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(NAMES | st.from_regex(r"[0-9.eoxb_+:-]{1,6}", fullmatch=True), min_size=1, unique=True), NAMES
)
@example(NUMBERS, "x")
@example(["1e5"], "0o17")
def test_class_names_of_any_kind_read_back(names, root):
    content = {"task": "detection", "path": {"root": root}, "id_mapping": names}
    try:
        DataConfig.model_validate(parse(dump(content), "").value)
    except ValueError:
        return  # no configuration has this
    text = written(content)
    assert read_back(text) == {"data": content}
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
    assert read_back(written(content)) == {"data": content}


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
