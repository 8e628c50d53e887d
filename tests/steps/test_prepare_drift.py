"""prepare_dataset finds the data before in MLflow, whatever state that is in."""

import io
import json
import time

import numpy as np
import pytest
from PIL import Image

from kubepresso.errors import UserError
from kubepresso.steps import prepare_dataset


@pytest.fixture
def pantry(tmp_path):
    """Write class folders of noise of some brightness; returns their root."""

    def write(name, brightness):
        generator = np.random.default_rng(brightness)
        for split, count in (("train", 60), ("valid", 20)):
            for kind in ("apple", "bread"):
                folder = tmp_path / name / split / kind
                folder.mkdir(parents=True)
                for index in range(count):
                    pixels = generator.normal(brightness, 20, (24, 24, 3)).clip(0, 255).astype(np.uint8)
                    buffer = io.BytesIO()
                    Image.fromarray(pixels).save(buffer, "PNG")
                    (folder / f"{index}.png").write_bytes(buffer.getvalue())
        return tmp_path / name

    return write


@pytest.fixture
def prepare(tmp_path):
    def run(root, name="pantry", **checks):
        data = {"name": name, "task": "classification", "path": {"root": str(root)}, "checks": checks}
        arguments = {"dataset": tmp_path / "dataset", "report": tmp_path / "report.html"}
        summary = prepare_dataset.run(config=json.dumps({"data": data}), data_digest="sha256:0", **arguments)
        return summary, (tmp_path / "report.html").read_text()

    return run


def test_data_that_changed_is_noted_and_its_numbers_are_in_mlflow(store, client, pantry, prepare):
    dark, bright = pantry("dark", 60), pantry("bright", 180)
    first, page = prepare(dark)
    assert "Not compared: there is no earlier run." in page
    again, page = prepare(dark)
    assert "Not compared: there is no earlier run." in page  # the same data is no other data
    assert again == first
    summary, page = prepare(bright)
    assert summary.findings["drift"] == 2
    assert "train: Brightness" in page
    experiment = client.get_experiment_by_name(store.experiment).experiment_id
    latest = client.search_runs([experiment], order_by=["attributes.start_time DESC"], max_results=1)[0]
    assert latest.data.metrics["train/brightness_mean"] == pytest.approx(180, abs=2)
    assert latest.data.metrics["valid/near_duplicates"] == 0
    assert latest.data.metrics["stability_index_largest"] > 0.2
    assert "fingerprint.json" in {entry.path for entry in client.list_artifacts(latest.info.run_id)}
    _, page = prepare(bright, name="larder")
    assert "Not compared: there is no earlier run." in page


def test_drift_refuses_where_the_policy_says_so(store, pantry, prepare, tmp_path):
    prepare(pantry("dark", 60))
    bright = pantry("bright", 180)
    with pytest.raises(UserError, match=r"data\.checks\.drift: warn"):
        prepare(bright, drift="refuse")
    assert not (tmp_path / "dataset").exists()
    assert "The data was refused" in (tmp_path / "report.html").read_text()
    assert prepare(bright, drift="ignore")[0].findings["drift"] == 0


def test_a_server_that_is_gone_costs_seconds_and_no_result(monkeypatch, pantry, prepare, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    started = time.monotonic()
    summary, page = prepare(pantry("dark", 60))
    assert time.monotonic() - started < 30
    assert summary.counts == {"train": 120, "valid": 40}
    assert "Not compared: the tracking server could not be asked." in page
