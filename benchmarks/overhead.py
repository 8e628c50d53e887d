"""Time outside the steps' own work: the digits example, run in full, step by step.

python benchmarks/overhead.py [OVERRIDE ...]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("torch", "torchvision", "mlflow", "kfp", "onnxruntime", "pydantic", "kubepresso.config")


def import_seconds(module: str) -> float:
    """Return the median of three fresh imports, in seconds, python's own start left out."""
    script = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", script], timeout=120)) for _ in range(3)]
    return sorted(times)[1]


def main(overrides: list[str]) -> None:
    """Print two Markdown tables: imports, and the run step by step."""
    sys.path.insert(0, str(ROOT / "examples" / "digits"))
    from make_images import write_images

    from pipelines.local import run_locally

    print("| import | seconds |\n|---|---|")
    for module in MODULES:
        print(f"| {module} | {import_seconds(module):.2f} |")
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder, "digits"))
        overrides = [f"data.path.root={folder}/digits", f"logging.output_dir={folder}/outputs", *overrides]
        started = time.perf_counter()
        run = run_locally(str(ROOT / "examples" / "digits"), overrides)
        seconds = time.perf_counter() - started
    print("\n| step | wall, s | own work, s | outside, s |\n|---|---|---|---|")
    for task in run.tasks:
        work = task.work_seconds
        print(f"| {task.name} | {task.seconds:.1f} | {work:.1f} | {task.seconds - work:.1f} |")
    print(f"| all | {seconds:.1f} | {run.work_seconds:.1f} | {run.overhead_seconds:.1f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
