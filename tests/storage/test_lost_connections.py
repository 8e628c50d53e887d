"""Connections that are lost in the middle of an object."""

import hashlib

import pytest
from bucket_servers import point_at
from fault_proxy import Fault, FaultProxy

from kubepresso.errors import UserError
from kubepresso.storage import get_folder
from kubepresso.storage.transfer import get_file

MIB = 1 << 20
CONTENT = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() * 64 for n in range(4096))


@pytest.fixture
def put(bucket):
    """Put objects into the bucket, past any proxy."""
    import boto3

    client = boto3.client("s3", region_name="us-east-1")

    def put(key, content):
        client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=content)
        return f"{bucket}/{key}"

    return put


@pytest.fixture
def proxy(moto, monkeypatch):
    def make(*faults, on_fault=lambda: None):
        made = FaultProxy(moto, *faults, on_fault=on_fault)
        point_at(monkeypatch, made.url)
        return made

    return make


def test_a_download_goes_on_where_its_connection_was_lost(put, proxy, tmp_path):
    uri = put("big.bin", CONTENT)
    with proxy(Fault("cut", "GET", times=3, at=2 * MIB)) as cutting:
        get_file(uri, tmp_path / "big.bin")
    assert len(cutting.hits) == 3
    assert (tmp_path / "big.bin").read_bytes() == CONTENT
    assert cutting.brought < len(CONTENT) + MIB
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["big.bin"]


def test_the_next_attempt_fetches_only_what_is_missing(put, proxy, bucket, tmp_path):
    for name in ("one.bin", "two.bin"):
        put(f"set/{name}", CONTENT[: 2 * MIB] + name.encode())
    put("set/zero.bin", CONTENT)
    with proxy(
        Fault("cut", "GET", "zero", at=3 * MIB), Fault("cut", "GET", "zero", times=None, at=400)
    ) as cutting:
        with pytest.raises(UserError, match=r"zero\.bin .*: the connection broke off while the object came"):
            get_folder(f"{bucket}/set", tmp_path / "set")
        first, cutting.faults, cutting.brought = cutting.brought, [], 0
        get_folder(f"{bucket}/set", tmp_path / "set")
    assert (tmp_path / "set/zero.bin").read_bytes() == CONTENT
    assert first > 2 * MIB
    assert cutting.brought < len(CONTENT) + 4 * MIB - first + MIB


def test_an_object_that_changes_meanwhile_is_not_patched_together(put, proxy, tmp_path):
    uri = put("big.bin", CONTENT)
    with proxy(Fault("cut", "GET", at=2 * MIB), on_fault=lambda: put("big.bin", CONTENT[::-1])):
        with pytest.raises(UserError, match="was changed while it was fetched"):
            get_file(uri, tmp_path / "big.bin")
        assert not (tmp_path / "big.bin").exists()
        get_file(uri, tmp_path / "big.bin")
    assert (tmp_path / "big.bin").read_bytes() == CONTENT[::-1]
