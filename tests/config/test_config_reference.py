"""Every key and value of netspresso-trainer's six files, taken; wrong values, with their exact place."""

import copy
import re
import typing
from pathlib import Path

import pytest
import yaml
from config_files import HERE, REST, load_yaml
from test_config_networks import TAKEN, at, plain

from kubepresso.config import ConfigError, load_config
from kubepresso.config.augmentation import AnyTransform
from kubepresso.config.training import Ema, Optimizer, Scheduler

NETWORKS, TASKS = load_yaml("networks.yaml"), load_yaml("tasks.yaml")
BLOCKS = [
    block
    for file in sorted((HERE / "reference").glob("*.yaml"))
    for block in yaml.safe_load(file.read_text())
]
CASES = [(block, f"{block['at']}.{key}", case) for block in BLOCKS for key, case in block["keys"].items()]
RIGHT = [(block, key, value) for block, key, case in CASES for value in case["taken"]]
WRONG = [(block, key, value, said) for block, key, case in CASES for value, said in case["wrong"]]


def name_of(value):
    return value["base"] if isinstance(value, dict) and "base" in value else str(value)[:40]


def put(content, key, value):
    *way, last = [int(step) if step.isdigit() else step for step in key.split(".")]
    for step in way:
        content = content.setdefault(step, {}) if isinstance(content, dict) else content[step]
    content[last] = copy.deepcopy(value)


def content_of(block):
    """Return the configuration of a block, as it is before a key is set."""
    model = NETWORKS[block["base"]]
    content = copy.deepcopy({**TASKS[model["task"]], "model": {"name": "mine", **model}, **REST})
    for key, value in block.get("put", {}).items():
        put(content, key, value)
    return content


@pytest.fixture
def written(tmp_path):
    """Write the file of a block with one key set, each key in a line of its own."""

    def write(block, key, value) -> Path:
        content = content_of(block)
        put(content, key, value)
        path = tmp_path / "all.yaml"
        path.write_text(yaml.dump(content, Dumper=Plain, sort_keys=False))
        return path

    return write


class Plain(yaml.CSafeDumper):
    """Writes a value that stands in two places twice."""

    def ignore_aliases(self, data):
        return True


def place(path, dotted):
    """Return line and column, from 1, of a value in a file; of its mapping's key where it is missing."""
    node = yaml.compose(path.read_text(), Loader=yaml.CSafeLoader)
    holder = node
    for step in dotted.split("."):
        if isinstance(node, yaml.SequenceNode):
            holder = node = node.value[int(step)]
        else:
            found = {key.value: (key, value) for key, value in node.value}
            holder, node = found.get(step, (holder, holder))
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


@pytest.mark.parametrize(("block", "key", "value"), RIGHT, ids=name_of)
def test_value_of_the_reference_is_taken(written, block, key, value):
    if isinstance(value, dict) and value.keys() == {"write", "read"}:
        value, expected = value["write"], value["read"]
    else:
        expected = value
    if isinstance(value, dict):
        expected = {str(index): name for index, name in value.items()}
    config = load_config(str(written(block, key, value)))
    assert plain(at(config, key.replace("pallete", "palette"))) == plain(expected)


@pytest.mark.parametrize(("block", "key", "value", "said"), WRONG, ids=name_of)
def test_wrong_value_is_told_with_its_line(written, block, key, value, said):
    below = re.match(r"[\w.]+: ", said)
    dotted, text = (f"{key}.{below[0][:-2]}", said[below.end() :]) if below else (key, said)
    path = written(block, key, value)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    expected = f"{place(path, dotted)}: {dotted}: {text}"
    assert any(line.startswith(expected) for line in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in TAKEN.items() for key in keys], ids=name_of
)
def test_nonsense_at_each_key_of_a_network_is_told_with_its_line(written, name, key):
    dotted = f"model.{key}"
    path = written({"base": name}, dotted, {"nonsense": 1})
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    found = [line for line in caught.value.problems if line.startswith(f"{place(path, dotted)}: {dotted}: ")]
    assert found, caught.value.problems


def test_every_key_of_transforms_optimizers_schedules_and_averages_is_in_the_table():
    """So that a key that is added gets its lines."""
    listed = set()
    for block in BLOCKS:
        entry = content_of(block)
        for step in block["at"].split("."):
            entry = entry[int(step) if step.isdigit() else step]
        listed |= {(entry.get("name"), key) for key in block["keys"]}
    wanted = {
        (section.model_fields["name"].default, key)
        for union in (AnyTransform, Ema, Scheduler)
        for section in typing.get_args(typing.get_args(union)[0])
        for key in section.model_fields
        if key != "name"
    }
    wanted |= {
        (section.model_fields["name"].default, key)
        for section in typing.get_args(typing.get_args(Optimizer)[0])
        for key in section.model_fields.keys() - {"name", "lr", "weight_decay", "overwrite"}
        if not key.startswith("no_")
    }
    assert wanted <= listed, wanted - listed
    assert len({name for name, _ in wanted}) == 21 + 2 + 5 + 7
