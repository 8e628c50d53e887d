import contextlib
import os
import shutil

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubepresso.errors import UserError
from kubepresso.storage import (
    digest_folder,
    exists,
    get_folder,
    join,
    list_files,
    local_path,
    put_folder,
    read_bytes,
)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_plain_paths_and_file_uris_are_the_same(tree):
    uri = (tree / "train/0 zero/a&b.png").as_uri()
    assert "%20" in uri
    assert read_bytes(uri) == read_bytes(str(tree / "train/0 zero/a&b.png")) == b"first"
    assert read_bytes(uri, limit=2) == b"fi"
    assert local_path(tree.as_uri()) == tree
    assert exists(tree.as_uri())
    assert not exists(f"{tree}/nothing")


def test_listing(tree):
    entries = list_files(str(tree))
    assert [(entry.key, entry.size) for entry in entries] == [
        ("manifest.json", 2),
        ("train/0 zero/a&b.png", 5),
        ("train/1/empty", 0),
        ("train/1/\N{LATIN SMALL LETTER E WITH ACUTE}.png", 6000),
    ]
    assert [entry.key for entry in list_files(str(tree), below=False)] == ["manifest.json"]
    assert [entry.key for entry in list_files(f"{tree}/manifest.json")] == ["manifest.json"]


def test_listing_ends_where_a_link_leads_back(tree):
    (tree / "train" / "loop").symlink_to(tree)
    assert len(list_files(str(tree))) == 4


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://host/x", "http:// is not supported; allowed are a path, file:// and s3://"),
        ("gs://bucket/x", "gs:// is not supported"),
        ("file://host/x", "file:// takes no host"),
        ("s3://", "no bucket named"),
        ("s3:///key", "no bucket named"),
        ("", "not a place"),
        ("a\0b", "not a place"),
        ("file:///a%00b", "holds no NUL"),
        ("/nowhere/at/all", "/nowhere/at/all: no such file or folder"),
        ("/tmp", "is a folder, expected a file"),
    ],
)
def test_places_that_are_none(uri, reason):
    with pytest.raises(UserError) as caught:
        read_bytes(uri)
    assert reason in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(uri=st.one_of(st.text(max_size=30), st.builds("file://{}".format, st.text(max_size=20))))
@example(uri="~0")
def test_any_place_is_read_or_explained(uri):
    with contextlib.suppress(UserError):
        read_bytes(uri)


def test_join():
    assert join("s3://bucket/a/", "b.yaml") == "s3://bucket/a/b.yaml"
    assert join("file:///a", "b", "c") == "file:///a/b/c"
    assert join("a", "b") == "a/b"
    assert join("a", "/b") == "/b"
    assert join("a", "s3://bucket/c") == "s3://bucket/c"


def test_a_digest_is_of_the_content_not_the_place(tree, tmp_path):
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(tree, copy)
    os.utime(copy / "manifest.json", (0, 0))
    assert digest_folder(str(tree)) == digest_folder(copy.as_uri()) == digest_folder(f"{tree}/")
    assert digest_folder(str(tree)).startswith("sha256:")


@pytest.mark.parametrize("change", ["byte", "name", "more", "less", "swap"])
def test_a_digest_sees_every_change(tree, change):
    before = digest_folder(str(tree))
    png = tree / "train/0 zero/a&b.png"
    if change == "byte":
        png.write_bytes(b"firsT")
    elif change == "name":
        png.rename(png.with_name("c.png"))
    elif change == "more":
        (tree / "empty").touch()
    elif change == "less":
        (tree / "train/1/empty").unlink()
    else:
        (tree / "train/1/empty").write_bytes(b"first")
        png.write_bytes(b"")
    assert digest_folder(str(tree)) != before


def test_a_digest_of_nothing_is_an_error(tmp_path):
    with pytest.raises(UserError, match="holds no file"):
        digest_folder(str(tmp_path))


def test_folders_are_copied_whole_and_replace_what_was_there(tree, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()
    assert get_folder(str(tree), target) == target
    assert contents(target) == contents(tree)
    put_folder(tree, (tmp_path / "put").as_uri())
    assert contents(tmp_path / "put") == contents(tree)
    with pytest.raises(UserError, match="no such folder"):
        get_folder(f"{tree}/nothing", target)
    assert contents(target) == contents(tree)
