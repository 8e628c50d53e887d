"""Whatever the text, the answer is a configuration or an error a user can act on."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepresso.config import ConfigError, digest, dump, load_config, parse_view
from kubepresso.config.document import MAX_VALUES, parse
from kubepresso.config.text import MAX_BYTES

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(['*' + before] * 10)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "nested lists": ("[" * 300_000, "nested deeper"),
    "nested dashes": ("- " * 300_000, "nested deeper"),
    "nested mappings": ("{a: " * 100_000, "nested deeper"),
    "billion laughs": (BOMB, f"more than {MAX_VALUES} values"),
    "merged laughs": (MERGE_BOMB, "too much is merged"),
    "itself": ("a: &a [*a]", "nested deeper than 64 levels once aliases are followed"),
    "merged itself": ("a: &a {<<: *a}", "too much is merged"),
    "huge": ("a: " + "x" * MAX_BYTES, "larger than 1 MiB"),
    "python object": (
        "a: !!python/object/apply:os.system [id]",
        "tag !!python/object/apply:os.system is not allowed",
    ),
    "local tag": ("a: !include /etc/passwd", "tag !include is not allowed"),
    "binary": ("a: !!binary aGk=", "tag !!binary is not allowed"),
    "tab": ("a:\n\tb: 1", "2:1: a tab; indent with spaces"),
    "two documents": ("a: 1\n---\nb: 2", "2:1: --- begins a second document"),
    "no such alias": ("a: *b", "1:4: *b refers to nothing"),
    "open bracket": ("a: [1, 2", "1:4: the [ that opens here is not closed"),
    "control character": ("a: \x01", "1:4: an invisible character, U+0001 (control character); delete it"),
    "list as key": ("? [a]\n: 1", "1:3: a list or mapping is no key"),
    "true as key": ("on: 1", "1:1: 'on' is no key: a key is text; put it in quotes"),
    "null as key": ("~: 1", "'~' is no key"),
    "twice": ("a: 1\nb: 2\na: 3", "3:1: a: key given twice, first in line 1"),
    "merge of a number": ("a: {<<: 3}", "only a mapping can be merged"),
    "number that is none": ("a: !!int x", "'x' is not int"),
    "endless number": (
        "a: " + "9" * 5000,
        "'9999999999999999999999999999999999999999' ... has too many digits",
    ),
    "interpolation": ("a: x\nb: ${a}/y", "2:4: b: ${...} is not filled in; write the value itself"),
    "surrogate": ("a: \ud800", "surrogate"),
    "latin-1": ("a: caf\xe9".encode("latin-1"), "not UTF-8 text"),
    "half of utf-16": (b"\xff\xfea", "not UTF-16 text"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason_and_at_once(name):
    content, reason = REFUSED[name]
    began = time.monotonic()
    found = [str(problem) for problem in parse(content, "text").problems]
    assert any(reason in line for line in found), found
    assert all(line.startswith("text:") for line in found)
    assert time.monotonic() - began < 5


READ = {
    "a: 1e-5": 1e-5,
    "a: 1.e-5": 1e-5,
    "a: -.5": -0.5,
    "a: 1E3": 1000.0,
    "a: 6.": 6.0,
    "a: 1_000": 1000,
    "a: 0x10": 16,
    "a: 010": 8,
    "a: 12:30": "12:30",
    "a: 2026-01-02": "2026-01-02",
    "a: 1.2.3": "1.2.3",
    "a: e5": "e5",
    "a: 08": "08",
    "a: yes": True,
    "a: ~": None,
    "a:": None,
    "a: ''": "",
    "b: &x [1]\na: *x": [1],
    "b: &x {c: 1, d: 2}\na: {<<: *x, c: 3}": {"c": 3, "d": 2},
    "b: &x {c: 1}\ne: &y {c: 2, d: 2}\na: {<<: [*x, *y]}": {"c": 1, "d": 2},
    "{a: {0: x}}": {"0": "x"},
    "\ufeffa: x": "x",
    "a: \N{SNOWMAN}": "\N{SNOWMAN}",
}


@pytest.mark.parametrize("text", READ)
@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-16"])
def test_read_as_meant(text, encoding):
    document = parse(text.encode(encoding) if encoding else text, "text")
    assert document.problems == []
    assert document.value["a"] == READ[text]
    assert type(document.value["a"]) is type(READ[text])


def test_places_of_keys_and_values():
    document = parse("a:\n  - b: 1\n    c:  x\n", "file")
    assert str(document.keys[("a", 0, "c")]) == "file:3:5"
    assert str(document.values[("a", 0, "c")]) == "file:3:9"


def problems_of(read):
    """What an error says; one line where there is none. Any other exception goes through."""
    try:
        read()
    except ConfigError as error:
        return error.problems
    return ["no error"]


def load_or_error(path, overrides=()):
    found = problems_of(lambda: load_config(str(path), overrides))
    assert found
    assert all(found)


@settings(max_examples=300, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    load_or_error(path)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["sgd", "resize", "classification", "resnet", "0, 1", "[", "s3://", "~"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["name", "size", "lr", "params", "train", "criterion", "0"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)
PATHS = st.sampled_from(
    [
        ("data",),
        ("data", "path"),
        ("data", "path", "train"),
        ("data", "id_mapping"),
        ("augmentation",),
        ("augmentation", "train"),
        ("augmentation", "train", 0),
        ("augmentation", "train", 0, "size"),
        ("model",),
        ("model", "architecture"),
        ("model", "architecture", "backbone"),
        ("model", "architecture", "backbone", "stage_params"),
        ("model", "architecture", "head"),
        ("model", "losses"),
        ("model", "losses", 0),
        ("training",),
        ("training", "optimizer"),
        ("training", "scheduler"),
        ("training", "ema"),
        ("training", "retraining"),
        ("logging",),
        ("logging", "metrics"),
        ("logging", "promotion"),
        ("environment",),
        ("environment", "gpus"),
        ("strange",),
    ]
)


def put(holder, path, value):
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value


@settings(max_examples=400, deadline=None)
@given(path=PATHS, value=VALUES)
def test_any_value_at_any_key(tmp_path_factory, complete_text, path, value):
    import yaml

    content = yaml.safe_load(complete_text)
    put(content, path, value)
    file = tmp_path_factory.getbasetemp() / "value.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="replace")
    load_or_error(file)


@settings(max_examples=300, deadline=None)
@given(
    override=st.one_of(
        st.text(max_size=40),
        st.builds(
            "{}={}".format,
            st.sampled_from(
                ["training.epochs", "augmentation.train.0.size", "data.path", "model.losses.0", "a.b"]
            ),
            st.text(max_size=20),
        ),
    )
)
def test_any_override(complete_file, override):
    load_or_error(complete_file, [override])


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_any_view_and_any_digest(text):
    assert problems_of(lambda: parse_view(text))
    assert problems_of(lambda: digest(text))


@settings(max_examples=200, deadline=None)
@given(value=VALUES)
def test_what_is_written_is_read_back(complete_file, value):
    try:
        config = load_config(complete_file, ["data.name=x"])
        named = config.model_copy(update={"data": config.data.model_copy(update={"name": str(value) or "x"})})
        text = named.to_yaml(["data"])
    except UnicodeEncodeError:
        return
    if all(char.isprintable() for char in str(value)):
        assert parse_view(text).data == named.data


def test_text_that_looks_like_something_else_is_written_in_quotes():
    words = [
        "1e5",
        "12:30",
        "2026-01-02",
        "yes",
        "null",
        "~",
        "0x1",
        "08",
        "1_0",
        ".5",
        "<<",
        "=",
        "",
        " ",
        "a: b",
    ]
    assert parse(dump({"a": words}), "text").value == {"a": words}
