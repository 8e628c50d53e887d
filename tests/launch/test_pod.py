"""The pod's side for real: data from a bucket, torchrun over two nodes, the bundle back; and what ends it."""

import json
import signal
import subprocess
import sys

import pytest
from bucket_servers import free_port
from cluster_script import Play
from clusters import launcher
from processes import descendants, wait_until
from tiny_training import tiny_config

from kubepresso import storage
from kubepresso.errors import UserError
from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch import TrainingError, fetching
from kubepresso.launch.fetching import fetch_dataset
from kubepresso.launch.node import STANDALONE, elastic_arguments
from kubepresso.launch.report import explain, read_report
from kubepresso.launch.termination import read_termination
from kubepresso.models import load_bundle

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def prepared(bucket, digits):
    """The prepared digits in a bucket, where pods of the test's jobs look for them."""
    storage.put_folder(digits, f"{bucket}/run/dataset")
    return f"{bucket}/run/dataset"


def real_pods(pods, count):
    """A script that runs every pod of a job as a process, with what the job says and its controller adds."""

    def script(api, job):
        play, trainer, port = Play(api, job), job["spec"]["trainer"], str(free_port())
        variables = {e["name"]: e["value"].replace("$$", "$") for e in trainer["env"] if "value" in e}
        variables |= {"PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": port, "PET_NNODES": str(count)}
        running = []
        for index in range(count):
            pod = play.pod(index)
            play.run(pod)
            running.append((pod, pods(trainer["args"], **variables, PET_NODE_RANK=str(index))))
        codes = []
        for pod, process in running:
            codes.append(process.wait())
            api.log(pod, *process.log.read_text().splitlines())
            play.end(pod, codes[-1], process.message)
        play.fail() if any(codes) else play.succeed()

    return script


@pytest.mark.realdata
def test_two_nodes_train_on_data_from_a_bucket_and_leave_their_bundle(serve, job_of, pods, prepared):
    said = []
    api = serve("2.2", script=real_pods(pods, 2))
    job = job_of(nodes=2)
    launcher(api, said=said).run(job)
    bundle = load_bundle(job.output)
    assert bundle.manifest.task == "classification"
    assert json.loads((job.output / "training_summary.json").read_text())["world_size"] == 2
    text = "\n".join(said)
    assert "[node-0] fetched the data set" in text
    assert "[node-1] fetched the data set" in text
    assert text.count("writing the model to") == 1, "by the node that holds it"


@pytest.mark.slow
@pytest.mark.realdata
def test_a_users_error_in_a_rank_comes_out_of_the_launcher_as_it_is(serve, job_of, pods, prepared):
    api = serve("2.2", script=real_pods(pods, 1))
    with pytest.raises(TrainingError) as caught:
        launcher(api).run(job_of(view={"training__precision": "fp16"}))
    assert caught.value.problems == [
        "training.precision: fp16 needs a GPU and there is none here, allowed fp32, bf16"
    ]


def arguments(prepared, bucket, name):
    output = f"{bucket}/{name}/model"
    return [f"--dataset={prepared}", f"--output={output}", f"--checkpoints={output}.checkpoints"]


def test_a_preempted_pod_says_so_and_another_one_goes_on(pods, prepared, bucket):
    config = tiny_config(training__epochs=400)
    given = arguments(prepared, bucket, "preempted")
    first = pods(given, KUBEPRESSO_CONFIG=config)
    wait_until(lambda: "epoch 3/" in first.log.read_text() or first.process.poll() is not None, 90)
    first.process.send_signal(signal.SIGTERM)
    assert first.wait() == RESUME_EXIT_CODE, first.log.read_text()
    assert not storage.exists(f"{bucket}/preempted/model/manifest.json")
    again = pods(given, KUBEPRESSO_CONFIG=config)
    wait_until(lambda: "epoch 4/" in again.log.read_text() or again.process.poll() is not None, 90)
    text = again.log.read_text()
    assert "epoch 1/" not in text, text
    assert "going on" in text, text


def test_a_pod_asked_to_end_while_torchrun_starts_may_go_on(pods, digits, tmp_path):
    pod = pods([f"--dataset={digits}", f"--output={tmp_path}/model"], KUBEPRESSO_CONFIG=tiny_config())

    def torchrun():
        return any("kubepresso.launch.elastic" in line for line in descendants(pod.process.pid).values())

    wait_until(lambda: torchrun() or pod.process.poll() is not None, 60)
    pod.process.send_signal(signal.SIGTERM)
    assert pod.wait() == RESUME_EXIT_CODE, pod.log.read_text()
    assert not pod.message, "nothing failed"


def test_a_pod_leaves_no_temporary_files(pods, digits, tmp_path):
    (temporary := tmp_path / "temporary").mkdir()
    arguments = [f"--dataset={digits}", f"--output={tmp_path}/model"]
    config = tiny_config(training__precision="fp16")  # fails as soon as torchrun's rank is up
    pod = pods(arguments, KUBEPRESSO_CONFIG=config, TMPDIR=str(temporary))
    assert pod.wait() == 1, pod.log.read_text()
    assert "fp16 needs a GPU" in pod.message
    assert not list(temporary.glob("torchelastic*"))


def test_checkpoints_stay_until_the_model_is_in_the_bucket(pods, prepared, bucket):
    place = f"{bucket}/spent/checkpoints"
    given = {"KUBEPRESSO_CONFIG": tiny_config(), "KUBEPRESSO_CHECKPOINTS": place}
    nowhere = [f"--dataset={prepared}", "--output=s3://no-such-bucket/model"]
    first = pods(nowhere, **given)
    assert first.wait() == 1
    (failure,) = read_termination(first.message)
    assert "no-such-bucket" in failure.problems[0]
    assert storage.exists(place), first.log.read_text()
    again = pods([f"--dataset={prepared}", f"--output={bucket}/spent/model"], **given)
    assert again.wait() == 0, again.log.read_text()
    assert "epoch 1/" not in again.log.read_text(), "nothing is trained again"
    assert storage.exists(f"{bucket}/spent/model/manifest.json")
    assert not storage.exists(place)


def test_a_bucket_that_is_not_there_is_in_the_report(pods, bucket):
    pod = pods(["--dataset=/nowhere", f"--output={bucket}/x"], KUBEPRESSO_CONFIG=tiny_config())
    assert pod.wait() == 1
    (failure,) = read_termination(pod.message)
    assert failure.problems == [
        "/nowhere: not a prepared data set (manifest.json is missing); run the prepare_dataset step and use "
        "its output folder"
    ]


def test_data_are_fetched_once_and_checked(prepared, bucket, tmp_path, capsys):
    folder = fetch_dataset(prepared, tmp_path / "dataset")
    assert (folder / "manifest.json").is_file()
    fetch_dataset(prepared, tmp_path / "dataset")
    assert "is here already" in capsys.readouterr().out
    shard = next(folder.glob("*.parquet"))
    shard.write_bytes(b"\0" * shard.stat().st_size)
    fetch_dataset(prepared, tmp_path / "dataset")
    assert not fetching.damaged_shards(folder), "what a crash left damaged is fetched again"


def test_data_that_are_not_what_was_prepared_are_refused(digits, bucket, tmp_path):
    storage.put_folder(digits, f"{bucket}/damaged")
    shard = next(digits.glob("train*.parquet"))
    damaged = tmp_path / "one"
    damaged.mkdir()
    (damaged / shard.name).write_bytes(b"\0" * shard.stat().st_size)
    storage.put_folder(damaged, f"{bucket}/damaged")
    with pytest.raises(UserError, match=rf"damaged: {shard.name}: not what was prepared \(digest\)"):
        fetch_dataset(f"{bucket}/damaged", tmp_path / "dataset")


def test_a_mounted_data_set_is_read_where_it_is(digits, tmp_path):
    assert fetch_dataset(str(digits), tmp_path / "dataset") == digits


def test_retries_are_limited(capsys):
    calls = []

    def work():
        calls.append(1)
        raise UserError("bucket away")

    with pytest.raises(UserError, match="bucket away"):
        fetching.with_retries(work, first_pause_seconds=0.01)
    assert len(calls) == 4
    assert "attempt 4 of 4" in capsys.readouterr().out


def test_torchruns_options():
    one = elastic_arguments("1", 2, 3, {})
    assert one == [*STANDALONE, "--nproc-per-node=2", "--nnodes=1"]
    fixed = elastic_arguments("4", 8, 3, {"PET_NODE_RANK": "1"})
    assert fixed[:2] == ["--nproc-per-node=8", "--nnodes=4"]
    assert not any("max-restarts" in option for option in fixed)
    by_operator = elastic_arguments("2:4", 8, 3, {"PET_RDZV_ENDPOINT": "w-0:23456"})
    assert {"--nnodes=2:4", "--max-restarts=3", "--rdzv-endpoint=w-0:23456"} <= set(by_operator)
    by_trainer = elastic_arguments("2:4", 8, 3, {"PET_MASTER_ADDR": "n-0.n", "PET_MASTER_PORT": "29500"})
    assert "--rdzv-endpoint=n-0.n:29500" in by_trainer


def test_a_rank_that_asks_to_be_resumed_is_no_failure(tmp_path, monkeypatch):
    script = tmp_path / "leave.py"
    script.write_text(f"import sys; sys.exit({RESUME_EXIT_CODE})")
    report = tmp_path / "report.json"
    monkeypatch.setenv("KUBEPRESSO_FAILURE_REPORT", str(report))
    command = [sys.executable, "-m", "kubepresso.launch.elastic", "--standalone", str(script)]
    assert subprocess.run(command, timeout=60, check=False).returncode == RESUME_EXIT_CODE
    assert read_report(report) == []
    assert "can go on from its last checkpoint" in str(explain([], RESUME_EXIT_CODE))
