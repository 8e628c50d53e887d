"""The gate on a real registry: who becomes champion, who does not, and why."""

import json
import shutil
import threading
from pathlib import Path

import mlflow
import numpy as np
import pytest
import yaml
from digit_models import CLASSES, write_prepared

from kubepresso.errors import UserError
from kubepresso.steps import promote
from kubepresso.steps.champion import Token, look_up
from kubepresso.steps.measuring import measure
from kubepresso.tracking import Registry, locate

MODEL = {
    "task": "classification",
    "name": "digitnet",
    "architecture": {
        "backbone": {
            "name": "resnet",
            "params": {"block_type": "basicblock", "norm_type": "batch_norm"},
            "stage_params": [{"channels": 8, "num_blocks": 1}] * 4,
        },
        "head": {"name": "fc", "params": {"num_layers": 1}},
    },
}


def config(**rules):
    return yaml.safe_dump(
        {
            "model": MODEL,
            "logging": {"project_id": "digits", "promotion": rules},
        }
    )


@pytest.fixture(scope="module")
def bundles(make_bundle, prepared, tmp_path_factory):
    """Bundles by how much noise their weights carry, with their metrics."""
    from kubepresso.data import PreparedDataset
    from kubepresso.models import load_bundle

    data = PreparedDataset.open(prepared)

    def entry(noise, seed=0):
        folder = make_bundle(noise, seed)
        return folder, measure(load_bundle(folder), data, None).metrics()

    found = {"good": entry(0.0), "close": entry(1e-4), "bad": entry(0.3)}
    assert found["good"][1]["top1_accuracy"] > found["bad"][1]["top1_accuracy"] + 0.02
    assert abs(found["good"][1]["top1_accuracy"] - found["close"][1]["top1_accuracy"]) <= 0.005
    return found


@pytest.fixture
def decide(store, bundles, prepared, tmp_path):
    """Run promote as a pipeline would; ``run`` is the digest of the configuration that resolve saw."""

    def run(name, token=None, run="sha256:a", dataset=prepared, figures=None, **rules):
        folder, metrics = bundles[name]
        if token is None:
            token = str(look_up(Registry(store), "digits", run, "sha256:data"))
        return promote.run(
            config=config(**rules),
            dataset=dataset,
            candidate=folder,
            evaluation={**metrics, **(figures or {})},
            champion=token,
            decision=tmp_path / "decision",
        )

    return run


@pytest.fixture
def champion(client):
    def read():
        return client.get_model_version_by_alias("digits", "champion")

    return read


def failed(decision):
    return [reason for reason in decision.reasons if reason.startswith("failed")]


def test_the_first_champion_is_said_to_be_the_first(decide, champion, bundles, client, store, tmp_path):
    decision = decide("good", minimum=0.5)
    assert decision.promoted
    assert decision.version == "digits/1"
    assert any("none to compare with" in reason for reason in decision.reasons)
    found = champion()
    assert found.version in ("1", 1)
    assert found.tags["kubepresso.decision"] == "promoted"
    assert found.tags["kubepresso.predecessor"] == ""
    assert json.loads(found.tags["kubepresso.metrics"]) == pytest.approx(bundles["good"][1])
    page = (tmp_path / "decision").read_text()
    assert "Promoted" in page
    assert "none to compare with" in page
    files = {file.path for file in client.list_artifacts(found.run_id)}
    assert {"decision.html", "decision.json", "model"} <= files
    path = client.download_artifacts(found.run_id, "decision.json", str(tmp_path))
    assert json.loads(Path(path).read_text())["reasons"] == decision.reasons


def test_the_champion_is_loaded_by_its_alias_and_predicts(decide, store, client, prepared, tmp_path):
    from kubepresso.data import PreparedDataset
    from kubepresso.models import load_bundle

    decide("good")
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(store.uri)
        model = mlflow.pyfunc.load_model("models:/digits@champion")
    finally:
        mlflow.set_tracking_uri(before)
    images = np.random.default_rng(0).random((3, 3, 8, 8), np.float32)
    (scores,) = model.predict(images).values()
    import torch

    version = Registry(store).champion("digits")
    bundle = load_bundle(Registry(store).download_bundle(version, tmp_path))
    assert PreparedDataset.open(prepared).classes == list(bundle.manifest.classes)
    assert scores == pytest.approx(bundle.graph(torch.from_numpy(images)).detach().numpy(), abs=1e-5)


def test_a_better_candidate_takes_the_alias(decide, champion):
    decide("bad", run="sha256:a")
    decision = decide("good", run="sha256:b")
    assert decision.promoted
    assert decision.champion == "digits/1"
    assert str(champion().version) == "2"
    assert champion().tags["kubepresso.predecessor"] == "digits/1"


def test_worse_within_the_allowed_drop_is_promoted_and_beyond_refused(decide, champion, client, tmp_path):
    decide("good", run="sha256:a")
    assert decide("close", run="sha256:b", max_drop=0.005).promoted
    decision = decide("bad", run="sha256:c", max_drop=0.005)
    assert not decision.promoted
    assert "top1_accuracy" in failed(decision)[0]
    assert "digits/2" in failed(decision)[0]
    assert str(champion().version) == "2"
    challenger = client.get_model_version_by_alias("digits", "challenger")
    assert str(challenger.version) == "3"
    assert challenger.tags["kubepresso.decision"] == "refused"
    assert challenger.tags["kubepresso.reasons"].splitlines() == decision.reasons
    assert "Refused" in (tmp_path / "decision").read_text()


@pytest.mark.parametrize(
    ("rules", "figures", "said"),
    [
        ({"minimum": 0.999}, {}, "at least 0.999"),
        ({"max_size_mb": 0.001}, {}, "at most 0.001 MB"),
        ({"max_latency_ms": 1.0}, {"latency_ms": 2.0}, "latency 2.000 ms, at most 1 ms"),
        ({"max_size_ratio": 0.5}, {}, "size 1.000 times that of digits/1"),
        ({"max_latency_ratio": 1e-6}, {}, "times that of digits/1, at most 1e-06"),
    ],
)
def test_each_limit_refuses_by_its_own_reason(decide, champion, rules, figures, said):
    decide("good", run="sha256:a")
    decision = decide("close", run="sha256:b", figures=figures, **rules)
    assert not decision.promoted
    (reason,) = failed(decision)
    assert said in reason
    assert str(champion().version) == "1"


def test_all_reasons_are_listed_at_once(decide):
    decide("good", run="sha256:a")
    decision = decide(
        "bad", run="sha256:b", minimum=0.999, max_size_mb=0.001, max_latency_ms=1000, max_size_ratio=2
    )
    assert len(failed(decision)) == 3
    assert len(decision.reasons) == 5


def test_a_first_candidate_below_the_floor_leaves_no_champion(decide, client):
    assert not decide("good", minimum=0.9999).promoted
    assert "champion" not in client.get_registered_model("digits").aliases


def test_a_champion_of_other_data_is_measured_on_this_data(decide, champion, tmp_path, bundles):
    other = write_prepared(tmp_path / "other", ("train", "valid"), limit=100)
    decide("bad", run="sha256:a", dataset=other, figures={"top1_accuracy": 1.0})
    decision = decide("good", run="sha256:b")
    assert decision.promoted
    assert decision.baseline["top1_accuracy"] == bundles["bad"][1]["top1_accuracy"]
    assert any("measured now on this data" in reason for reason in decision.reasons)


def test_a_champion_of_other_classes_is_no_reason_to_promote(
    decide, make_bundle, bundles, champion, tmp_path
):
    classes = [*CLASSES[:9], "ten"]
    other = write_prepared(tmp_path / "other", ("train", "valid"), classes=classes, limit=100)
    bundles["ten"] = (make_bundle(classes=classes), bundles["good"][1])
    decide("ten", run="sha256:a", dataset=other)
    decision = decide("good", run="sha256:b")
    assert not decision.promoted
    assert "cannot be measured on this data" in failed(decision)[0]
    assert "registered_model" in failed(decision)[0]


def test_nothing_changed_gives_the_same_token_and_no_second_version(decide, store, client):
    registry = Registry(store)

    def token():
        return str(look_up(registry, "digits", "sha256:a", "sha256:data"))

    first = token()
    assert decide("good", token=first).promoted
    assert token() == first
    again = decide("good", token=first)
    assert again.promoted
    assert again.version == "digits/1"
    assert len(client.search_model_versions("name = 'digits'")) == 1
    assert Token.parse(str(look_up(registry, "digits", "sha256:b", "sha256:data"))).champion == "digits/1"
    assert Token.parse(str(look_up(registry, "digits", "sha256:a", "sha256:more"))).champion == "digits/1"


def test_a_refusal_gives_the_same_token_again(decide, store):
    decide("good", run="sha256:a")
    registry = Registry(store)
    before = str(look_up(registry, "digits", "sha256:b", "sha256:data"))
    assert not decide("bad", token=before).promoted
    assert str(look_up(registry, "digits", "sha256:b", "sha256:data")) == before


def token_of(store, run):
    return str(look_up(Registry(store), "digits", run, "sha256:data"))


def test_a_refused_first_candidate_gives_the_same_token_again(decide, store):
    before = token_of(store, "sha256:a")
    assert not decide("good", token=before, minimum=0.9999).promoted
    assert token_of(store, "sha256:a") == before


def test_a_champion_set_back_is_a_new_question_each_time(decide, store, client, champion):
    decide("bad", run="sha256:a")
    asked = {token_of(store, "sha256:b")}
    decide("good", run="sha256:b")
    assert token_of(store, "sha256:b") in asked
    for _ in range(2):
        client.set_registered_model_alias("digits", "champion", "1")
        token = token_of(store, "sha256:b")
        assert token not in asked
        assert token == token_of(store, "sha256:b")
        asked.add(token)
        decision = decide("good", token=token)
        assert decision.promoted
        assert decision.champion == "digits/1"
        assert decision.version == "digits/2"
        assert str(champion().version) == "2"
        assert token_of(store, "sha256:b") == token


def test_a_refused_model_made_champion_by_hand_is_a_new_question(decide, store, client):
    decide("good", run="sha256:a")
    before = token_of(store, "sha256:b")
    assert not decide("bad", token=before).promoted
    client.set_registered_model_alias("digits", "champion", "2")
    assert token_of(store, "sha256:b") != before
    client.set_registered_model_alias("digits", "champion", "1")
    assert token_of(store, "sha256:b") == before


def test_another_or_a_recreated_registry_is_a_new_question(
    decide, store, client, tmp_path, empty_database, monkeypatch
):
    first = token_of(store, "sha256:a")
    assert decide("good", token=first).promoted
    shutil.copyfile(empty_database, tmp_path / "fresh.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/fresh.db")
    assert token_of(locate(), "sha256:a") != first
    shutil.copyfile(tmp_path / "mlflow.db", tmp_path / "moved.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/moved.db")
    assert token_of(locate(), "sha256:a") != first
    assert token_of(store, "sha256:a") == first
    client.delete_registered_model("digits")  # as good as a recreated database, which one process keeps open
    assert token_of(store, "sha256:a") != first


@pytest.mark.parametrize("data", ["sha256:data", "hub:someone/some@what|ever@unknown"])
def test_a_token_reads_back_whatever_the_data_is_called(data):
    token = Token("digits/1", "0a", "7", "sha256:a", data)
    assert Token.parse(str(token)) == token


def test_without_a_server_on_a_cluster_nothing_is_first_champion(bundles, prepared, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for variable in ("MLFLOW_TRACKING_URI", "KUBEPRESSO_RUN_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    folder, metrics = bundles["good"]
    with pytest.raises(UserError, match=r"MLFLOW_TRACKING_URI.*ConfigMap `kubepresso`"):
        promote.run(
            config=config(),
            dataset=prepared,
            candidate=folder,
            evaluation=metrics,
            champion="",
            decision=tmp_path / "decision",
        )


def test_a_champion_that_came_since_resolve_is_not_displaced(decide, store, champion):
    before = str(look_up(Registry(store), "digits", "sha256:b", "sha256:data"))
    decide("good", run="sha256:a")
    decision = decide("close", token=before)
    assert token_of(store, "sha256:b") != before
    assert not decision.promoted
    assert "was none when this run began and is digits/1 now" in failed(decision)[0]
    assert str(champion().version) == "1"


def test_an_alias_moved_at_the_last_moment_is_not_overwritten(decide, store, champion, client, monkeypatch):
    decide("good", run="sha256:a")
    decide("bad", run="sha256:b")
    register = Registry.register

    def register_while_another_promotes(self, *arguments):
        version = register(self, *arguments)
        client.set_registered_model_alias("digits", "champion", "2")
        return version

    monkeypatch.setattr(Registry, "register", register_while_another_promotes)
    decision = decide("close", run="sha256:c")
    assert not decision.promoted
    assert "went to digits/2" in failed(decision)[0]
    assert str(champion().version) == "2"


def test_of_many_at_once_one_is_promoted(store, bundles, decide, champion):
    """All were compared with the same champion, so only the first to finish may take its place."""
    decide("bad", run="sha256:a")
    registry = Registry(store)
    expected = registry.champion("digits")
    run_id = expected.run
    versions = [registry.register("digits", run_id, bundles["good"][0], {}) for _ in range(4)]
    holders = []
    threads = [
        threading.Thread(
            target=lambda v=version: holders.append((str(v), str(Registry(store).promote(v, expected))))
        )
        for version in versions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(holders) == 4
    assert sum(mine == holder for mine, holder in holders) == 1
    assert {holder for _, holder in holders} == {f"digits/{champion().version}"}


def test_a_registry_that_does_not_answer_fails_the_step(bundles, prepared, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:s3cret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder, metrics = bundles["good"]
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9: cannot look up the champion of 'digits'") as caught:
        promote.run(
            config=config(),
            dataset=prepared,
            candidate=folder,
            evaluation=metrics,
            champion="",
            decision=tmp_path / "decision",
        )
    assert "s3cret" not in str(caught.value)
    assert not (tmp_path / "decision").exists()


def test_a_metric_that_was_not_measured_is_named(decide):
    with pytest.raises(UserError, match="top5_accuracy was not measured"):
        decide("good", figures={"top5_accuracy": None}, metric="top5_accuracy")


def test_a_champion_without_a_bundle_is_explained(decide, client, store):
    client.create_registered_model("digits")
    version = client.create_model_version("digits", "s3://somewhere/model")
    client.set_registered_model_alias("digits", "champion", version.version)
    with pytest.raises(UserError, match="has no model bundle"):
        decide("good")
