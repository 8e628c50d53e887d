"""What evaluate reports, against figures computed another way, and what it refuses."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from digit_models import CLASSES, SPLITS, write_prepared
from sklearn import metrics as sklearn_metrics
from sklearn.datasets import load_digits

from kubepresso.errors import UserError
from kubepresso.steps import evaluate

CONFIG = yaml.safe_dump({"logging": {}})


@pytest.fixture(scope="module")
def outputs(good_bundle):
    """ONNX Runtime's softmax over the test images, from scikit-learn's own arrays."""
    import onnxruntime

    digits = load_digits()
    pixels = (digits.images[SPLITS["test"]] * 255 / 16).astype(np.uint8) / np.float32(255)
    images = np.repeat(((pixels - 0.5) / 0.5)[:, None], 3, axis=1).astype(np.float32)
    (logits,) = onnxruntime.InferenceSession(good_bundle / "model.onnx").run(None, {"images": images})
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True), digits.target[SPLITS["test"]]


def test_figures_are_those_of_scikit_learn(prepared, good_bundle, outputs, store, client, tmp_path):
    report = tmp_path / "report"
    found = evaluate.run(
        config=CONFIG, dataset=prepared, model=good_bundle, report=report, title="evaluate original"
    )
    scores, labels = outputs
    predicted = scores.argmax(1)
    assert (found.split, found.images) == ("test", len(labels))
    assert found.metrics()["top1_accuracy"] == pytest.approx(
        sklearn_metrics.accuracy_score(labels, predicted)
    )
    assert found.metrics()["top5_accuracy"] == pytest.approx(
        sklearn_metrics.top_k_accuracy_score(labels, scores, k=5)
    )
    assert found.metrics()["roc_auc"] == pytest.approx(
        sklearn_metrics.roc_auc_score(labels, scores, multi_class="ovr"), abs=1e-6
    )
    assert found.confusion == sklearn_metrics.confusion_matrix(labels, predicted).tolist()
    precision, recall, _, support = sklearn_metrics.precision_recall_fscore_support(labels, predicted)
    assert [row.precision for row in found.table] == pytest.approx(precision.tolist())
    assert [row.recall for row in found.table] == pytest.approx(recall.tolist())
    assert [row.images for row in found.table] == support.tolist()
    wrong = np.flatnonzero(predicted != labels)
    assert len(wrong) > 24
    worst = wrong[np.argsort(-scores.max(1)[wrong])][:24]
    assert [mistake.confidence for mistake in found.mistakes] == pytest.approx(
        scores.max(1)[worst].tolist(), abs=1e-4
    )
    assert {mistake.path for mistake in found.mistakes} == {
        f"test/{SPLITS['test'].start + index}.png" for index in worst
    }
    assert found.roc[0][:2] == (0.0, 0.0)
    assert found.roc[-1][:2] == (1.0, 1.0)
    assert np.isfinite(np.array(found.roc)).all()

    page = report.read_text()
    assert page.count("<figure>") == 24
    assert "evaluate original" in page

    run = client.search_runs([client.get_experiment_by_name(store.experiment).experiment_id])[0]
    assert run.info.run_name == "evaluate original"
    assert run.data.metrics == pytest.approx(found.metrics())
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"evaluation.html", "evaluation.json", "confusion_matrix.json"}
    path = client.download_artifacts(run.info.run_id, "evaluation.json", str(tmp_path))
    saved = json.loads(Path(path).read_text())
    assert saved["confusion"] == found.confusion


def test_cost_is_that_of_the_files(prepared, good_bundle, silent_tracking, tmp_path):
    found = evaluate.run(config=CONFIG, dataset=prepared, model=good_bundle, report=tmp_path / "r")
    cost = found.metrics()
    assert cost["parameters"] == 16 * 3 * 9 + 16 + 16 * 16 * 9 + 16 + 144 * 10 + 10
    assert cost["macs"] == 64 * 16 * 27 + 9 * 16 * 144 + 1440
    assert cost["size_mb"] == (good_bundle / "model.onnx").stat().st_size / 1e6
    assert 0 < cost["latency_ms"] <= cost["latency_p95_ms"] < 100
    assert cost["onnx_difference"] < 1e-4


def test_the_split_is_test_else_valid_else_an_error(prepared, good_bundle, silent_tracking, tmp_path):
    def split_of(folder, **asked):
        return evaluate.run(
            config=CONFIG, dataset=folder, model=good_bundle, report=tmp_path / "r", **asked
        ).split

    assert split_of(prepared, split="train") == "train"
    assert split_of(write_prepared(tmp_path / "two", ("train", "valid"), limit=20)) == "valid"
    with pytest.raises(UserError, match="no split test or valid"):
        split_of(write_prepared(tmp_path / "one", ("train",), limit=20))


def test_the_metrics_of_both_splits_that_are_no_training_data(good_bundle, silent_tracking, tmp_path):
    folder = write_prepared(tmp_path / "three", ("train", "valid", "test"), limit=20)
    found = evaluate.run(config=CONFIG, dataset=folder, model=good_bundle, report=tmp_path / "r")
    assert found.split == "test"
    again = evaluate.run(
        config=CONFIG, dataset=folder, model=good_bundle, report=tmp_path / "r", split="valid"
    )
    assert found.metrics()["valid_top1_accuracy"] == again.metrics()["top1_accuracy"]
    assert again.metrics()["test_top1_accuracy"] == found.metrics()["top1_accuracy"]


def test_a_split_of_one_class_has_no_roc(good_bundle, silent_tracking, tmp_path):
    folder = write_prepared(tmp_path / "one", ("train", "valid"), limit=1)
    found = evaluate.run(config=CONFIG, dataset=folder, model=good_bundle, report=tmp_path / "r")
    assert found.roc == []
    assert "roc_auc" not in found.metrics()


def test_metric_names_choose_the_metrics(prepared, good_bundle, silent_tracking, tmp_path):
    config = yaml.safe_dump({"logging": {"metrics": {"metric_names": ["top5_accuracy"]}}})
    found = evaluate.run(config=config, dataset=prepared, model=good_bundle, report=tmp_path / "r")
    assert set(found.quality) == {"top5_accuracy", "roc_auc"}


def test_an_onnx_file_that_says_something_else_is_refused(prepared, good_bundle, silent_tracking, tmp_path):
    folder = tmp_path / "altered"
    shutil.copytree(good_bundle, folder)
    model = onnx.load(folder / "model.onnx")
    weights = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [10])
    weights.CopyFrom(onnx.numpy_helper.from_array(np.ones(10, np.float32) * 0.5, weights.name))
    onnx.save(model, folder / "model.onnx")
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / "model.onnx").read_bytes()
    manifest["files"]["model.onnx"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="outputs differ from the graph's"):
        evaluate.run(config=CONFIG, dataset=prepared, model=folder, report=tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_model_of_other_classes_is_refused(prepared, make_bundle, silent_tracking, tmp_path):
    bundle = make_bundle(classes=[*CLASSES[:9], "ten"])
    with pytest.raises(UserError, match="ten"):
        evaluate.run(config=CONFIG, dataset=prepared, model=bundle, report=tmp_path / "report")


def test_a_truncated_bundle_is_refused(prepared, good_bundle, silent_tracking, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(good_bundle, folder)
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"model\.onnx"):
        evaluate.run(config=CONFIG, dataset=prepared, model=folder, report=tmp_path / "report")
