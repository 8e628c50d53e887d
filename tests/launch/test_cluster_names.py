"""Names, labels, what the launcher reads of its own pod, and the log cursor."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepresso.config import EnvironmentConfig
from kubepresso.config.cluster import amount, seconds
from kubepresso.errors import UserError
from kubepresso.launch.cluster.logs import Cursor
from kubepresso.launch.cluster.names import NAME_LIMIT, attempt_name, job_name, label_value
from kubepresso.launch.cluster.surroundings import look_around
from kubepresso.launch.places import reachable
from kubepresso.launch.report import RankFailure
from kubepresso.launch.termination import read_termination, write_termination

RFC_1035 = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
LABEL = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")


@given(st.text(), st.text())
def test_names_are_host_names_with_room_for_what_controllers_append(run_id, task):
    name = job_name(run_id, task)
    assert RFC_1035.match(name)
    assert len(name) <= NAME_LIMIT
    assert len(f"{attempt_name(name, 99)}-node-0-1000-abcde") <= 63
    assert name == job_name(run_id, task)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_different_tasks_have_different_names(one, other):
    assert (job_name(*one) == job_name(*other)) == (one == other)


@given(st.text())
def test_labels_are_labels(text):
    value = label_value(text)
    assert LABEL.match(value)
    assert len(value) <= 63


def test_a_name_tells_the_task():
    assert job_name("r", "flow-x7.root.train.executor").startswith("kubepresso-train-")
    assert job_name("r", "flow-x7.root.for-loop-1.retrain.executor").startswith("kubepresso-retrain-")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.text(st.characters(codec="ascii", exclude_characters="\n\r"))))
)
def test_a_cursor_gives_each_line_once_wherever_reading_breaks_off(steps):
    # Times that stand still, and zeros at the end of a fraction, which kubelets leave out.
    moment, lines = 0, []
    for step, text in steps:
        moment += step * 100_000_000
        fraction = f".{moment % 10**9:09d}".rstrip("0").rstrip(".")
        lines.append((f"2026-01-01T00:00:{moment // 10**9 % 60:02d}{fraction}Z", text))
    for breaks in range(len(lines) + 1):
        cursor, seen = Cursor(), []
        for end in (breaks, len(lines)):
            since = cursor.since or ""
            cursor.restart()
            for at, text in lines[:end]:
                if at[:19] >= since[:19] and (new := cursor.new(f"{at} {text}")) is not None:
                    seen.append(new)
        assert seen == [text for _, text in lines]


class Pods:
    """A cluster that knows one pod."""

    namespace = "training"

    def __init__(self, pod):
        self.pod = pod

    def find(self, path):
        assert path == "/api/v1/namespaces/training/pods/flow-x7-train"
        return self.pod


OWN_POD = {
    "metadata": {
        "name": "flow-x7-train",
        "uid": "pod-uid",
        "labels": {"pipeline/runid": "run-1"},
        "annotations": {"workflows.argoproj.io/node-name": "flow-x7.root.train.executor(1)"},
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "name": "flow-x7",
                "uid": "w",
                "controller": True,
            }
        ],
    },
    "spec": {
        "containers": [
            {"name": "wait", "image": "argo"},
            {
                "name": "main",
                "image": "registry/kubepresso:1.2",
                "env": [
                    {
                        "name": "AWS_SECRET_ACCESS_KEY",
                        "valueFrom": {"secretKeyRef": {"name": "s3", "key": "secret"}},
                    },
                    {"name": "PLAIN", "value": "stays here"},
                ],
            },
        ]
    },
}
IN_POD = {
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "KFP_POD_NAME": "flow-x7-train",
    "AWS_SECRET_ACCESS_KEY": "the secret itself",
    "AWS_ENDPOINT_URL": "http://minio:9000",
    "KUBEPRESSO_MLFLOW_SECRET": "mlflow",
}


def test_the_launchers_own_pod_says_run_task_image_and_owner():
    around = look_around(Pods(OWN_POD), "train", "fallback", IN_POD)
    assert (around.run_id, around.image) == ("run-1", "registry/kubepresso:1.2")
    assert around.task == "flow-x7.root.train.executor", "the same at each try"
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "flow-x7", "uid": "w"}
    assert around.owners == [owner]


def test_secrets_travel_by_reference_only():
    entries = {entry["name"]: entry for entry in look_around(Pods(OWN_POD), "train", "x", IN_POD).variables}
    assert entries["AWS_SECRET_ACCESS_KEY"]["valueFrom"] == {"secretKeyRef": {"name": "s3", "key": "secret"}}
    reference = entries["MLFLOW_TRACKING_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "mlflow", "key": "MLFLOW_TRACKING_TOKEN", "optional": True}
    assert entries["AWS_ENDPOINT_URL"]["value"] == "http://minio:9000"
    assert "PLAIN" not in entries
    assert "the secret itself" not in str(entries)


def test_outside_a_cluster_the_environment_says_it():
    around = look_around(
        Pods(None), "train", "fallback", {"KUBEPRESSO_RUN_ID": "mine", "KUBEPRESSO_IMAGE": "a:1"}
    )
    assert (around.run_id, around.task, around.image, around.owners) == ("mine", "train", "a:1", [])


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a", "s3://bucket/a"),
        ("minio://mlpipeline/v2/a", "s3://mlpipeline/v2/a"),
        ("gs://bucket/a", "gs:// cannot be reached from training pods"),
        ("/local/a", "a path on one machine cannot be reached"),
        (None, "the data: known on this machine only"),
    ],
)
def test_where_pods_find_artifacts(uri, expected):
    environment = {"AWS_ENDPOINT_URL": "http://minio:9000"}
    if expected.startswith("s3"):
        assert reachable(uri, "the data", environment) == expected
    else:
        with pytest.raises(UserError, match=expected):
            reachable(uri, "the data", environment)


def test_minio_needs_an_endpoint():
    with pytest.raises(UserError, match="set AWS_ENDPOINT_URL on the train step"):
        reachable("minio://mlpipeline/a", "the data", {})


@given(st.lists(st.tuples(st.text(max_size=9000), st.text(max_size=3000)), min_size=1, max_size=9))
def test_a_report_always_fits_and_keeps_the_first_failure(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "termination-log"
    failures = [RankFailure(n, 1, float(n), None, message, trace) for n, (trace, message) in enumerate(texts)]
    write_termination(failures, path)
    assert path.stat().st_size <= 4096
    back = read_termination(path.read_text())
    assert back[0].rank == 0


def test_a_long_traceback_keeps_its_end(tmp_path):
    trace = "Traceback\n" + "  frame\n" * 2000 + "ValueError: the cause"
    write_termination([RankFailure(0, 1, 0.0, None, "ValueError: the cause", trace)], tmp_path / "log")
    (back,) = read_termination((tmp_path / "log").read_text())
    assert back.traceback.startswith("Traceback")
    assert back.traceback.endswith("ValueError: the cause")


@pytest.mark.parametrize("text", [None, "", "Killed", "[1]", "{}", '{"format": "other"}'])
def test_other_termination_messages_are_no_report(text):
    assert read_termination(text) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("memory", "16", r'must be an amount of memory with its unit, such as "16Gi", found "16"'),
        ("memory", "16GB", "must be an amount of memory"),
        ("shared_memory", "0Gi", "must be an amount of memory"),
        ("cpu", "2Gi", "must be a number of cores"),
        ("cpu", 0, "greater than or equal to 1"),
        ("timeout", "12 hours", "must be a length of time"),
        ("timeout", "0s", "must be a length of time"),
        ("node_selector", {"-a": "b"}, "is not a label"),
        ("node_selector", {"a": "b" * 64}, "is not the value of a label"),
        ("node_selector", {"A_b./c": "d"}, "before the slash stands a domain"),
        ("queue", "a b", "must be a name"),
        ("namespace", "a.b", "must be a name"),
        ("service_account", "Training", "must be a name"),
        ("image_pull_secrets", ["a", "B"], "must be a name"),
        ("data_claim", {"name": "x", "path": "data"}, "must be an absolute path"),
        ("data_claim", {"name": "x", "path": "/data/../etc"}, "must be an absolute path"),
        ("tolerations", [{"operator": "Exist"}], "'Exists' or 'Equal'"),
        ("max_restarts", -1, "greater than or equal to 0"),
    ],
)
def test_values_that_kubernetes_would_refuse_are_found_in_the_yaml(key, value, expected):
    with pytest.raises(ValueError, match=expected):
        EnvironmentConfig(distributed={key: value})


def test_amounts_and_times():
    assert (amount("500m"), amount("1.5Gi"), amount("2k")) == (amount("0.5"), 1.5 * 2**30, 2000)
    assert (seconds("90m"), seconds("1d12h"), seconds("1h1m1s")) == (5400, 129600, 3661)
