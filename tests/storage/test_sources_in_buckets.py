"""Data sets behind s3://, as a prefix and as an archive, over connections that are lost."""

import shutil

import numpy as np
import pytest
from bucket_servers import point_at
from fault_proxy import Fault, FaultProxy

from kubepresso.config import DataConfig
from kubepresso.data.location import local_source
from kubepresso.errors import UserError
from kubepresso.steps.resolve import digest_data
from kubepresso.storage import put_folder


def data_at(uri):
    return DataConfig.model_validate({"name": "x", "task": "detection", "path": {"root": uri}})


@pytest.fixture
def source(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    folder = tmp_path / "source" / "set"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (folder / f"{name}.bin").write_bytes(noise.bytes(1_500_000))
    return folder


@pytest.fixture
def archived(bucket, source, tmp_path):
    import boto3

    packed = shutil.make_archive(tmp_path / "packed", "gztar", source.parent)
    client = boto3.client("s3", region_name="us-east-1")
    client.upload_file(packed, bucket.removeprefix("s3://"), "sets/packed.tar.gz")
    return f"{bucket}/sets/packed.tar.gz"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*.bin")}


def test_a_prefix_and_an_archive_give_the_same_folder(bucket, source, archived, tmp_path):
    put_folder(source, f"{bucket}/plain")
    for uri in (f"{bucket}/plain", archived):
        assert digest_data(data_at(uri)).startswith("sha256:")
        with local_source(data_at(uri)) as root:
            assert contents(root) == contents(source)
            assert {path.parent for path in root.rglob("*.bin")} == {root}
        assert not list((tmp_path / "tmp").iterdir())


def test_a_second_attempt_goes_on_and_leaves_nothing_behind(moto, archived, source, tmp_path, monkeypatch):
    with FaultProxy(
        moto, Fault("cut", "GET", at=2_500_000), Fault("cut", "GET", times=None, at=300)
    ) as proxy:
        point_at(monkeypatch, proxy.url)
        with pytest.raises(UserError), local_source(data_at(archived)):
            pass
        assert list((tmp_path / "tmp").rglob("*.partial"))
        first, proxy.faults, proxy.brought = proxy.brought, [], 0
        with local_source(data_at(archived)) as root:
            assert contents(root) == contents(source)
    assert proxy.brought < 4_600_000 - first + 500_000
    assert not list((tmp_path / "tmp").iterdir())


def test_two_processes_do_not_share_what_they_fetch(archived):
    with local_source(data_at(archived)) as one, local_source(data_at(archived)) as two:
        assert one != two
        assert contents(one) == contents(two)
    assert not one.exists()
    assert not two.exists()


def test_an_object_that_is_not_there_is_named(bucket, tmp_path, source):
    with pytest.raises(UserError, match=r"gone\.zip: no such object; check the key"):
        local_source(data_at(f"{bucket}/gone.zip")).__enter__()
    assert not list((tmp_path / "tmp").iterdir())
