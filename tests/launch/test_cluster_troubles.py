"""The launcher while the API server refuses, forgets who may do what, or is cancelled at a bad moment."""

import contextlib
import dataclasses
import threading
import time

import pytest
from cluster_script import Play
from clusters import connected, launcher
from kubernetes import client
from processes import wait_until

from kubepresso.errors import UserError
from kubepresso.launch import TrainingError
from kubepresso.launch.cluster import Cluster, ClusterLauncher, choose_kind
from kubepresso.launch.cluster import launcher as module
from kubepresso.launch.cluster.claiming import claim
from kubepresso.launch.cluster.connecting import connect
from kubepresso.launch.cluster.served import TRAIN_JOB

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(30)]


def trains(seconds, meanwhile=None):
    """A script of one pod that trains for a time."""

    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod, "begins")
        if meanwhile:
            meanwhile(api)
        time.sleep(seconds)
        api.log(pod, "ends")
        play.end(pod)
        play.succeed()

    return script


def refusing(status, verbs, seconds, **headers):
    """Refuse some calls for a time from now on."""
    until = time.monotonic() + seconds
    return lambda verb, resource: (status, headers) if verb in verbs and time.monotonic() < until else None


def test_a_busy_namespace_does_not_put_off_the_time_limit(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        play.run(play.pod())
        while play.here():
            play.event("FailedMount", "of another job", about="other-job")
            time.sleep(0.05)

    started = time.monotonic()
    with pytest.raises(TrainingError, match=r"took longer than environment\.distributed\.timeout, 1s"):
        launcher(serve("2.2", script=script)).run(job_of(timeout="1s"))
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_server_that_refuses_for_a_while_does_not_end_a_training_that_runs(serve, job_of, status):
    def refuse(api):
        time.sleep(0.5)
        api.fault = refusing(status, ("list", "watch"), 1.0)
        api.cut()

    api, said = serve("2.2", script=trains(1.5, refuse)), []
    launcher(api, said=said).run(job_of())
    assert len(api.posted) == 1
    assert [line for line in said if line.startswith("[node-0]")] == ["[node-0] begins", "[node-0] ends"]


def test_credentials_that_are_never_taken_end_the_step_at_once(serve, job_of):
    api = serve("2.2")
    api.token = "another"
    started = time.monotonic()
    with pytest.raises(UserError, match=r"answered 401: Unauthorized; .* service account"):
        launcher(api, "trainjob").run(job_of())
    assert time.monotonic() - started < 3


def test_a_token_that_is_written_anew_is_read_again(serve, job_of, tmp_path):
    file = tmp_path / "token"

    def rotate(api):
        time.sleep(0.3)
        api.token = "second"
        api.cut()
        time.sleep(0.7)
        file.write_text("second")

    api = serve("2.2", script=trains(0.5, rotate))
    api.token = "first"
    file.write_text("first")
    settings = client.Configuration()
    settings.host, settings.retries = api.url, False
    settings.api_key["authorization"] = f"Bearer {file.read_text()}"

    def read_again(settings):  # as the client does in a pod, each minute
        settings.api_key["authorization"] = f"Bearer {file.read_text()}"

    settings.refresh_api_key_hook = read_again
    cluster = Cluster(client.ApiClient(settings), "training", 20.0)
    ClusterLauncher(cluster, choose_kind(cluster, None)).run(job_of())
    assert len(api.posted) == 1


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(serve, job_of):
    calls = []

    def fault(verb, resource):
        if verb == "create":
            calls.append(time.monotonic())
            return (429, {"Retry_After": "1"}) if len(calls) == 1 else None
        return None

    api = serve("2.2", script=trains(0.1))
    api.fault = fault
    launcher(api).run(job_of())
    assert len(calls) == 2
    assert calls[1] - calls[0] >= 1


def test_a_name_that_is_taken_and_not_there_is_not_asked_for_in_a_hurry(serve, job_of):
    api = serve("2.2")
    api.fault = refusing(409, ("create",), 60)
    with pytest.raises(UserError, match="answered 409"):
        launcher(api, patience_seconds=1).run(job_of())
    assert api.requests.count(("create", "trainjobs")) < 8


def test_an_answer_that_is_no_json_is_a_server_that_is_away(serve, job_of, monkeypatch):
    api = serve("2.2", script=trains(0.1))
    handler = api.server.RequestHandlerClass
    answer, pages = handler.do_GET, iter(range(2))

    def do_get(self):
        if next(pages, None) is None:
            return answer(self)
        page = b"<html>a proxy's page</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    monkeypatch.setattr(handler, "do_GET", do_get)
    launcher(api).run(job_of())


def test_a_quiet_watch_that_is_cut_again_and_again_is_no_server_that_is_away(serve, job_of):
    def cut(api):
        for _ in range(7):
            time.sleep(0.25)
            api.cut()

    api = serve("2.2", script=trains(0.1, cut))
    launcher(api, patience_seconds=1).run(job_of())
    assert len(api.posted) == 1


def test_a_job_that_quota_denies_is_not_said_to_be_deleted(serve, job_of):
    api, said = serve("2.2"), []
    api.denied = "trainjobs is forbidden: exceeded quota: jobs"
    with pytest.raises(UserError, match="exceeded quota"):
        launcher(api, said=said).run(job_of())
    assert not [line for line in said if "deleted" in line]


@pytest.mark.parametrize("how", ["deleted", "interrupted"])
def test_a_former_job_whose_pods_hang_is_told_with_their_node(serve, how):
    api = serve("2.2")
    api.stays = True
    labels = {"jobset.sigs.k8s.io/jobset-name": "kubepresso-train-x"}
    there = {"metadata": {"name": "kubepresso-train-x"}, "kind": "TrainJob", "spec": {}}
    if how == "interrupted":
        there["metadata"]["annotations"] = {"kubepresso.io/interrupted-at": "1"}
    there = api.put("trainjobs", there)
    if how == "deleted":
        api.delete("trainjobs", there, "Foreground")
    status = {"phase": "Running"}
    pod = {"metadata": {"name": "lost", "labels": labels}, "spec": {"nodeName": "gpu-7"}, "status": status}
    api.put("pods", pod)
    manifest = {"metadata": {"name": "kubepresso-train-x", "annotations": {}}}
    said = []
    with pytest.raises(UserError, match=rf"{how}, but .* its pods do not end: lost on gpu-7; .*--force"):
        claim(connected(api, 0.5), TRAIN_JOB.path("training"), manifest, said.append, grace_seconds=0.5)
    assert said == ["kubepresso-train-x: waits until the former job and its pods are gone"]


def test_the_pod_of_a_lost_node_does_not_keep_the_next_attempt_waiting(serve, job_of):
    """Nobody there ends it: it runs for ever, long after its time to end."""
    gone = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}

    def script(api, job):
        if job["metadata"]["name"].endswith("-1"):
            return trains(0.1)(api, job)
        play = Play(api, job)
        pod = play.pod()
        play.run(pod, "begins", conditions=[gone])
        pod = api.get("pods", pod["metadata"]["name"])
        api.put("pods", {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
        return play.fail()

    api, said = serve("2.2", script=script), []
    launcher(api, said=said, patience_seconds=2).run(job_of(max_restarts=1))
    assert "restart 1 of 1" in "\n".join(said)


def test_a_cancel_while_the_api_is_away_ends_in_time_and_says_so(serve, job_of, monkeypatch):
    monkeypatch.setattr(module, "_CANCEL_SECONDS", 1.0)
    api, said = serve("2.2", script=trains(60)), []

    def say(line):
        said.append(line)
        if "is running" in line:
            api.go_away(1000)
            raise SystemExit(143)

    cluster = connected(api)
    started = time.monotonic()
    with pytest.raises(SystemExit):
        ClusterLauncher(cluster, choose_kind(cluster, None), say=say).run(job_of())
    assert time.monotonic() - started < 10
    assert "could not be deleted" in said[-1]
    api.away_until = 0.0


def test_a_cancel_while_the_model_is_fetched_leaves_no_job(serve, job_of, monkeypatch):
    def cancelled(*_):
        raise SystemExit(143)

    monkeypatch.setattr("kubepresso.launch.cluster.launcher.fetch_bundle", cancelled)
    api = serve("2.2", script=trains(0.1))
    with pytest.raises(SystemExit):
        launcher(api).run(job_of())
    wait_until(lambda: not api.objects["trainjobs"], 5)


def train_but_fetch_nothing(api, job):
    """Run a launcher that cannot get at the model when it is trained, so that its job stays."""

    def away(*_):
        raise UserError("bucket away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kubepresso.launch.cluster.launcher.fetch_bundle", away)
        with pytest.raises(UserError, match="bucket away"):
            launcher(api).run(job)


def test_a_model_that_could_not_be_fetched_is_fetched_by_the_next_try(serve, job_of, monkeypatch):
    monkeypatch.setenv("KUBEPRESSO_RUN_ID", "run")
    api = serve("2.2", script=trains(0.1))
    train_but_fetch_nothing(api, job_of())
    assert len(api.objects["trainjobs"]) == 1, "the job that succeeded is there for the next try"
    said, job = [], job_of()
    launcher(api, said=said).run(job)
    assert (job.output / "manifest.json").is_file()
    assert len(api.posted) == 1


def test_a_training_that_ended_in_time_counts_however_late_the_launcher_comes(serve, job_of, monkeypatch):
    monkeypatch.setenv("KUBEPRESSO_RUN_ID", "run")
    api = serve("2.2", script=trains(0.1))
    train_but_fetch_nothing(api, job_of(timeout="1h"))
    (there,) = api.objects["trainjobs"].values()
    there["metadata"]["annotations"]["kubepresso.io/started-at"] = "1"  # long ago
    lists = []

    def fault(verb, resource):
        """Let pods be listed before the job: the list after those of sweeping and claiming fails."""
        if (verb, resource) == ("list", "trainjobs"):
            lists.append(verb)
            return (500, {}) if len(lists) == 3 else None
        return None

    api.fault = fault
    job = job_of(timeout="1h")
    launcher(api).run(job)
    assert len(lists) > 3
    assert (job.output / "manifest.json").is_file()
    assert len(api.posted) == 1


def test_two_launchers_of_one_task_make_one_job(serve, job_of, tmp_path):
    api = serve("2.2", script=trains(1.0))
    api.creation_seconds = 0.3
    job = job_of()

    def run(number):  # the slower of both may find the job deleted
        with contextlib.suppress(UserError):
            launcher(api).run(dataclasses.replace(job, output=tmp_path / f"model-{number}"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(api.posted) == 1


def test_patience_that_is_no_number_is_a_clear_error(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEPRESSO_API_PATIENCE_SECONDS", "5m")
    file = tmp_path / "kubeconfig"
    file.write_text(
        "{clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}],"
        "contexts: [{name: c, context: {cluster: c, user: u}}], current-context: c}"
    )
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    with pytest.raises(UserError, match="KUBEPRESSO_API_PATIENCE_SECONDS: must be a number of seconds"):
        connect()
