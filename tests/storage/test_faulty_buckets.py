"""Folders put and got while connections break, answers are late, cut or wrong, and the store is busy."""

import contextlib
import random
import time
import zlib

import pytest
from bucket_servers import make_bucket, point_at
from fault_proxy import Fault, FaultProxy, hasten

from kubepresso.errors import UserError
from kubepresso.storage import exists, get_folder, put_folder, read_bytes, s3
from kubepresso.storage.removal import remove_folder

LIMIT_SECONDS = 20
LARGE = 8 * 1024 * 1024 + 70_000  # two parts


@pytest.fixture(scope="module")
def proxied(moto):
    """A bucket, and a proxy before it."""
    with pytest.MonkeyPatch.context() as patch, FaultProxy(moto) as proxy:
        hasten(patch)
        yield make_bucket(patch, moto), proxy


@pytest.fixture
def bucket(proxied, request):
    """A place of the test's own in the bucket."""
    return f"{proxied[0]}/{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def through(proxied, moto, monkeypatch):
    """Point at the proxy with some faults for a while."""

    @contextlib.contextmanager
    def through(*faults, **options):
        proxy = proxied[1].bring(*faults, **options)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        try:
            yield proxy
        finally:
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)

    return through


@pytest.fixture
def small(tmp_path):
    folder = tmp_path / "small"
    (folder / "deep").mkdir(parents=True)
    for name in ("manifest.json", "a.bin", "b.bin", "deep/c.bin"):
        (folder / name).write_bytes(random.Random(name).randbytes(3_000))
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large") / "large"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "weights.bin").write_bytes(random.Random(0).randbytes(LARGE))
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


UPLOADS = [(kind, "PUT") for kind in ("reset", "lost", "delay", "busy", "upload")]
PARTS = [
    ("upload", "PART"),
    ("busy", "PART"),
    ("lost", "BEGIN"),
    ("truncate", "COMPLETE"),
    ("lost", "COMPLETE"),
]
DOWNLOADS = [(kind, "GET") for kind in ("reset", "cut", "truncate", "shorten", "flip", "delay", "busy")]
LISTS = [(kind, "LIST") for kind in ("reset", "cut", "truncate", "shorten", "delay", "busy")]


@pytest.mark.parametrize(("kind", "operation"), UPLOADS + PARTS)
def test_what_is_put_in_spite_of_a_fault_is_whole(through, bucket, small, large, tmp_path, kind, operation):
    source = small if operation == "PUT" else large
    with through(Fault(kind, operation, times=2, seconds=1.0)) as proxy:
        put_folder(source, f"{bucket}/it")
    assert len(proxy.hits) == 2
    assert contents(get_folder(f"{bucket}/it", tmp_path / "got")) == contents(source)


@pytest.mark.parametrize(("kind", "operation"), DOWNLOADS + LISTS)
def test_what_is_got_in_spite_of_a_fault_is_whole(through, bucket, small, tmp_path, kind, operation):
    put_folder(small, f"{bucket}/it")
    with through(Fault(kind, operation, times=1, seconds=1.0)) as proxy:
        get_folder(f"{bucket}/it", tmp_path / "got", whole=True)
    assert len(proxy.hits) == 1
    assert contents(tmp_path / "got") == contents(small)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("reset", "the endpoint does not answer; check"),
        ("delay", "the endpoint took the connection and did not answer"),
        ("busy", r"too busy or broken \(SlowDown\), tried several times; try again later"),
        ("deny", "access denied; the credentials need the right to"),
        ("skewed", "the clock of this machine is not that of the server; set it"),
    ],
)
def test_a_store_that_stays_broken_is_named_in_limited_time(through, bucket, small, tmp_path, kind, words):
    put_folder(small, f"{bucket}/there")
    began = time.monotonic()
    works = {
        "PUT": lambda: put_folder(small, f"{bucket}/it"),
        "GET": lambda: get_folder(f"{bucket}/there", tmp_path / "got"),
        "LIST": lambda: get_folder(f"{bucket}/there", tmp_path / "got"),
        "HEAD": lambda: exists(f"{bucket}/nothing"),
        "DELETE": lambda: remove_folder(f"{bucket}/there"),
    }
    for operation, work in list(works.items())[: 2 if kind == "delay" else None]:
        with through(Fault(kind, operation, times=None, seconds=1.0)) as proxy:
            if (kind, operation) in {("busy", "HEAD"), ("skewed", "HEAD"), ("deny", "HEAD")}:
                with pytest.raises(UserError, match=rf"{bucket}.*\(endpoint http"):  # its answer has no words
                    work()
                continue
            with pytest.raises(UserError, match=rf"{bucket}/.*\(endpoint {proxy.url}\): .*{words}"):
                work()
    assert time.monotonic() - began < LIMIT_SECONDS
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("kind", ["reset", "busy", "upload", "deny"])
def test_an_upload_that_breaks_leaves_nothing_that_is_taken_for_whole(
    through, bucket, small, large, tmp_path, kind
):
    for source, operation, key in (
        (small, "PUT", "b.bin"),
        (large, "PART", ""),
        (small, "PUT", "manifest.json"),
    ):
        uri = f"{bucket}/{source.name}-{key}"
        with (
            through(Fault(kind, operation, key, times=None)),
            pytest.raises(UserError, match=source.name),
        ):
            put_folder(source, uri)
        with pytest.raises(UserError, match=f"{uri}: (is not whole: its manifest.json|holds no file)"):
            get_folder(uri, tmp_path / "got", whole=True)
        assert not (tmp_path / "got").exists()
        put_folder(source, uri)
        assert contents(get_folder(uri, tmp_path / f"got-{source.name}", whole=True)) == contents(source)


def test_a_folder_that_is_written_over_is_not_whole_in_between(through, bucket, small, tmp_path):
    put_folder(small, f"{bucket}/it")
    (small / "a.bin").write_bytes(b"another")
    with through(Fault("busy", "PUT", "b.bin", times=None)), pytest.raises(UserError):
        put_folder(small, f"{bucket}/it")
    with pytest.raises(UserError, match="is not whole"):
        get_folder(f"{bucket}/it", tmp_path / "got", whole=True)


def test_a_local_folder_without_its_manifest_is_not_whole(small, tmp_path):
    (small / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"is not whole: its manifest\.json"):
        get_folder(str(small), tmp_path / "got", whole=True)


@pytest.mark.parametrize("kind", ["cut", "truncate"])
def test_a_file_is_read_again_where_its_connection_was_lost(through, bucket, small, kind):
    put_folder(small, f"{bucket}/it")
    with through(Fault(kind, "GET", times=2)):
        assert read_bytes(f"{bucket}/it/a.bin") == (small / "a.bin").read_bytes()
    with (
        through(Fault(kind, "GET", times=None)),
        pytest.raises(
            UserError, match=r"/it/a\.bin \(endpoint .*(broke off while the object came|not answer)"
        ),
    ):
        read_bytes(f"{bucket}/it/a.bin")


def test_a_file_that_goes_while_it_is_put_is_named(through, bucket, small):
    with (
        through(Fault("busy", "HEAD"), on_fault=(small / "a.bin").unlink),
        pytest.raises(UserError, match=r"small/a\.bin: no such file"),
    ):
        put_folder(small, f"{bucket}/it")
    assert not exists(f"{bucket}/it/manifest.json")


def test_after_a_long_outage_requests_are_tried_again_as_before(through, bucket, small, monkeypatch):
    """A client of botocore stops trying again when a quota is used up; a smaller one is sooner."""
    monkeypatch.setattr("botocore.retries.quota.RetryQuota.__init__.__defaults__", (20, None))
    s3._client.cache_clear()
    with through(Fault("busy", "GET", times=None)):
        put_folder(small, f"{bucket}/it")
        for _ in range(3):
            with pytest.raises(UserError):
                read_bytes(f"{bucket}/it/a.bin")
    with through(Fault("busy", "GET", times=3)):
        assert read_bytes(f"{bucket}/it/a.bin") == (small / "a.bin").read_bytes()


def test_who_may_write_and_not_look_can_put(through, bucket, small, tmp_path):
    with through(Fault("deny", "HEAD", times=None), Fault("deny", "LIST", times=None)):
        put_folder(small, f"{bucket}/it")
    assert contents(get_folder(f"{bucket}/it", tmp_path / "got", whole=True)) == contents(small)


@pytest.mark.parametrize("endpoint", ["http://someone:pass-word@127.0.0.1:9", "http://someone:pass-word@"])
def test_no_message_holds_what_stands_before_the_host_of_an_endpoint(proxied, monkeypatch, small, endpoint):
    point_at(monkeypatch, endpoint)
    with pytest.raises(UserError) as caught:
        put_folder(small, "s3://bucket/it")
    assert "s3://bucket/it" in str(caught.value)
    assert "pass-word" not in str(caught.value)


KINDS = ["reset", "lost", "cut", "truncate", "shorten", "flip", "busy", "upload"]


def a_script(seed: int) -> list[Fault]:
    dice = random.Random(seed)
    share = dice.choice([0.1, 0.3, 0.6])
    return [Fault(kind, times=None, share=share * dice.random()) for kind in dice.sample(KINDS, 3)]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_breaks_a_folder_is_equal_or_not_there(through, bucket, small, tmp_path, seed):
    uri = f"{bucket}/it"
    with through(*a_script(seed), seed=seed):
        try:
            put_folder(small, uri)
            put = True
        except UserError:
            put = False
    if put:
        assert contents(get_folder(uri, tmp_path / "whole", whole=True)) == contents(small)
    with through(*a_script(seed + 1000), seed=seed):
        for _ in range(3):
            try:
                got = get_folder(uri, tmp_path / "got", whole=True)
            except UserError:
                assert not (tmp_path / "got").exists()
            else:
                assert contents(got) == contents(small)
                break
    if put:
        assert contents(get_folder(uri, tmp_path / "got", whole=True)) == contents(small)
