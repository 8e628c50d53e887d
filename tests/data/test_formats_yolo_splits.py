"""The splits that a YOLO data set describes are the ones that are trained on and judged by."""

import os
import subprocess
import sys

import pytest
from annotation_writers import data_config, image_bytes, put, read

from kubepresso.errors import UserError

BOX = "0 0.5 0.5 0.2 0.2\n"


def pair(root, image, label=None):
    put(root / image, image_bytes(hash(image) % 1000))
    put(root / (label or image.replace("images", "labels").replace(".png", ".txt")), BOX)


def names(root, **values):
    source, findings, targets = read(data_config(root, **values))
    found = {split: sorted(path for of, path in targets if of == split) for split in source.splits}
    return found, findings


def missing(findings):
    return [str(finding) for finding in findings.by_check["missing_labels"]]


def test_order_of_findings_does_not_depend_on_the_hash_seed(tmp_path):
    for n in range(12):
        put(tmp_path / f"images/{n}.png", image_bytes(n))
    pair(tmp_path, "images/z.png")
    code = (
        "import sys; from annotation_writers import *; "
        "print([f.place for f in read(data_config(sys.argv[1]))[1].by_check['missing_labels']])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.path.dirname(__file__)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in "12"
    }
    assert len(printed) == 1
