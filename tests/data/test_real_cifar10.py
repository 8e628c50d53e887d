import io

import pyarrow.parquet as pq
import pytest
from PIL import Image
from source_layouts import config

from kubepresso.data import PreparedDataset
from kubepresso.data.report import write_report

pytestmark = pytest.mark.realdata


@pytest.fixture
def subset(real_data, tmp_path):
    """2,000 training and 500 test images of CIFAR-10, in the files' own schema."""
    (tmp_path / "cifar10").mkdir()
    for split, rows in (("train", 2000), ("test", 500)):
        table = next(pq.ParquetFile(real_data / "cifar10" / f"{split}.parquet").iter_batches(rows))
        with pq.ParquetWriter(tmp_path / "cifar10" / f"{split}.parquet", table.schema) as writer:
            writer.write_batch(table)
    return tmp_path / "cifar10"


def test_cifar10_keeps_every_byte_and_label(subset, tmp_path, prepared):
    result = prepared(config(path={"root": str(subset)}))
    opened = PreparedDataset.open(tmp_path / "prepared")
    opened.verify()
    assert opened.classes[:3] == ["airplane", "automobile", "bird"]
    assert {name: split.count for name, split in result.splits.items()} == {
        "train": 1800,
        "valid": 200,
        "test": 500,
    }
    source = pq.read_table(subset / "test.parquet").to_pylist()
    stored = opened.split("test")
    assert [sample.image_bytes for sample in stored] == [row["image"]["bytes"] for row in source]
    assert [sample.target for sample in stored] == [row["label"] for row in source]
    assert Image.open(io.BytesIO(stored[499].image_bytes)).size == (32, 32)
    write_report(tmp_path / "report.html", "CIFAR-10", result)
    assert "32 × 32" in (tmp_path / "report.html").read_text()
