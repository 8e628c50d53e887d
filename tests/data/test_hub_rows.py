"""Data sets that ``datasets`` loads, here from Parquet files on this disk, as it loads those of the hub."""

import datasets
import numpy as np
import pytest
from annotation_writers import NAMES, data_config, geometry_of, image_bytes, put_mask

from kubepresso.data.findings import Findings
from kubepresso.data.formats.hub import Hub
from kubepresso.errors import UserError


@pytest.fixture
def opened(tmp_path):
    """Save a table and open it as a repository."""

    def run(task, rows, features, **values):
        (tmp_path / "repo").mkdir()
        table = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
        table.to_parquet(tmp_path / "repo/train.parquet")
        metadata = {"repo": str(tmp_path / "repo"), "custom_cache_dir": str(tmp_path / "cache"), **values}
        return Hub().open(
            data_config(tmp_path, task, format="huggingface", metadata=metadata), tmp_path, Findings()
        )

    return run


def targets_of(source):
    return [sample.target(geometry_of(sample.image_bytes)) for sample in source.splits["train"]]


def test_boxes_with_class_labels(opened):
    features = {
        "image": datasets.Image(),
        "objects": {
            "bbox": datasets.List(datasets.List(datasets.Value("float32"))),
            "category": datasets.List(datasets.ClassLabel(names=NAMES)),
        },
    }
    rows = {
        "image": [{"bytes": image_bytes(n), "path": None} for n in range(2)],
        "objects": [{"bbox": [[1, 2, 3, 4]], "category": [2]}, {"bbox": [], "category": []}],
    }
    source = opened("detection", rows, features)
    assert source.classes == NAMES
    assert [list(classes) for classes in source.splits["train"].strata()] == [[2], []]
    one, two = targets_of(source)
    assert (one.boxes.tolist(), one.labels.tolist(), len(two.boxes)) == ([[1, 2, 4, 6]], [2], 0)


@pytest.mark.parametrize("as_image", [True, False])
def test_masks_as_images_and_as_arrays(as_image, opened, tmp_path):
    mask = np.arange(64 * 48).reshape(48, 64) % 3
    encoded = {"bytes": put_mask(tmp_path / "mask.png", mask).read_bytes(), "path": None}
    features = {
        "image": datasets.Image(),
        "mask": datasets.Image() if as_image else datasets.Array2D((48, 64), "uint8"),
    }
    rows = {
        "image": [{"bytes": image_bytes(), "path": None}],
        "mask": [encoded if as_image else mask.astype(np.uint8)],
    }
    source = opened("segmentation", rows, features)
    assert source.classes == ["0", "1", "2"]
    (target,) = targets_of(source)
    assert (target.pixels == mask).all()


def test_a_column_that_is_not_there_is_named(opened):
    features = {"image": datasets.Image(), "boxes": datasets.Value("int64")}
    rows = {"image": [{"bytes": image_bytes(), "path": None}], "boxes": [1]}
    with pytest.raises(UserError, match="split train has no column label, there are image, boxes"):
        opened("detection", rows, features)
