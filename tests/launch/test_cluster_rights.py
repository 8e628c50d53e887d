"""What the launcher calls, and what it leaves in a job for all to read."""

from pathlib import Path

import pytest
import yaml
from cluster_script import Play
from clusters import launcher

from kubepresso.errors import UserError
from kubepresso.launch import TrainingError

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(60)]

ROOT = Path(__file__).parents[2]


def fails_then_trains(api, job):
    play = Play(api, job)
    pod = play.run(play.pod(), "trains")
    if len(api.posted) == 1:
        play.end(pod, 1)
        return play.fail()
    play.end(pod)
    return play.succeed()


def test_every_documented_right_is_used_and_the_manifests_give_the_same(
    serve, job_of, documented, monkeypatch
):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "own")
    used = set()
    for served in ("2.2", "pytorchjob"):
        api = serve(served, script=fails_then_trains)
        labels = {"pipeline/runid": "run"}
        spec = {"containers": [{"name": "main", "image": "registry/kubepresso:1.2"}]}
        api.put("pods", {"metadata": {"name": "own", "labels": labels}, "spec": spec, "status": {}})
        with pytest.raises(TrainingError):
            launcher(api).run(job_of(launcher="auto"))
        launcher(api).run(job_of(launcher="auto"))
        used |= set(api.requests)
    rules = documented["Role"]["rules"]
    allowed = {(verb, name) for rule in rules for name in rule["resources"] for verb in rule["verbs"]}
    assert allowed == used
    manifests = (ROOT / "manifests" / "base" / "launcher-rights.yaml").read_text()
    (role,) = [part for part in yaml.safe_load_all(manifests) if "rules" in part]
    assert role["rules"] == rules


LOOK = {"apiGroups": ["trainer.kubeflow.org"], "resources": ["clustertrainingruntimes"], "verbs": ["get"]}


@pytest.mark.parametrize("more", [[], [LOOK]], ids=["unseen", "seen"])
def test_a_runtime_of_the_whole_cluster_needs_no_right_in_it(serve, job_of, more):
    api = serve("2.2", script=lambda api, job: Play(api, job).succeed())
    api.rules = [*api.rules, *more]
    api.put("clustertrainingruntimes", {"metadata": {"name": "shared", "namespace": ""}})
    launcher(api).run(job_of(runtime="shared"))
    reference = api.posted[0]["spec"]["runtimeRef"]
    assert (reference["kind"], reference["name"]) == ("ClusterTrainingRuntime", "shared")
    expected = (
        "no TrainingRuntime 'none' in the namespace training" if more else "403: admission webhook .* must"
    )
    with pytest.raises(UserError, match=expected) as caught:
        launcher(api).run(job_of(runtime="none"))
    assert "service account" not in str(caught.value), "no right is missing"


def test_training_pods_have_the_image_of_the_step(serve, job_of, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "own")
    for image in ("registry/kubepresso:1.2", None):
        api, said = serve("2.2", script=lambda api, job: Play(api, job).succeed()), []
        if image:
            containers = [{"name": "wait", "image": "argo"}, {"name": "main", "image": image}]
            api.put("pods", {"metadata": {"name": "own"}, "spec": {"containers": containers}, "status": {}})
        launcher(api, said=said).run(job_of())
        if image:
            assert api.posted[0]["spec"]["trainer"]["image"] == image
        else:
            assert any("own pod cannot be read" in line and "KUBEPRESSO_IMAGE" in line for line in said)


@pytest.mark.parametrize("place", [None, "s3://bucket/checkpoints"])
def test_checkpoints_lie_beside_the_model_where_the_settings_name_no_place(serve, job_of, monkeypatch, place):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "own")
    reference = {"configMapKeyRef": {"name": "kubepresso", "key": "KUBEPRESSO_CHECKPOINTS", "optional": True}}
    env = [{"name": "KUBEPRESSO_CHECKPOINTS", "valueFrom": reference}]
    if place:  # a kubelet sets no variable for a key that is not there
        monkeypatch.setenv("KUBEPRESSO_CHECKPOINTS", place)
    api = serve("2.2", script=lambda api, job: Play(api, job).succeed())
    main = {"name": "main", "image": "registry/kubepresso:1.2", "env": env}
    api.put("pods", {"metadata": {"name": "own"}, "spec": {"containers": [main]}, "status": {}})
    job = job_of(task_config={"env": env})
    launcher(api).run(job)
    given = [entry for entry in api.posted[0]["spec"]["trainer"]["args"] if "--checkpoints" in entry]
    assert given == ([] if place else [f"--checkpoints={job.output_uri}.checkpoints"])


@pytest.mark.parametrize(
    ("way", "name", "value", "expected"),
    [
        ("task", "AWS_SECRET_ACCESS_KEY", "hunter2", "use_secret_as_env"),
        ("task", "MLFLOW_TRACKING_TOKEN", "hunter2", "use_secret_as_env"),
        ("task", "AWS_ENDPOINT_URL", "http://me:hunter2@minio:9000", "holds a password"),
        ("step", "AWS_ENDPOINT_URL", "http://me:hunter2@minio:9000", "holds a password"),
        ("step", "MLFLOW_TRACKING_URI", "https://me:hunter2@mlflow", "holds a password"),
    ],
)
def test_a_secret_in_plain_text_never_comes_into_a_job(
    serve, job_of, monkeypatch, way, name, value, expected
):
    api, given = serve("2.2", script=lambda api, job: Play(api, job).succeed()), None
    if way == "task":
        given = {"env": [{"name": name, "value": value}]}
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=expected) as caught:
        launcher(api).run(job_of(task_config=given))
    assert name in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert not api.posted


@pytest.mark.parametrize("served", ["2.0", "2.2", "pytorchjob"])
def test_a_tasks_own_volumes_may_have_any_name_and_a_larger_dev_shm(serve, job_of, served):
    given = {
        "volumes": [
            {"name": name, "persistentVolumeClaim": {"claimName": name}}
            for name in ("data", "scratch", "shared-memory")
        ],
        "volume_mounts": [
            {"name": "data", "mountPath": "/more"},
            {"name": "shared-memory", "mountPath": "/dev/shm"},
        ],
    }
    api = serve(served, script=lambda api, job: Play(api, job).succeed())
    claim = {"name": "prepared", "path": "/data"}
    launcher(api).run(job_of(launcher="auto", task_config=given, data_claim=claim))
    assert len(api.posted) == 1
