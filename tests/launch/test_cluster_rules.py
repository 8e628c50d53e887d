"""The test API server refuses what the CRDs' own rules refuse, and takes what the launcher does."""

import copy

import pytest
from cluster_rules import broken_rules
from cluster_schemas import FILES, schema_of
from cluster_script import Play
from clusters import connected, launcher

from kubepresso.launch.cluster.api import ClusterError
from kubepresso.launch.cluster.served import PYTORCH_JOB, TRAIN_JOB

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(60)]


@pytest.fixture
def posted(serve, job_of):
    """A server and the job that the launcher made there, which stays as its training failed."""

    def post(served):
        def fails(api, job):
            Play(api, job).end(Play(api, job).run(Play(api, job).pod()), 1)
            Play(api, job).fail()

        api = serve(served, script=fails)
        with pytest.raises(Exception, match="ended with exit status 1"):
            launcher(api).run(job_of(launcher="auto", timeout="1h"))
        api.on_job = None
        return api, api.posted[0]

    return post


@pytest.mark.parametrize("served", ["2.1", "2.2", "2.3"])
@pytest.mark.parametrize("name", ["1-digit-first", "ends-", "has.a.dot", "x" * 64])
def test_a_name_that_the_rules_refuse_is_refused(posted, served, name):
    api, job = posted(served)
    body = {**job, "metadata": {"name": name, "labels": {}}}
    with pytest.raises(ClusterError, match=r"answered 422: .*metadata\.name"):
        connected(api).create(TRAIN_JOB.path("training"), body)


@pytest.mark.parametrize(
    ("served", "change"),
    [
        ("2.0", {"runtimeRef": {"name": "other"}}),
        ("2.1", {"runtimeRef": {"name": "other"}}),
        ("2.2", {"trainer": {"numNodes": 2}}),
        ("2.2", {"activeDeadlineSeconds": 5}),
        ("2.3", {"trainer": {"image": "other:1"}}),
        ("2.3", {"managedBy": "somebody.else/controller"}),
    ],
)
def test_what_cannot_change_is_not_changed(posted, served, change):
    api, job = posted(served)
    path = f"{TRAIN_JOB.path('training')}/{job['metadata']['name']}"
    with pytest.raises(ClusterError, match="answered 422"):
        connected(api)._json("PATCH", path, {}, {"spec": change}, "application/merge-patch+json")
    connected(api).annotate(path, {"kubepresso.io/more": "1"})


def test_containers_of_a_patch_are_known_by_their_manager_and_job(posted):
    api, job = posted("2.3")
    (patch,) = copy.deepcopy(job["spec"]["runtimePatches"])
    (replicated,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    replicated["template"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] += 1
    path = f"{TRAIN_JOB.path('training')}/{job['metadata']['name']}"
    body = {"spec": {"runtimePatches": [patch]}}
    with pytest.raises(ClusterError, match="terminationGracePeriodSeconds"):
        connected(api)._json("PATCH", path, {}, body, "application/merge-patch+json")


def test_the_queue_of_a_pytorch_job_stays(posted):
    api, job = posted("pytorchjob")
    path = f"{PYTORCH_JOB.path('training')}/{job['metadata']['name']}"

    def ask(queue):
        body = {"spec": {"runPolicy": {"schedulingPolicy": {"queue": queue}}}}
        connected(api)._json("PATCH", path, {}, body, "application/merge-patch+json")

    ask("one")
    with pytest.raises(ClusterError, match=r"spec\.runPolicy\.schedulingPolicy\.queue"):
        ask("other")


def test_the_projects_runtime_keeps_the_rules_of_its_kind(documented, crds):
    schema = schema_of(crds / FILES["runtime"])
    runtime = documented["ClusterTrainingRuntime"]
    assert list(broken_rules(schema, runtime)) == []
    two = {**runtime, "spec": {**runtime["spec"], "mlPolicy": {"numNodes": 1, "torch": {}, "jax": {}}}}
    assert list(broken_rules(schema, two))
