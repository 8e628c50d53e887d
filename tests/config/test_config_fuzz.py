"""Valid files of every task, changed at random: the answer is a configuration or lines with their places."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepresso.config import Config, ConfigError, load_config

#: ``file:line:column: text``, or the override that is wrong.
LINE = re.compile(r"^(.*fuzz\.yaml:\d+:\d+: |override ['\"]).+", re.DOTALL)
WORDS = [
    "sgd",
    "fc",
    "resnet",
    "detection",
    "RGB",
    "(0, 0, 0)",
    "0, 1",
    "[",
    "s3://",
    "~",
    "\N{SNOWMAN}",
    "",
    "1e5",
    "null",
    "a{9999999999}",
    "(?P<a",
    "[[a-z]+",
    "(" * 3000 + ")" * 3000,
    "\\",
    "x" * 5000,
    "\N{SNOWMAN}" * 300,
    "\0",
    "(?i)(a+)+$",
    "(1, 2",
    "9" * 5000,
]
NUMBERS = [10**9, 10**9 + 1, 2**63, 2**64, 10**299, -(10**299), 1e-320]


def nested(depth, kind):
    """Return a list or mapping of as many levels."""
    value = "x"
    for _ in range(depth):
        value = [value] if kind == "list" else {"name": value}
    return value


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.sampled_from(
            [0, 1, -1, 2, 255, 10**9, 0.5, 1e-9, 1e308, float("nan"), float("inf"), -float("inf")]
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
        st.text(st.sampled_from("()[]{}*+?|\\^$.a0,:-"), min_size=1, max_size=40),
        st.sampled_from(NUMBERS),
        st.builds(nested, st.integers(1, 80), st.sampled_from(["list", "mapping"])),
        st.sampled_from(WORDS),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "params", "size", "criterion", "0", "swap", "x"]), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def contents(network_files):
    return [yaml.safe_load(Path(file).read_text()) for file in network_files.values()]


def places(value, path=()):
    """List every path below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def at(content, path):
    for key in path:
        content = content[key]
    return content


def drop(content, path, _):
    del at(content, path[:-1])[path[-1]]


def replace(content, path, value):
    at(content, path[:-1])[path[-1]] = value


def rename(content, path, value):
    holder = at(content, path[:-1])
    if isinstance(holder, dict):
        holder[str(value)[:8]] = holder.pop(path[-1])


def repeat(content, path, _):
    holder = at(content, path[:-1])
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[path[-1]]))


def swap(content, path, _):
    """Put the value of one place at another."""
    others = list(places(content))
    replace(content, path, copy.deepcopy(at(content, others[len(path) * 31 % len(others)])))


def answer(path, text, overrides=()):
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    try:
        config = load_config(str(path), overrides)
    except ConfigError as error:
        lines = error.problems
        found = bool(lines)
    else:
        lines = [*config.warnings, *config.untrainable]
        found = isinstance(config, Config) and bool(config.to_yaml())
    assert found
    assert all(LINE.match(line) for line in lines), lines


slow = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@slow
@given(data=st.data())
def test_values_and_keys_changed_at_random(contents, tmp_path_factory, data):
    content = copy.deepcopy(data.draw(st.sampled_from(contents)))
    for _ in range(data.draw(st.integers(1, 3))):
        paths = list(places(content))
        if not paths:
            break
        change = data.draw(st.sampled_from([drop, replace, replace, rename, repeat, swap]))
        change(content, data.draw(st.sampled_from(paths)), data.draw(JSON))
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    answer(path, yaml.safe_dump(content, allow_unicode=data.draw(st.booleans())))


@slow
@given(data=st.data())
def test_text_changed_at_random(network_files, tmp_path_factory, data):
    text = Path(data.draw(st.sampled_from(list(network_files.values())))).read_text()
    pieces = [
        "\t",
        "- ",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!python/name:os ",
        "!x ",
        "{",
        "]",
        ": ",
        "\x00",
        "'",
        "|\n",
        "---\n",
        "\ufeff",
        "? ",
        "\n",
        "[" * 200,
        "{a: " * 70,
        " " * 300,
        "9" * 400,
        "0x" + "f" * 4000,
        "a: &b {<<: *b}\n",
        '"\\ud83d"',
        "long " * 2000,
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 40)))
        text = text[:begin] + data.draw(st.sampled_from(["", text[begin:end] * 2, *pieces])) + text[end:]
    answer(tmp_path_factory.getbasetemp() / "fuzz.yaml", text)


@slow
@given(data=st.data())
def test_bytes_changed_at_random(network_files, tmp_path_factory, data):
    raw = bytearray(Path(data.draw(st.sampled_from(list(network_files.values())))).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    answer(tmp_path_factory.getbasetemp() / "fuzz.yaml", bytes(raw))


@slow
@given(data=st.data())
def test_overrides_at_random(contents, network_files, tmp_path_factory, data):
    index = data.draw(st.integers(0, len(contents) - 1))
    path = data.draw(st.sampled_from(list(places(contents[index]))))
    value = yaml.safe_dump(data.draw(JSON), default_flow_style=True).removesuffix("...\n").strip()
    text = Path(list(network_files.values())[index]).read_text()
    answer(tmp_path_factory.getbasetemp() / "fuzz.yaml", text, [f"{'.'.join(map(str, path))}={value}"])


KEYS = st.text(st.sampled_from("ab0129._-=[] "), max_size=30)


@slow
@given(
    keys=st.lists(st.one_of(KEYS, st.sampled_from(["training", "9" * 5000, "data"])), max_size=300),
    data=st.data(),
)
def test_keys_of_overrides_at_random(network_files, tmp_path_factory, keys, data):
    text = Path(network_files["resnet_fc"]).read_text()
    override = f"{'.'.join(keys)}={data.draw(st.sampled_from(WORDS))}"
    answer(tmp_path_factory.getbasetemp() / "fuzz.yaml", text, [override])


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word[:12])
@pytest.mark.parametrize(
    "key",
    [
        "data.path.pattern.image",
        "data.id_mapping",
        "environment.gpus",
        "logging.project_id",
        "training.epochs",
    ],
)
def test_each_word_at_keys_that_read_text(network_files, tmp_path_factory, key, word):
    text = Path(network_files["resnet_fc"]).read_text()
    quoted = "'" + word.replace("'", "''") + "'"
    answer(tmp_path_factory.getbasetemp() / "fuzz.yaml", text, [f"{key}={quoted}", f"{key}={word}"])


@pytest.mark.parametrize(
    "text",
    [
        "data: &a {x: *a}\n",
        "data: &a [*a, *a]\n",
        "model: {task: detection, task: detection}\n",
        "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nmodel: [*b,*b,*b,*b,*b,*b,*b,*b]\n",
        "model: !!python/object/new:os.system [id]\n",
        "data: [1, 2\n",
        "[[[[[[",
        "data: null\nmodel: 3\naugmentation: []\ntraining: x\n",
        "",
        "null",
        "- data",
    ],
)
def test_shapes_that_no_file_has(tmp_path, text):
    path = tmp_path / "fuzz.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert all(LINE.match(line) for line in caught.value.problems), caught.value.problems
