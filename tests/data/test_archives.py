"""Data sets in archives, good ones and bad ones."""

import contextlib
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from annotation_writers import data_config, image_bytes, put, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepresso.data import archive
from kubepresso.data.archive import extract
from kubepresso.data.location import local_source
from kubepresso.errors import UserError

KINDS = {"tar": "tar", "tar.gz": "gztar", "zip": "zip"}


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "pack/set/images/train/a.png", image_bytes())
    put(tmp_path / "pack/set/labels/train/a.txt", "0 0.5 0.5 0.5 0.5")
    put(tmp_path / "pack/set/data.yaml", "names: [x]")
    return tmp_path / "pack"


def tar_of(path, members):
    with tarfile.open(path, "w") as file:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content)
            info.linkname = "/etc/passwd"
            file.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, mode, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            file.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("top", [True, False])
def test_a_data_set_in_an_archive_is_read_as_if_it_were_a_folder(kind, scheme, top, folder, tmp_path):
    made = shutil.make_archive(tmp_path / "packed", KINDS[kind], folder if top else folder / "set")
    data = data_config(f"{scheme}{made}")
    with local_source(data) as root:
        source, _, targets = read(data, root)
        assert source.classes == ["x"]
        assert list(targets) == [("train", "images/train/a.png")]
    assert not list((tmp_path / "tmp").iterdir())
    assert Path(made).exists()


def test_a_tgz_of_which_the_top_folder_is_configured(folder, tmp_path):
    made = Path(shutil.make_archive(tmp_path / "packed", "gztar", folder)).rename(tmp_path / "packed.TGZ")
    path = {"train": {"image": "set/images/train", "label": "set/labels/train"}}
    data = data_config(made, path=path, id_mapping=["x"])
    with local_source(data) as root:
        assert list(read(data, root)[2]) == [("train", "set/images/train/a.png")]


ESCAPES = {
    "above": ("../evil", tarfile.REGTYPE),
    "absolute": ("/tmp/evil", tarfile.REGTYPE),
    "above in the middle": ("a/../../evil", tarfile.REGTYPE),
    "link": ("evil", tarfile.SYMTYPE),
    "hard link": ("evil", tarfile.LNKTYPE),
    "device": ("evil", tarfile.CHRTYPE),
    "pipe": ("evil", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("case", ESCAPES)
def test_what_leads_out_of_a_tar_is_refused(case, tmp_path):
    name, kind = ESCAPES[case]
    packed = tar_of(tmp_path / "bad.tar", [(name, kind, b"")])
    with pytest.raises(UserError, match=r"bad\.tar") as caught:
        extract(packed, tmp_path / "out", str(packed))
    assert ("leads out of the folder" if kind == tarfile.REGTYPE else "is a link or a device") in str(
        caught.value
    )
    assert not (tmp_path / "evil").exists()
    assert not any(path.is_file() or path.is_symlink() for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:/evil"])
def test_names_that_lead_out_of_a_zip_are_refused(name, tmp_path):
    packed = zip_of(tmp_path / "bad.zip", [(name, 0o644, b"x")])
    with pytest.raises(UserError, match="leads out of the folder"):
        extract(packed, tmp_path / "out", str(packed))


@pytest.mark.parametrize("make", [zip_of, lambda path, files: tar_of(path, [("a\\b", tarfile.REGTYPE, b"")])])
def test_names_with_backslashes_are_told_as_what_they_are(make, tmp_path):
    packed = make(tmp_path / f"bad.{'zip' if make is zip_of else 'tar'}", [("a\\b", 0o644, b"x")])
    with pytest.raises(UserError, match="has a backslash"):
        extract(packed, tmp_path / "out", str(packed))


def test_links_in_a_zip_are_refused(tmp_path):
    packed = zip_of(tmp_path / "bad.zip", [("evil", 0o120777, b"/etc/passwd")])
    with pytest.raises(UserError, match="'evil' is a link or a device"):
        extract(packed, tmp_path / "out", str(packed))


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
def test_an_archive_that_grows_without_end_is_stopped(suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_ALWAYS_ALLOWED", 1 << 20)
    zeros = bytes(64 << 20)
    if suffix == "zip":
        packed = zip_of(tmp_path / "bomb.zip", [("zeros", 0o644, zeros)])
    else:
        (tmp_path / "zeros").mkdir()
        (tmp_path / "zeros/zeros").write_bytes(zeros)
        packed = Path(shutil.make_archive(tmp_path / "bomb", "gztar", tmp_path / "zeros"))
    with pytest.raises(UserError, match="as archives made to fill disks do"):
        extract(packed, tmp_path / "out", str(packed))
    assert (tmp_path / "out/zeros").stat().st_size < 10 << 20


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    packed = zip_of(tmp_path / "many.zip", [(f"{n}", 0o644, b"") for n in range(4)])
    with pytest.raises(UserError, match="more than 3 files"):
        extract(packed, tmp_path / "out", str(packed))


def test_an_encrypted_zip_is_told(tmp_path):
    packed = zip_of(tmp_path / "a.zip", [("a", 0o644, b"x")])
    content = bytearray(packed.read_bytes())
    content[6] |= 1  # the flag in the local header, and in the central directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    packed.write_bytes(content)
    with pytest.raises(UserError, match="'a' is encrypted; pack it without a password"):
        extract(packed, tmp_path / "out", str(packed))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_off_is_told(kind, folder, tmp_path):
    put(folder / "set/noise.bin", image_bytes(size=(300, 300)))
    made = Path(shutil.make_archive(tmp_path / "packed", KINDS[kind], folder))
    made.write_bytes(made.read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"packed.*broken or cut off"), local_source(data_config(made)):
        pass
    assert not list((tmp_path / "tmp").iterdir())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 600), change=st.binary(max_size=8), cut=st.integers(0, 3000))
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_any_damage_to_an_archive(suffix, place, change, cut, tmp_path):
    target = tmp_path / "out"
    shutil.rmtree(target, ignore_errors=True)
    source = tmp_path / "whole"
    if not source.exists():
        put(source / "a/b.txt", bytes(range(256)) * 4)
        put(source / "c", b"c")
    made = tmp_path / f"good.{suffix}"
    if not made.exists():
        shutil.make_archive(tmp_path / "good", KINDS[suffix], source)
    whole = made.read_bytes()
    damaged = put(
        tmp_path / f"bad.{suffix}", (whole[:place] + change + whole[place + len(change) :])[cut // 10 :]
    )
    with contextlib.suppress(UserError):
        extract(damaged, target, "bad")
    beside = {path.name for path in tmp_path.iterdir()}
    assert beside <= {"out", "tmp", "whole", f"good.{suffix}", f"bad.{suffix}"}


def test_a_place_that_is_neither_a_folder_nor_an_archive(tmp_path):
    put(tmp_path / "a.rar", b"x")
    with pytest.raises(UserError, match=r"is not a folder; give the folder .* or an archive"):
        local_source(data_config(tmp_path / "a.rar")).__enter__()
    with pytest.raises(UserError, match=r"gone.zip is not a file"):
        local_source(data_config(tmp_path / "gone.zip")).__enter__()
