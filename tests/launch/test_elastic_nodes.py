"""Nodes that come and go: pods as processes on this machine, which meet as Kubeflow tells them to."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from bucket_servers import free_port
from processes import descendants, end, wait_until
from safetensors.torch import load_file
from tiny_training import tiny_config

from kubepresso.errors import UserError
from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.node import await_meeting_point, elastic_arguments
from kubepresso.training.distributed import _attempt

pytestmark = pytest.mark.timeout(180)
#: As a job's rdzvConf: quicker than torchrun's defaults, which suit clusters.
QUICK = "last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=5"


class Node:
    """One pod of an elastic job of one process a node; checkpoints and model lie in a shared folder."""

    def __init__(self, folder, shared, index, arguments, **variables):
        folder.mkdir()
        self.log = folder / "log"
        own = {
            "KUBEPRESSO_SCRATCH": str(folder / "scratch"),
            "KUBEPRESSO_TERMINATION_LOG": str(folder / "termination-log"),
            "OMP_NUM_THREADS": "1",
            "PET_NODE_RANK": str(index),
            "PET_RDZV_CONF": f"{QUICK},is_host={int(index == 0)}",
        }
        places = [f"--output={shared / 'model'}", f"--checkpoints={shared / 'checkpoints'}"]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kubepresso.launch.pod", *arguments, *places],
                env={**os.environ, **variables, **own},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self):
        return self.log.read_text()

    def rank(self) -> int:
        (rank,) = [
            pid
            for pid, command in descendants(self.process.pid).items()
            if "-m kubepresso.training " in command and "elastic" not in command
        ]
        return rank

    def lose(self):
        """End it as a machine that breaks down."""
        below = [*descendants(self.process.pid)]
        for pid in (self.process.pid, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Job:
    """An elastic job of up to two nodes."""

    def __init__(self, folder, dataset, epochs):
        self.folder, self.nodes, self.shared = folder, [], folder / "shared"
        self.arguments = ["--nodes=1:2", "--processes=1", "--max-restarts=5", f"--dataset={dataset}"]
        self.variables = {
            "KUBEPRESSO_CONFIG": tiny_config(
                training__epochs=epochs,
                training__checkpoints={"every_steps": 1},
                environment__batch_size=16,
            ),
            "KUBEPRESSO_JOB": "elastic",
            "PET_NNODES": "1:2",
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": str(free_port()),
        }

    def start(self, index) -> Node:
        folder = self.folder / f"pod-{len(self.nodes)}"
        node = Node(folder, self.shared, index, self.arguments, **self.variables)
        self.nodes.append(node)
        return node

    def states(self) -> list[str]:
        return sorted(path.name for path in (self.shared / "checkpoints").glob("*/state-*"))

    def said(self) -> str:
        return "".join(node.text for node in self.nodes)

    def await_said(self, text, seconds=90):
        wait_until(lambda: text in self.said() or self.nodes[0].process.poll() is not None, seconds)
        assert text in self.said(), self.said()

    def await_epoch(self, epoch):
        wait_until(lambda: any(name >= f"state-{epoch:05d}" for name in self.states()), 90)

    @property
    def world_size(self):
        return json.loads((self.shared / "model" / "training_summary.json").read_text())["world_size"]


@pytest.fixture
def job(tmp_path, digits):
    made = []

    def make(name="job", epochs=2):
        (tmp_path / name).mkdir()
        made.append(Job(tmp_path / name, digits, epochs))
        return made[-1]

    yield make
    for node in (node for job in made for node in job.nodes):
        end(node.process.pid)
        node.process.kill()
        node.process.wait()


def test_a_lost_node_leaves_the_other_training_alone_and_may_come_back(job):
    training = job(epochs=10_000)
    first, second = training.start(0), training.start(1)
    training.await_epoch(1)
    assert " 2 x cpu" in training.said()
    second.lose()
    training.await_said("of 2 processes, now there are 1")
    assert "in the same order, in global batches of 16 in place of 32" in first.text
    assert "not bit for bit those of a training that was never stopped" in first.text
    back = training.start(1)
    training.await_said("of 1 process, now there are 2")
    for node in (first, back):
        node.process.send_signal(signal.SIGTERM)
    for node in (first, back):
        assert node.process.wait(40) == RESUME_EXIT_CODE, node.text


@pytest.mark.slow
def test_a_lost_node_does_not_keep_the_other_from_the_model(job):
    training = job(epochs=40)
    first, second = training.start(0), training.start(1)
    training.await_epoch(1)
    second.lose()
    assert first.process.wait(120) == 0, first.text
    assert training.world_size == 1


def test_without_the_node_where_all_meet_the_others_ask_to_be_started_again(job):
    training = job(epochs=400)
    first, second = training.start(0), training.start(1)
    training.await_epoch(1)
    first.lose()
    assert second.process.wait(30) == RESUME_EXIT_CODE, second.text
    assert "the node that the others meet at is gone" in second.text
    assert "Traceback" not in second.text
    assert not (training.shared / "model").exists()


@pytest.mark.slow
def test_a_rank_killed_on_one_node_changes_no_bit_of_the_model(job):
    whole, killed = job("whole", epochs=12), job("killed", epochs=12)
    for training in (whole, killed):
        nodes = training.start(0), training.start(1)
        if training is killed:
            training.await_epoch(2)
            os.kill(nodes[1].rank(), signal.SIGKILL)
        for node in nodes:
            assert node.process.wait(90) == 0, node.text
    assert "going on" in killed.said()
    assert " 1 x cpu" not in killed.said()
    one, other = (
        load_file(training.shared / "model" / "weights.safetensors") for training in (whole, killed)
    )
    assert all(one[name].equal(other[name]) for name in one)


@pytest.mark.slow
def test_a_preempted_node_leaves_its_last_step_to_the_other(job):
    training = job(epochs=40)
    first, second = training.start(0), training.start(1)
    training.await_epoch(1)
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(40) == RESUME_EXIT_CODE, second.text
    assert first.process.wait(90) == 0, first.text
    assert training.world_size == 1


def test_a_start_has_a_name_that_all_nodes_agree_on():
    shared = {"TORCHELASTIC_USE_AGENT_STORE": "True"}
    assert _attempt({**shared, "TORCHELASTIC_RESTART_COUNT": "1"}) != _attempt(shared)
    own = {"TORCHELASTIC_USE_AGENT_STORE": "False"}
    assert _attempt({**own, "TORCHELASTIC_RESTART_COUNT": "1"}) == _attempt(own)


def test_a_jobs_own_rendezvous_settings_come_after_ours():
    given = elastic_arguments("1:2", 1, 3, {"PET_RDZV_CONF": "last_call_timeout=5"})
    assert "--rdzv-conf=join_timeout=1800,last_call_timeout=5" in given


def test_a_node_waits_for_the_one_where_all_meet(monkeypatch):
    await_meeting_point("localhost:1")  # this machine itself
    monkeypatch.setattr("kubepresso.launch.node._is_here", lambda host: False)
    monkeypatch.setattr("kubepresso.launch.node._LOOK_SECONDS", 0.05)
    port = free_port()
    with pytest.raises(UserError, match=f"127.0.0.1:{port}: the first node, where all meet, did not answer"):
        await_meeting_point(f"127.0.0.1:{port}", 0.1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        threading.Timer(0.3, listener.listen).start()
        await_meeting_point(f"127.0.0.1:{port}", 20)


def test_a_node_taken_for_dead_notices_and_comes_back(monkeypatch):
    from torch.distributed.elastic.rendezvous import RendezvousParameters
    from torch.distributed.elastic.rendezvous.c10d_rendezvous_backend import create_backend
    from torch.distributed.elastic.rendezvous.dynamic_rendezvous import (
        DynamicRendezvousHandler,
        create_handler,
    )

    from kubepresso.launch.elastic import _notice_being_left_out

    monkeypatch.setattr(
        DynamicRendezvousHandler, "num_nodes_waiting", DynamicRendezvousHandler.num_nodes_waiting
    )
    _notice_being_left_out()
    settings = {"last_call_timeout": 1, "keep_alive_interval": 1, "keep_alive_max_attempt": 2}
    given = RendezvousParameters("c10d", f"localhost:{free_port()}", "here", 1, 2, **settings)
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    backend, store = create_backend(given)
    late, other = (create_handler(store, backend, given) for _ in range(2))
    late.next_rendezvous()
    assert late.num_nodes_waiting() == 0
    late._stop_heartbeats()
    assert other.next_rendezvous().world_size == 1
    assert late.num_nodes_waiting() == 1, "else both would train alone"
    other.shutdown()
