"""A graph.json from a stranger builds a graph or is refused; it never runs code and never fails otherwise."""

import contextlib
import copy
import json
import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import fx, nn

from kubepresso.errors import UserError
from kubepresso.export import load_graph, save_graph, trace


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x):
        x = self.conv(x) + 1.5
        return self.head(torch.flatten(x.mean((2, 3), keepdim=True), 1))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    torch.manual_seed(0)
    save_graph(folder, trace(Small()))
    return folder


@pytest.fixture
def document(original):
    return json.loads((original / "graph.json").read_text())


def load(original, folder, document):
    folder.mkdir(exist_ok=True)
    shutil.copy(original / "weights.safetensors", folder)
    (folder / "graph.json").write_text(json.dumps(document))
    return load_graph(folder)


def node(document, operation):
    return next(node for node in document["nodes"] if node["op"] == operation)


FUNCTIONS = [
    "os.system", "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__", "torch.load",
    "torch.hub.load", "torch.ops.aten.add", "operator.attrgetter", "operator.methodcaller", "subprocess.run",
    "pickle.loads", "torch.flatten.__globals__", "torch.nn.functional.torch.load", "", "operator", None, 1,
    ["operator.add"], {"node": "x"},
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_outside_the_vocabulary_is_refused(original, tmp_path, document, function):
    node(document, "call_function")["target"] = function
    with pytest.raises(UserError, match=r"graph\.json: nodes\[\d\]"):
        load(original, tmp_path, document)


@pytest.mark.parametrize(
    "method",
    [
        "__class__",
        "__reduce__",
        "__getattribute__",
        "apply_",
        "data_ptr",
        "numpy",
        "map_",
        "a.b",
        "mean()",
        "",
    ],
)
def test_a_method_outside_the_vocabulary_is_refused(original, tmp_path, document, method):
    node(document, "call_method")["target"] = method
    with pytest.raises(UserError, match=r"call_method .* is not allowed"):
        load(original, tmp_path, document)


@pytest.mark.parametrize(
    "path",
    [
        "__class__",
        "conv.__class__",
        "conv.weight",
        "head",
        "forward",
        "conv.forward.__globals__",
        "nowhere",
        "",
        ".",
    ],
)
def test_a_module_that_is_not_there_is_refused(original, tmp_path, document, path):
    node(document, "call_module")["target"] = path
    with pytest.raises(UserError, match=r"call_module .* is not allowed"):
        load(original, tmp_path, document)


@pytest.mark.parametrize("operation", ["get_attr", "root", "", None, "call_function ", 3])
def test_an_unknown_operation_is_refused(original, tmp_path, document, operation):
    document["nodes"][1]["op"] = operation
    with pytest.raises(UserError, match=r"op .* is not allowed"):
        load(original, tmp_path, document)


CODE = '__import__("os").mkdir("{}")'


@pytest.mark.parametrize("word", ["class", "self", "None", "lambda", "__class__", "a b", "a\n", "é", ""])
@pytest.mark.parametrize("place", ["name", "target", "keyword"])
def test_a_name_that_python_cannot_take_is_refused(original, tmp_path, document, place, word):
    if place == "keyword":
        node(document, "call_method")["kwargs"][word] = 1
    else:
        document["nodes"][0][place] = word
    with pytest.raises(UserError, match=r"graph\.json: nodes\[\d\]"):
        load(original, tmp_path, document)


@pytest.mark.parametrize("place", ["name", "target", "keyword", "path", "text"])
def test_no_name_becomes_python_that_runs(original, tmp_path, document, place):
    """FX writes Python source from names and compiles it: none may hold more than a name."""
    code = CODE.format(tmp_path / "ran")
    if place == "name":
        document["nodes"][0]["name"] = f"x = {code}"
    elif place == "target":
        document["nodes"][0]["target"] = f"x={code}"
    elif place == "keyword":
        node(document, "call_method")["kwargs"][f"keepdim={code},dim"] = 1
    elif place == "path":
        path = f'a") or {code} or getattr(self, "conv'
        document["modules"] = {
            path if key == "conv" else key: value for key, value in document["modules"].items()
        }
        node(document, "call_module")["target"] = path
    else:
        node(document, "call_method")["args"][1] = f'"); {code}; ("'
    try:
        load(original, tmp_path / "graph", document)(torch.zeros(1, 3, 4, 4))
    except UserError:
        assert place != "text"
    except TypeError:
        assert place == "text", "text is data: the method itself refuses it"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "description",
    [
        {"type": "LSTM", "args": {}},
        {"type": "Module", "args": {}},
        {"type": "__class__", "args": {}},
        {"type": "torch.nn.ReLU", "args": {"inplace": False}},
        {"type": "ReLU", "args": {"inplace": False, "device": "cuda"}},
        {"type": "ReLU", "args": {}},
        {"type": "ReLU"},
        {"type": ["ReLU"], "args": {"inplace": False}},
        {"type": "Linear", "args": {"in_features": -1, "out_features": 2, "bias": True}},
        {"type": "Linear", "args": {"in_features": "4", "out_features": 2, "bias": True}},
        {"type": "Linear", "args": {"in_features": 10**30, "out_features": 2, "bias": True}},
        {"type": "Linear", "args": {"in_features": {"node": "x"}, "out_features": 2, "bias": True}},
        [],
        None,
    ],
)
def test_a_module_outside_the_vocabulary_is_refused(original, tmp_path, document, description):
    document["modules"]["conv"] = description
    with pytest.raises(UserError, match=r"graph\.json: modules: 'conv'"):
        load(original, tmp_path, document)


@pytest.mark.parametrize(
    "path", ["forward", "conv.weight", "conv.forward", "_modules", "__dict__", "a..b", "training"]
)
def test_a_path_that_covers_something_is_refused(original, tmp_path, document, path):
    document["modules"][path] = {"type": "Tanh", "args": {}}
    with pytest.raises(UserError, match=r"graph\.json"):
        load(original, tmp_path, document)


def test_a_huge_layer_takes_no_memory_and_is_refused(original, tmp_path, document):
    document["modules"]["conv"]["args"] |= {"in_channels": 10**6, "out_channels": 10**6}
    with pytest.raises(UserError, match=r"conv.weight has shape \[4, 3, 3, 3\]"):
        load(original, tmp_path, document)


def test_nesting_without_end_is_refused(original, tmp_path, document):
    value = 1
    for _ in range(200):
        value = [value]
    node(document, "call_method")["args"][1] = value
    with pytest.raises(UserError, match="nests deeper"):
        load(original, tmp_path, document)
    (tmp_path / "graph.json").write_text("[" * 200_000)
    with pytest.raises(UserError, match="not JSON"):
        load_graph(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda nodes: nodes.pop(),
        lambda nodes: nodes.pop(0),
        lambda nodes: nodes.insert(0, nodes[-1]),
        lambda nodes: nodes.reverse(),
        lambda nodes: nodes.append(copy.deepcopy(nodes[1])),
        lambda nodes: nodes[1].pop("kwargs"),
        lambda nodes: nodes[1].update(extra=1),
        lambda nodes: nodes.clear(),
    ],
)
def test_a_graph_out_of_order_is_refused(original, tmp_path, document, change):
    change(document["nodes"])
    with pytest.raises(UserError, match=r"graph\.json"):
        load(original, tmp_path, document)


@pytest.mark.parametrize("name", ["weights.safetensors", "graph.json"])
def test_a_missing_or_damaged_file_is_named(original, tmp_path, document, name):
    load(original, tmp_path, document)
    (tmp_path / name).write_bytes(b"\x80\x00\xff" * 7)
    with pytest.raises(UserError, match=name):
        load_graph(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=name):
        load_graph(tmp_path)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["call_function", "torch.flatten", "operator.add", "conv", "x", "output"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["node", "tuple", "slice", "dict", "type", "args"]), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_gives_a_graph_or_a_clear_refusal(original, tmp_path, document, data):
    document = copy.deepcopy(document)
    parent, key = {"": document}, ""
    for _ in range(data.draw(st.integers(0, 5))):
        inner = parent[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        parent, key = inner, data.draw(st.sampled_from(keys))
    parent[key] = data.draw(JSON_VALUES)
    content = document if key != "" else parent[key]
    with contextlib.suppress(UserError):
        assert isinstance(load(original, tmp_path, content), fx.GraphModule)
