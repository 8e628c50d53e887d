import re
import socket
import threading
import time

import pytest
from bucket_servers import point_at

from kubepresso.config import ConfigError, load_config
from kubepresso.errors import UserError
from kubepresso.storage import digest_folder, exists, get_folder, list_files, put_folder, read_bytes, s3


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def client():
    import boto3

    return boto3.client("s3", region_name="us-east-1")


def put(uri, content):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client().put_object(Bucket=bucket, Key=key, Body=content)


def test_round_trip(bucket, tree, tmp_path):
    put_folder(tree, f"{bucket}/a/b/")
    assert [(e.key, e.size) for e in list_files(f"{bucket}/a/b")] == [
        (e.key, e.size) for e in list_files(str(tree))
    ]
    assert get_folder(f"{bucket}/a/b", tmp_path / "got") == tmp_path / "got"
    assert contents(tmp_path / "got") == contents(tree)
    assert not list(tmp_path.glob(".got*"))
    assert read_bytes(f"{bucket}/a/b/train/1/empty") == b""
    assert read_bytes(f"{bucket}/a/b/manifest.json", limit=1) == b"{"


def test_a_prefix_is_a_folder_not_the_start_of_a_name(bucket):
    put(f"{bucket}/data/x", b"1")
    put(f"{bucket}/data2/y", b"2")
    put(f"{bucket}/data/", b"")
    put(f"{bucket}/data/deep/z", b"3")
    assert [entry.key for entry in list_files(f"{bucket}/data")] == ["deep/z", "x"]
    assert [entry.key for entry in list_files(f"{bucket}/data", below=False)] == ["x"]
    assert [entry.key for entry in list_files(f"{bucket}/data/x")] == ["x"]
    assert exists(f"{bucket}/data")
    assert exists(f"{bucket}/data/x")
    assert not exists(f"{bucket}/dat")


def test_more_objects_than_one_page(bucket):
    name = bucket.removeprefix("s3://")
    connection = client()
    for index in range(1005):
        connection.put_object(Bucket=name, Key=f"many/{index:04d}", Body=b"x")
    assert len(list_files(f"{bucket}/many")) == 1005


def test_a_broken_off_download_goes_on_and_ends_whole(bucket, tree, tmp_path, monkeypatch):
    put_folder(tree, f"{bucket}/a")
    real, fetched, fail = s3.download, [], [True]

    def flaky(place, entry, target):
        if entry.key.endswith("empty") and fail[0]:
            raise UserError("gone")
        fetched.append(entry.key)
        real(place, entry, target)

    monkeypatch.setattr(s3, "download", flaky)
    with pytest.raises(UserError, match="gone"):
        get_folder(f"{bucket}/a", tmp_path / "got")
    assert not (tmp_path / "got").exists()
    fail[0] = False
    before = len(fetched)
    put(f"{bucket}/a/manifest.json", b"[]")  # same size, other content and time
    (tmp_path / ".got.download" / "stranger").touch()
    get_folder(f"{bucket}/a", tmp_path / "got")
    assert "train/1/empty" in fetched[before:]
    assert len(fetched) - before < 4
    assert contents(tmp_path / "got") == {**contents(tree), "manifest.json": b"[]"}


def test_what_changes_between_listing_and_reading_is_found(bucket, tree, tmp_path, monkeypatch):
    put_folder(tree, f"{bucket}/a")
    listed = s3.entries
    monkeypatch.setattr(
        s3, "entries", lambda *a, **k: [listed(*a, **k), put(f"{bucket}/a/manifest.json", b"[]")][0]
    )
    with pytest.raises(UserError, match="differs from the listing"):
        get_folder(f"{bucket}/a", tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_keys_that_lead_out_of_the_folder_are_refused(bucket, tmp_path):
    put(f"{bucket}/a/../../evil", b"x")
    with pytest.raises(UserError, match="is no path below a folder"):
        get_folder(f"{bucket}/a", tmp_path / "got")
    assert not (tmp_path.parent / "evil").exists()


def test_a_key_that_would_be_a_file_and_a_folder_is_refused(bucket, tmp_path):
    for key in ("train/a", "train/a/0.jpg", "train/ab"):
        put(f"{bucket}/zoo/{key}", b"x")
    with pytest.raises(UserError, match="the key 'train/a' is an object, and others lie below it") as caught:
        get_folder(f"{bucket}/zoo", tmp_path / "got")
    assert len(caught.value.problems) == 1


def test_digests(bucket, tree):
    put_folder(tree, f"{bucket}/a")
    put_folder(tree, f"{bucket}/b/c")
    assert digest_folder(f"{bucket}/a") == digest_folder(f"{bucket}/b/c")
    put(f"{bucket}/a/manifest.json", b"[]")
    assert digest_folder(f"{bucket}/a") != digest_folder(f"{bucket}/b/c")


def test_a_configuration_in_a_bucket(bucket, complete_configuration):
    put(f"{bucket}/all.yaml", complete_configuration.encode())
    assert load_config(f"{bucket}/all.yaml").training.epochs == 90
    for module in re.split(r"^(?=\w)", complete_configuration, flags=re.M)[1:]:
        put(f"{bucket}/config/{module.partition(':')[0]}.yaml", module.encode())
    assert load_config(f"{bucket}/config").present() == load_config(f"{bucket}/all.yaml").present()
    put(f"{bucket}/config/training.yaml", b"training: {epochs: 0}")
    with pytest.raises(ConfigError, match=f"{bucket}/config/training.yaml:1:20: training.epochs: must be"):
        load_config(f"{bucket}/config")


def test_no_such_bucket_or_key(bucket, moto):
    with pytest.raises(UserError, match=rf"s3://no-such/a \(endpoint {moto}\): there is no bucket 'no-such'"):
        read_bytes("s3://no-such/a")
    with pytest.raises(UserError, match="no such key or prefix"):
        read_bytes(f"{bucket}/nothing.yaml")
    with pytest.raises(UserError, match="holds no file"):
        digest_folder(f"{bucket}/nothing")
    with pytest.raises(UserError, match="holds no file"):
        load_config(f"{bucket}/nothing")
    with pytest.raises(UserError, match="is not a bucket's name"):
        read_bytes("s3://a b/x")


def test_no_credentials(moto, monkeypatch):
    point_at(monkeypatch, moto, key=None, secret=None)
    with pytest.raises(UserError, match="no credentials; set AWS_ACCESS_KEY_ID"):
        read_bytes("s3://bucket/a")


def test_a_server_that_checks_signatures(rclone, monkeypatch, tree, tmp_path):
    point_at(monkeypatch, rclone)
    put_folder(tree, "s3://bucket/a")
    get_folder("s3://bucket/a", tmp_path / "got")
    assert contents(tmp_path / "got") == contents(tree)
    assert digest_folder("s3://bucket/a").startswith("sha256:")
    with pytest.raises(UserError, match="there is no bucket 'other'"):
        list_files("s3://other/a")


def test_wrong_credentials_are_named_but_not_shown(rclone, monkeypatch):
    point_at(monkeypatch, rclone, key="key", secret="wrong-secret")
    with pytest.raises(UserError) as caught:
        read_bytes("s3://bucket/a")
    assert "credentials" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield server.getsockname()[1]


def test_a_server_that_is_silent_is_found_out(silent_port, monkeypatch):
    point_at(monkeypatch, f"http://127.0.0.1:{silent_port}")
    began = time.monotonic()
    with pytest.raises(
        UserError, match=rf"s3://bucket/a \(endpoint http://127.0.0.1:{silent_port}\): the endpoint took"
    ):
        read_bytes("s3://bucket/a")
    assert time.monotonic() - began < 20


def test_a_port_where_nothing_listens(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    point_at(monkeypatch, f"http://127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(
        ConfigError, match=rf"s3://bucket/a \(endpoint http://127.0.0.1:{port}\): the endpoint does not"
    ):
        load_config("s3://bucket/a")
    assert time.monotonic() - began < 20


def test_an_endpoint_that_is_no_url(monkeypatch):
    point_at(monkeypatch, "nonsense")
    with pytest.raises(UserError, match="set AWS_ENDPOINT_URL_S3 to"):
        read_bytes("s3://bucket/a")


def test_a_connection_cut_in_the_middle_is_tried_again(tree, tmp_path, monkeypatch):
    """The first answer to each object promises more bytes than it gives."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    seen = set()
    listing = (
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated><Contents>'
        b"<Key>a/x</Key><Size>6</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        b"</Contents></ListBucketResult>"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body, cut = (
                (listing, None)
                if "list-type" in self.path
                else (b"abcdef", 3 if self.path not in seen else None)
            )
            seen.add(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"e"')
            self.end_headers()
            self.wfile.write(body[:cut])

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        point_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        get_folder("s3://bucket/a", tmp_path / "got")
    finally:
        server.shutdown()
    assert (tmp_path / "got" / "x").read_bytes() == b"abcdef"
