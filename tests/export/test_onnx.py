"""ONNX files: one file, any batch, the same outputs, the operator set that was asked for."""

import onnx
import pytest
import torch
from architectures import enliven, images, model_config
from torch import nn

from kubepresso.errors import UserError
from kubepresso.export import trace
from kubepresso.export.latency import measure_latency
from kubepresso.export.onnx import export_onnx
from kubepresso.export.parity import onnx_difference
from kubepresso.models import build_model


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    return trace(enliven(build_model(model_config("mobilenet_v3_small"), 10)).eval())


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_outputs_are_those_of_the_graph(graph, tmp_path, opset, capsys):
    path = tmp_path / "model.onnx"
    export_onnx(graph, path, (64, 64), opset)
    expected = graph(images()).abs().max().item()
    assert expected > 0.1
    for batch in (1, 3):
        assert onnx_difference(graph, path, images(batch)) < 1e-5 * max(1, expected)
    assert onnx.load(path).opset_import[0].version == opset
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert capsys.readouterr().out == ""


def test_a_difference_is_seen(graph, tmp_path):
    export_onnx(graph, tmp_path / "model.onnx", (64, 64), 17)
    other = trace(enliven(build_model(model_config("mobilenet_v3_small"), 10), seed=9).eval())
    assert onnx_difference(other, tmp_path / "model.onnx", images()) > 1e-2


def test_a_network_in_training_mode_is_written_for_inference_and_left_so(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    export_onnx(model, tmp_path / "model.onnx", (8, 8), 17)
    operators = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert "Dropout" not in operators
    assert model.training
    assert int(model[1].num_batches_tracked) == 0


def test_what_onnx_cannot_say_is_a_clear_error(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    with pytest.raises(UserError, match="cannot be written as ONNX opset 17"):
        export_onnx(Odd(), tmp_path / "model.onnx", (8, 8), 17)
    assert not list(tmp_path.iterdir())


def test_latency_of_more_work_is_longer(graph, tmp_path):
    export_onnx(graph, tmp_path / "model.onnx", (32, 32), 17)
    export_onnx(graph, tmp_path / "larger.onnx", (256, 256), 17)
    small = measure_latency(tmp_path / "model.onnx", (32, 32), runs=20)
    large = measure_latency(tmp_path / "larger.onnx", (256, 256), runs=10, warmup=2)
    assert 0 < small.median_ms <= small.p95_ms
    assert large.median_ms > small.median_ms


def test_a_damaged_file_is_a_clear_error(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no")
    with pytest.raises(UserError, match=r"model\.onnx: ONNX Runtime cannot open it"):
        measure_latency(tmp_path / "model.onnx", (8, 8))
