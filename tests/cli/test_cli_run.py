"""``kubepresso run`` in a terminal: what Ctrl-C leaves on the screen."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("kubepresso"))


def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path):
    shutil.copytree(ROOT / "examples" / "digits", tmp_path / "config", ignore=shutil.ignore_patterns("*.py"))
    arguments = ["run", "config", f"logging.output_dir={tmp_path}/out", f"data.path.root={tmp_path}"]
    with subprocess.Popen(
        [COMMAND, *arguments],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "> resolve\n"
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said.splitlines()[-1] == (
        "interrupted; the same command goes on: finished steps are taken from the cache, "
        "a training from its last checkpoint"
    )
