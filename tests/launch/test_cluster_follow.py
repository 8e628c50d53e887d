"""The launcher against an API server over HTTP: what a user sees of pods, events and failures."""

import json
import threading
import time

import pytest
from cluster_script import Play
from clusters import launcher
from processes import wait_until

from kubepresso.errors import UserError
from kubepresso.launch import TrainingError
from kubepresso.launch.report import RankFailure
from kubepresso.launch.termination import write_termination

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(60)]


def report(tmp_path, *failures):
    write_termination(failures, tmp_path / "termination")
    return (tmp_path / "termination").read_text()


def good(api, job):
    play = Play(api, job)
    pod = play.pod()
    play.run(pod, "epoch 1/2", "epoch 2/2")
    play.end(pod)
    play.succeed()


@pytest.mark.parametrize("served", ["2.0", "2.1", "2.2", "2.3", "pytorchjob"])
def test_a_training_in_each_kind_of_job_ends_with_its_model(serve, job_of, served):
    api, said, job = serve(served, script=good), [], job_of(launcher="auto")
    launcher(api, said=said).run(job)
    assert json.loads((job.output / "manifest.json").read_text()) == {"name": "trained"}
    assert [line for line in said if line.startswith("[node-0]")] == [
        "[node-0] epoch 1/2",
        "[node-0] epoch 2/2",
    ]
    (posted,) = api.posted
    assert api.deleted == [posted["metadata"]["name"]], "a finished job is not left behind"


def test_every_node_has_its_prefix(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pods = [play.pod(index) for index in range(2)]
        for index, pod in enumerate(pods):
            play.run(pod, f"line of {index}")
        for pod in pods:
            play.end(pod)
        play.succeed()

    for served in ("2.2", "pytorchjob"):
        said = []
        launcher(serve(served, script=script), said=said).run(job_of(launcher="auto", nodes=2))
        assert {"[node-0] line of 0", "[node-1] line of 1"} <= set(said)


def test_the_first_failing_ranks_traceback_is_surfaced(serve, job_of, tmp_path):
    first = RankFailure(
        3, 1, 5.0, None, "ValueError: bad label 12", "Traceback\n  line 7\nValueError: bad label 12"
    )
    lost = RankFailure(0, 1, 9.0, None, "RuntimeError: Connection closed by peer", "Traceback of the peer")

    def script(api, job):
        play = Play(api, job)
        pods = [play.pod(index) for index in range(2)]
        for pod, failure in zip(pods, (lost, first), strict=True):
            play.run(pod)
            play.end(pod, 1, report(tmp_path, failure))
        play.fail()

    api, said = serve("2.2", script=script), []
    with pytest.raises(TrainingError) as caught:
        launcher(api, said=said).run(job_of(nodes=2))
    assert caught.value.rank == 3
    assert caught.value.problems == ["rank 3 failed: ValueError: bad label 12", first.traceback]
    assert api.deleted == [], "a failed job is kept"
    (job,) = api.objects["trainjobs"].values()
    assert "kubepresso.io/delete-after" in job["metadata"]["annotations"]


def test_a_users_own_error_is_its_lines(serve, job_of, tmp_path):
    failure = RankFailure(0, 1, 5.0, ["training.precision: fp16 needs a GPU"], "UserError: x", "Traceback")

    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod)
        play.end(pod, 1, report(tmp_path, failure))
        play.fail()

    with pytest.raises(TrainingError) as caught:
        launcher(serve("pytorchjob", script=script)).run(job_of(launcher="auto", keep_failed_seconds=0))
    assert caught.value.problems == ["training.precision: fp16 needs a GPU"]


def test_a_failure_without_a_report_shows_the_logs_last_lines(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod, "before", "bash: python: command not found")
        play.end(pod, 127)
        play.fail()

    api = serve("2.2", script=script)
    with pytest.raises(TrainingError, match=r"node-0 .* ended with exit status 127") as caught:
        launcher(api).run(job_of(keep_failed_seconds=0))
    assert "bash: python: command not found" in str(caught.value)
    assert len(api.deleted) == 1, "keep_failed_seconds: 0"


KILLED = RankFailure(1, -9, 10.0, None, "", "")
LOST = RankFailure(0, 1, 9.0, None, "RuntimeError: Connection closed by peer", "Traceback")


def test_a_rank_that_was_killed_goes_on_in_another_job(serve, job_of, tmp_path):
    def script(api, job):
        play = Play(api, job)
        pods = [play.run(play.pod(index)) for index in range(2)]
        if play.attempt == 1:
            for pod in pods:
                play.end(pod)
            return play.succeed()
        play.end(pods[0], 1, report(tmp_path, LOST))
        play.end(pods[1], 1, report(tmp_path, KILLED))
        return play.fail()

    api, said = serve("2.2", script=script), []
    launcher(api, said=said).run(job_of(nodes=2, max_restarts=1))
    assert any("rank 1 was killed by SIGKILL" in line and "goes on, restart 1 of 1" in line for line in said)
    assert len(api.posted) == 2


def test_a_rank_that_raised_is_not_restarted_though_a_signal_ended_it(serve, job_of, tmp_path):
    """As on one machine: what is taken down after an exception may abort."""
    raised = RankFailure(0, -6, 5.0, None, "ValueError: bad label", "Traceback of it")

    def script(api, job):
        play = Play(api, job)
        play.end(play.run(play.pod()), 1, report(tmp_path, raised))
        play.fail()

    api = serve("2.2", script=script)
    with pytest.raises(TrainingError, match="ValueError: bad label"):
        launcher(api).run(job_of(max_restarts=1))
    assert len(api.posted) == 1


@pytest.mark.parametrize("why", ["no restart is left", "torchrun restarted it already", "a wrong setting"])
def test_a_rank_that_was_killed_does_not_always_go_on(serve, job_of, tmp_path, why):
    wrong = RankFailure(0, 1, 5.0, ["training.precision: fp16 needs a GPU"], "UserError: x", "")

    def script(api, job):
        play = Play(api, job)
        pod = play.run(play.pod())
        play.end(pod, 1, report(tmp_path, KILLED, *([wrong] if why == "a wrong setting" else [])))
        play.fail()

    nodes = {"max_nodes": 2} if why == "torchrun restarted it already" else {}
    restarts = 0 if why == "no restart is left" else 3
    api = serve("pytorchjob", script=script)
    with pytest.raises(TrainingError, match="rank 1 was killed by SIGKILL"):
        launcher(api).run(job_of(launcher="auto", nodes=1, max_restarts=restarts, **nodes))
    assert len(api.posted) == 1


def test_a_pod_without_memory_says_which_key_to_change(serve, job_of, tmp_path):
    lost = RankFailure(0, 1, 9.0, None, "RuntimeError: Connection closed by peer", "Traceback")

    def script(api, job):
        play = Play(api, job)
        pods = [play.pod(index) for index in range(2)]
        for pod in pods:
            play.run(pod)
        play.end(pods[0], 1, report(tmp_path, lost))
        play.end(pods[1], 137, reason="OOMKilled")
        play.fail()

    with pytest.raises(TrainingError, match=r"node-1 .*OOMKilled.*environment\.distributed\.memory"):
        launcher(serve("2.2", script=script)).run(job_of(nodes=2))


def test_an_image_that_cannot_be_pulled_fails_after_a_while_and_is_deleted(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.wait(pod, "ErrImagePull", "manifest unknown")
        time.sleep(0.3)
        play.wait(pod, "ImagePullBackOff", "Back-off pulling image")

    api, said = serve("2.2", script=script), []
    with pytest.raises(TrainingError, match=r"registry/kubepresso:1 cannot be pulled \(ImagePullBackOff"):
        launcher(api, said=said).run(job_of())
    assert any("cannot be pulled (ErrImagePull: manifest unknown)" in line for line in said)
    assert len(api.deleted) == 1, "pods that hold GPUs and wait are not kept"


def test_an_image_that_comes_at_the_second_try_is_no_failure(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.wait(pod, "ErrImagePull", "timeout")
        time.sleep(0.3)
        play.run(pod, "trains")
        time.sleep(0.8)
        play.end(pod)
        play.succeed()

    launcher(serve("2.2", script=script)).run(job_of())


def test_waiting_is_explained(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        play.condition("Suspended", "Suspended", "TrainJob is suspended")
        play.event(
            "QuotaReserved", "Quota reserved in ClusterQueue gpus", "Normal", f"trainjob-{play.name}-x1"
        )
        pod = play.pod(text="0/4 nodes are available: 4 Insufficient nvidia.com/gpu.")
        play.event(
            "FailedCreate",
            "pods is forbidden: exceeded quota: gpus, requested: 8",
            about=f"{play.name}-node-0",
        )
        play.event(
            "FailedScheduling",
            "0/4 nodes are available: 2 Insufficient memory.",
            about=pod["metadata"]["name"],
        )
        play.event("FailedMount", "of another job", about="other-job")
        time.sleep(0.6)
        play.run(pod)
        play.end(pod)
        play.succeed()

    said = []
    launcher(serve("2.2", script=script), said=said).run(job_of(queue="gpus"))
    text = "\n".join(said)
    assert "waits until it is admitted" in text
    assert "Kueue has reserved quota: Quota reserved in ClusterQueue gpus" in text
    assert "node-0 waits for a node: not enough nvidia.com/gpu" in text
    assert "quota does not allow more pods: pods is forbidden: exceeded quota: gpus" in text
    assert "no room for a pod yet: not enough memory" in text
    assert "of another job" not in text


def test_nothing_of_a_namespace_is_listed_as_a_whole(serve, job_of):
    api = serve("2.2", script=good)
    launcher(api).run(job_of())
    asked = [(plural, query) for plural, query in api.queries if plural in ("trainjobs", "pods", "events")]
    assert all("labelSelector" in query or "fieldSelector" in query for _, query in asked)
    assert "reason!=Pulled" in dict(asked)["events"]["fieldSelector"], "what every pod says is left out"


def test_a_job_that_quota_denies_is_a_clear_error(serve, job_of):
    api = serve("2.2")
    api.denied = "trainjobs is forbidden: exceeded quota: jobs, requested: count/trainjobs=1, limited: 1"
    with pytest.raises(UserError, match="answered 403: trainjobs is forbidden: exceeded quota: jobs"):
        launcher(api).run(job_of())


def test_the_time_limit_ends_the_job(serve, job_of):
    api = serve("2.2", script=lambda api, job: Play(api, job).run(Play(api, job).pod(), "for ever"))
    with pytest.raises(TrainingError, match=r"took longer than environment\.distributed\.timeout, 1s"):
        launcher(api).run(job_of(timeout="1s"))
    assert len(api.deleted) == 1


def test_a_job_deleted_by_someone_else_is_told(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        play.run(play.pod())
        time.sleep(0.3)
        api.remove("trainjobs", "training", play.name)

    with pytest.raises(TrainingError, match="was deleted by someone else"):
        launcher(serve("2.2", script=script)).run(job_of())


@pytest.mark.parametrize("how", ["resume", "evicted"])
def test_an_interrupted_training_goes_on_and_is_still_one_job(serve, job_of, how):
    def script(api, job):
        api.busy.append([pod for pod in api.objects["pods"].values() if pod["status"]["phase"] == "Running"])
        play = Play(api, job)
        pod = play.pod()
        play.run(pod, f"attempt {play.attempt}")
        if play.attempt < 2:
            if play.attempt == 0:  # the job's controller fails it while a pod still writes its checkpoint
                last = play.run(play.pod(1))
                threading.Timer(0.7, play.end, (last, 203)).start()
            target = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
            more = {"conditions": [target]} if how == "evicted" else {}
            play.end(pod, 203 if how == "resume" else 137, **more)
            return play.fail()
        play.end(pod)
        return play.succeed()

    api, said = serve("2.2", script=script), []
    api.busy = []
    launcher(api, said=said).run(job_of(max_restarts=2))
    assert [line for line in said if line.startswith("[node-0]")] == [
        f"[node-0] attempt {n}" for n in range(3)
    ]
    assert any("goes on, restart 2 of 2" in line for line in said)
    name = api.posted[0]["metadata"]["name"]
    assert [job["metadata"]["name"] for job in api.posted] == api.deleted == [name, f"{name}-1", f"{name}-2"]
    assert not any(api.busy), "the pods of one have ended before the next is made"


def test_a_failure_that_ends_the_other_pods_is_no_interruption(serve, job_of, tmp_path):
    failure = RankFailure(0, 1, 5.0, None, "ValueError: bad", "Traceback")

    def script(api, job):
        play = Play(api, job)
        pods = [play.pod(index) for index in range(2)]
        for pod in pods:
            play.run(pod)
        play.end(pods[0], 1, report(tmp_path, failure), finished="2026-01-01T00:00:01Z")
        play.end(pods[1], 203, finished="2026-01-01T00:00:04Z")
        play.fail()

    api = serve("2.2", script=script)
    with pytest.raises(TrainingError, match="rank 0 failed: ValueError: bad"):
        launcher(api).run(job_of(nodes=2))
    assert len(api.posted) == 1, "not started again"


def test_a_launcher_that_may_not_see_pods_does_not_leave_a_job(serve, job_of):
    api = serve("2.2", script=lambda api, job: None)
    api.rules = [{**rule, "resources": [r for r in rule["resources"] if r != "pods"]} for rule in api.rules]
    with pytest.raises(UserError, match=r"answered 403: pods is forbidden.*docs/launching\.md"):
        launcher(api).run(job_of())
    assert len(api.deleted) == 1


def test_interruptions_have_a_limit(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod)
        play.end(pod, 203)
        play.fail()

    api, said = serve("2.2", script=script), []
    with pytest.raises(TrainingError, match="asked to end, or lost"):
        launcher(api, said=said).run(job_of(max_restarts=1))
    assert len(api.posted) == 2


def test_a_container_that_restarts_loses_and_repeats_no_line(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod, "first run")
        pod = play.restart(pod, 137)
        api.log(pod, "second run")
        play.end(pod, restarts=1)
        play.succeed()

    said = []
    launcher(serve("2.2", script=script), said=said).run(job_of())
    lines = [line for line in said if line.startswith("[node-0]")]
    assert sorted(lines) == ["[node-0] first run", "[node-0] second run"]


def numbered(count, disturb):
    """A script that writes numbered lines and is disturbed in the middle."""

    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod)
        for number in range(count):
            api.log(pod, f"line {number}", f"twin {number}")
            if number % (count // 3) == 1:
                disturb(api)
            time.sleep(0.02)
        play.end(pod)
        play.succeed()

    return script


@pytest.mark.parametrize("what", ["cut", "forget"])
def test_lost_connections_and_expired_watches_cost_no_line(serve, job_of, what):
    def disturb(api):
        getattr(api, what)()

    said = []
    api = serve("2.2", script=numbered(60, disturb))
    launcher(api, said=said).run(job_of())
    lines = [line for line in said if line.startswith("[node-0]")]
    assert lines == [f"[node-0] {word} {number}" for number in range(60) for word in ("line", "twin")]
    if what == "forget":
        assert api.requests.count(("list", "trainjobs")) >= 3, "listed anew after each 410"


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.timeout(90)
def test_an_api_that_is_away_for_a_while_costs_nothing(serve, job_of, seconds):
    away = []

    def disturb(api):
        if not away:
            away.append(time.monotonic())
            api.go_away(seconds)

    def script(api, job):
        numbered(30, disturb)(api, job)

    said = []
    api = serve("2.2", script=script)
    launcher(api, said=said, patience_seconds=60).run(job_of())
    assert time.monotonic() - away[0] > seconds
    assert len(api.posted) == 1
    lines = [line for line in said if line.startswith("[node-0]")]
    assert lines == [f"[node-0] {word} {number}" for number in range(30) for word in ("line", "twin")]


def test_an_api_that_stays_away_is_a_clear_end_and_leaves_the_job(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        play.run(play.pod())
        time.sleep(0.3)
        api.go_away(1000)

    api = serve("2.2", script=script)
    with pytest.raises(UserError, match=r"no answer for 1 s .* the same step started again finds it"):
        launcher(api, patience_seconds=1).run(job_of())
    api.away_until = 0.0
    wait_until(lambda: len(api.objects["trainjobs"]) == 1, 5)


def test_a_failure_that_was_told_is_replaced_by_the_next_try(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod)
        play.end(pod, 0 if len(api.posted) > 1 else 1)
        play.succeed() if len(api.posted) > 1 else play.fail()

    api, said = serve("2.2", script=script), []
    with pytest.raises(TrainingError):
        launcher(api).run(job_of())
    launcher(api, said=said).run(job_of())
    assert any("the job of the last try failed and is replaced" in line for line in said)
    assert len(api.posted) == 2


def test_a_job_of_the_same_name_with_other_settings_is_not_taken(serve, job_of, monkeypatch):
    monkeypatch.setenv("KUBEPRESSO_RUN_ID", "run")
    api = serve("2.2")
    api.on_job = lambda api, job: api.go_away(1000)
    with pytest.raises(UserError):
        launcher(api, patience_seconds=1).run(job_of(memory="1Gi"))
    api.away_until, api.on_job = 0.0, None
    with pytest.raises(UserError, match="a job of this name is there and does something else"):
        launcher(api).run(job_of(memory="2Gi"))
    assert len(api.posted) == 1


def test_kept_jobs_are_swept_when_their_time_is_over(serve, job_of):
    api = serve("2.2", script=good)
    for name, until in (("old", "2020-01-01T00:00:00Z"), ("young", "2999-01-01T00:00:00Z")):
        labels = {"app.kubernetes.io/managed-by": "kubepresso-launcher"}
        annotations = {"kubepresso.io/delete-after": until}
        api.put("trainjobs", {"metadata": {"name": name, "labels": labels, "annotations": annotations}})
    launcher(api).run(job_of())
    assert "old" in api.deleted
    assert "young" not in api.deleted
