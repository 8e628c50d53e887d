"""The demo as a stranger runs it, held to what it promises. Minutes long: `make test-slow`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_digits_are_learnt_compressed_and_learnt_again(all_digits, tmp_path):
    overrides = [f"data.path.root={all_digits}", f"logging.output_dir={tmp_path}"]
    run = subprocess.run(
        [Path(sys.executable).with_name("kubepresso"), "run", ROOT / "examples" / "digits", *overrides],
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines() if " ms" in line[-4:]}
    top1 = {stage: float(cells[0]) for stage, cells in rows.items()}
    macs = {stage: float(cells[3]) for stage, cells in rows.items()}
    assert top1["original"] >= 0.98
    assert macs["compressed"] <= macs["original"] / 2
    assert top1["retrained"] >= top1["original"] - 0.005
    assert "\npromoted: " in run.stdout
