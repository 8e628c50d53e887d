"""What cannot be read is told as such: by its name, and never as a target that cannot be written."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from source_layouts import pictures, with_checks, write_class_folders

NOBODY = 65534


def test_an_image_that_cannot_be_read_is_a_finding(tmp_path, prepared, folder_source):
    """Reading /proc/self/mem from its start is an input/output error, for root too."""
    data = folder_source(pictures())
    (tmp_path / "source" / "train" / "apple" / "zz.png").symlink_to("/proc/self/mem")
    refused = prepared(data)
    assert refused.manifest is None
    line = refused.findings.refused()[0]
    assert line.startswith("train/apple/zz.png: cannot be read (Input/output error)")
    skipped = prepared(with_checks(data, corrupt_images="skip"))
    assert skipped.manifest is not None
    assert skipped.findings.skipped() == 1


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("train/bread/bread_01.png", "train/bread/bread_01.png: cannot be read (Permission denied)"),
        ("train/bread", "train/bread: cannot be read (Permission denied); check its mode and owner"),
    ],
    ids=["image", "folder"],
)
def test_denied_permission_names_what_was_read(place, expected):
    code = f"""if True:
        import os, sys
        from pathlib import Path
        from kubepresso.config import DataConfig
        from kubepresso.data.formats import class_folders
        from kubepresso.data.prepare import prepare
        from kubepresso.errors import exit_on_user_error
        source, target = map(Path, sys.argv[1:])
        if os.geteuid() == 0:
            os.setuid({NOBODY})
        data = DataConfig(task="classification", path={{"root": str(source)}})
        with exit_on_user_error("prepare"):
            print(prepare(data, source, target).findings.refused())
    """
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, which is for one user alone
        write_class_folders(Path(folder, "source"), pictures())
        os.chmod(folder, 0o777)
        Path(folder, "source", place).chmod(0)
        command = [sys.executable, "-c", code, f"{folder}/source", f"{folder}/target"]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        Path(folder, "source", place).chmod(0o755)
    output = result.stdout + result.stderr
    assert expected in output
    assert "Traceback" not in output
    assert "cannot write" not in output
