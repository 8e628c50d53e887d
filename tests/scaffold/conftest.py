"""A bucket on loopback, without checks of credentials."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "storage"))


@pytest.fixture(scope="session")
def moto():
    from bucket_servers import free_port, serve

    port = free_port()
    yield from serve([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)


@pytest.fixture
def bucket(moto, monkeypatch):
    """An empty bucket, by its URI."""
    import boto3
    from bucket_servers import point_at

    point_at(monkeypatch, moto)
    client = boto3.client("s3", region_name="us-east-1")
    name = f"bucket-{time.monotonic_ns()}"
    client.create_bucket(Bucket=name)
    return f"s3://{name}"
