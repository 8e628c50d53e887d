"""What happens to single pods: deleted, evicted, blocked before they train, made anew under their name."""

import time
from datetime import datetime, timedelta

import pytest
from cluster_api import now
from cluster_script import Play
from clusters import launcher

from kubepresso.launch import TrainingError
from kubepresso.launch.report import RankFailure
from kubepresso.launch.termination import write_termination

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(30)]


def remove(api, pod):
    api.remove("pods", "training", pod["metadata"]["name"])


def lines_of_nodes(said):
    return [line for line in said if line.startswith("[node-")]


def test_a_pod_made_anew_under_its_name_has_its_log_printed_once(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        first, other = play.pod(0), play.pod(1)
        play.run(other)
        play.run(first, "first pod")
        time.sleep(0.5)
        remove(api, first)
        again = play.run(play.pod(0), "second pod")
        time.sleep(1.5)
        for pod in (again, other):
            play.end(pod)
        play.succeed()

    said = []
    launcher(serve("pytorchjob", script=script), said=said).run(job_of(launcher="auto", nodes=1, max_nodes=2))
    assert lines_of_nodes(said) == ["[node-0] first pod", "[node-0] second pod"]


@pytest.mark.parametrize("unseen", [False, True])
def test_a_pod_that_is_deleted_by_hand_is_an_interruption(serve, job_of, unseen):
    def script(api, job):
        play = Play(api, job)
        pods = [play.pod(index) for index in range(2)]
        for pod in pods:
            play.run(pod)
        if play.attempt == 0:
            time.sleep(0.5)
            if unseen:
                api.go_away(0.5)
            remove(api, pods[0])
            time.sleep(0.3)
            play.end(pods[1], 1, "RuntimeError: connection closed by peer", finished="2999-01-01T00:00:00Z")
            return play.fail()
        for pod in pods:
            play.end(pod)
        return play.succeed()

    api, said = serve("2.2", script=script), []
    launcher(api, said=said).run(job_of(nodes=2))
    assert any("node-0 was deleted while it trained; goes on, restart 1 of" in line for line in said)
    assert len(api.posted) == 2


def test_how_a_deleted_pod_ended_is_not_lost(serve, job_of, tmp_path):
    failure = RankFailure(0, 1, 5.0, None, "ValueError: bad label", "Traceback of it")

    def script(api, job):
        play = Play(api, job)
        pod = play.run(play.pod())
        write_termination([failure], tmp_path / "termination")
        message = (tmp_path / "termination").read_text()
        time.sleep(0.5)
        with api.changed:  # nobody sees the pod between its end and its deletion
            ended = {"exitCode": 1, "message": message, "reason": "Error", "finishedAt": now()}
            container = {"name": "node", "restartCount": 0, "state": {"terminated": ended}}
            key = ("training", pod["metadata"]["name"])
            api.objects["pods"][key]["status"] = {"phase": "Failed", "containerStatuses": [container]}
            remove(api, pod)
        play.fail()

    with pytest.raises(TrainingError, match="rank 0 failed: ValueError: bad label"):
        launcher(serve("2.2", script=script)).run(job_of())


def test_a_failure_after_the_queue_took_the_pods_back_is_a_failure(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.run(play.pod())
        play.condition("Suspended", "Preempted", "preempted to admit a job of higher priority")
        play.end(pod, 203)
        remove(api, pod)
        play.condition("Suspended", "Resumed", "", status="False")
        play.attempt = 5  # another name
        pod = play.run(play.pod())
        play.end(pod, 1, "ValueError: bad")
        play.fail()

    api, said = serve("2.2", script=script), []
    with pytest.raises(TrainingError, match="ended with exit status 1"):
        launcher(api, said=said).run(job_of(queue="gpus"))
    assert len(api.posted) == 1, "not started again"


def test_an_init_container_that_fails_is_named(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        ended = {"exitCode": 3, "reason": "Error", "message": "no route to the proxy", "finishedAt": now()}
        waiting = {"waiting": {"reason": "PodInitializing"}}
        init = [{"name": "mesh", "restartCount": 0, "state": {"terminated": ended}}]
        play.state(pod, "Failed", waiting, initContainerStatuses=init)
        play.fail()

    with pytest.raises(TrainingError, match="init container mesh ended with exit status 3") as caught:
        launcher(serve("2.2", script=script)).run(job_of())
    assert "no route to the proxy" in str(caught.value)


def test_an_init_containers_image_that_cannot_be_pulled_is_named(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        pod["spec"]["initContainers"] = [{"name": "mesh", "image": "registry/mesh:9"}]
        api.put("pods", pod)
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
        init = [{"name": "mesh", "restartCount": 0, "state": waiting}]
        play.state(pod, "Pending", {"waiting": {"reason": "PodInitializing"}}, initContainerStatuses=init)

    with pytest.raises(TrainingError, match=r"the image registry/mesh:9 cannot be pulled"):
        launcher(serve("2.2", script=script)).run(job_of())


def test_an_eviction_says_what_there_was_too_little_of(serve, job_of):
    why = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi".'

    def script(api, job):
        play = Play(api, job)
        pod = play.run(play.pod())
        target = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
        play.end(pod, 137, conditions=[target], reason="Error")
        pod = api.get("pods", pod["metadata"]["name"])
        pod["status"] |= {"reason": "Evicted", "message": why}
        api.put("pods", pod)
        play.fail()

    with pytest.raises(TrainingError) as caught:
        launcher(serve("2.2", script=script)).run(job_of(max_restarts=0))
    assert why in str(caught.value)


def test_of_pods_without_a_report_the_first_that_ended_is_told(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        pods = [play.run(play.pod(index)) for index in range(3)]
        for pod, second in zip(pods, (3, 1, 2), strict=True):
            play.end(pod, 1, f"end {second}", finished=f"2026-01-01T00:00:0{second}Z")
        play.fail()

    with pytest.raises(TrainingError, match=r"node-1 .* exit status 1") as caught:
        launcher(serve("2.2", script=script)).run(job_of(nodes=3))
    assert "end 1" in str(caught.value)


def test_lines_that_the_cluster_does_not_send_any_more_are_told(serve, job_of):
    from kubepresso.launch.cluster import Limits

    def script(api, job):
        play = Play(api, job)
        pod = play.run(play.pod(), "seen")
        time.sleep(0.5)
        api.fault = lambda verb, resource: (500, {}) if resource == "pods/log" else None
        api.cut()
        play.end(pod)
        play.succeed()

    said, limits = [], Limits(drain_seconds=0.5)
    launcher(serve("2.2", script=script), said=said, limits=limits).run(job_of())
    assert any("the last lines may be missing" in line for line in said)


@pytest.mark.parametrize("served", ["2.2", "pytorchjob"])
def test_pods_that_a_queue_takes_back_are_no_failures(serve, job_of, served):
    """Nodes that come and go are counted, but those of a suspended job all go at once."""

    def script(api, job):
        play = Play(api, job)
        pods = [play.run(play.pod(index), "before") for index in range(3)]
        play.suspend()
        time.sleep(0.3)
        for pod in pods:
            api.remove("pods", "training", pod["metadata"]["name"])
        play.condition("Suspended", "Suspended", "preempted by Kueue")
        time.sleep(0.3)
        play.suspend(yes=False)
        pods = [play.run(play.pod(index), "after") for index in range(3)]
        for pod in pods:
            play.end(pod)
        play.succeed()

    api, said = serve(served, script=script), []
    launcher(api, said=said).run(job_of(launcher="auto", nodes=1, max_nodes=3, max_restarts=1, queue="gpus"))
    assert len(api.posted) == 1
    assert any("waits until it is admitted: preempted by Kueue" in line for line in said)
    assert "[node-2] after" in said


def test_a_node_that_cannot_pull_its_image_does_not_end_those_that_train(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        first = play.run(play.pod(0), "trains")
        play.wait(play.pod(1), "ImagePullBackOff", "the registry is away")
        time.sleep(1.5)
        play.end(first)
        play.succeed()

    api, said = serve("pytorchjob", script=script), []
    launcher(api, said=said).run(job_of(launcher="auto", nodes=1, max_nodes=2))
    assert any("cannot be pulled (ImagePullBackOff: the registry is away)" in line for line in said)


def test_nodes_that_wait_for_one_without_its_image_do_not_wait_for_ever(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        play.run(play.pod(0), "waits for the other")
        play.wait(play.pod(1), "ImagePullBackOff", "the registry is away")

    with pytest.raises(TrainingError, match=r"node-1 .* cannot be pulled"):
        launcher(serve("2.2", script=script)).run(job_of(nodes=2))


def test_a_node_that_waited_in_vain_is_told_with_what_kept_the_other(serve, job_of):
    def script(api, job):
        play = Play(api, job)
        first = play.run(play.pod(0), "DistStoreError: Timed out after 1801 seconds, 1/2 clients joined.")
        other = play.pod(1, "0/4 nodes are available: 4 Insufficient nvidia.com/gpu.")
        play.end(first, 1)
        time.sleep(0.3)
        remove(api, other)
        play.fail()

    with pytest.raises(TrainingError, match=r"node-0 .* exit status 1") as caught:
        launcher(serve("2.2", script=script)).run(job_of(nodes=2))
    assert "1/2 clients joined" in str(caught.value)
    assert "never ran: waits for a node: not enough nvidia.com/gpu" in caught.value.problems[-1]


@pytest.mark.parametrize("how", ["refused", "vanished"])
def test_a_node_that_refuses_or_loses_its_pod_is_an_interruption(serve, job_of, how):
    why = "Allocate failed due to requested number of devices unavailable for nvidia.com/gpu"

    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        if play.attempt == 1:
            play.end(play.run(pod))
            return play.succeed()
        if how == "refused":  # before any container is made
            refused = {"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": why}
            api.put("pods", {**pod, "status": refused})
        else:
            play.end(play.run(pod), 255, reason="Unknown")
        return play.fail()

    api, said = serve("2.2", script=script), []
    launcher(api, said=said).run(job_of(max_restarts=1))
    text = "\n".join(said)
    assert "goes on, restart 1 of 1" in text
    expected = f"was refused by its node (UnexpectedAdmissionError) ({why})"
    assert (expected if how == "refused" else "vanished, as when its node is started anew") in text
    assert len(api.posted) == 2


@pytest.mark.parametrize(("seconds", "belongs"), [(2, True), (600, False)])
def test_a_pod_belongs_to_its_job_though_an_api_servers_clock_is_behind(serve, job_of, seconds, belongs):
    """Each of several API servers writes its own time of creation; pods of a former job are much older."""

    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        moment = datetime.fromisoformat(job["metadata"]["creationTimestamp"]) - timedelta(seconds=seconds)
        metadata = {**pod["metadata"], "creationTimestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
        api.put("pods", {**pod, "metadata": metadata})
        play.run(pod, "trains")
        play.end(pod)
        play.succeed()

    said = []
    launcher(serve("2.2", script=script), said=said).run(job_of())
    assert ("[node-0] trains" in said) is belongs
