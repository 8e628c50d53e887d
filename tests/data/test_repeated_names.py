"""Classes that share a name, as crane and maillot of ImageNet do: fine where labels are indexes."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_layouts import CLASSES, WRITERS, pictures

from kubepresso.data.formats.naming import told_apart
from kubepresso.errors import UserError

NAMES = ["crane", "bread", "crane"]


def mapped(data, mapping):
    return type(data).model_validate({**data.model_dump(), "id_mapping": mapping})


@pytest.mark.parametrize("layout", ["csv_labels", "image_folder", "parquet"])
@pytest.mark.parametrize("mapping", [NAMES, {"0": "crane", "1": "bread", "2": "crane"}, "names.json"])
def test_labels_as_indexes_keep_the_classes_apart(tmp_path, prepared, layout, mapping):
    data = WRITERS[layout](tmp_path / "source", pictures())
    (tmp_path / "source" / "names.json").write_text(json.dumps(NAMES))
    write_indexes(tmp_path / "source")
    result = prepared(mapped(data, mapping))
    assert result.manifest.classes == ["crane", "bread", "crane (2)"]
    assert result.splits["train"].class_counts == [4, 4, 4]


def write_indexes(root):
    """Write the names in label columns as indexes."""
    for table in root.glob("*/metadata.csv"):
        text = table.read_text()
        for index, name in enumerate(CLASSES):
            text = text.replace(f",{name}", f",{index}")
        table.write_text(text)
    for file in root.glob("*.parquet"):
        table = pq.read_table(file)
        indexes = pc.index_in(table["label"], pa.array(CLASSES))
        pq.write_table(table.set_column(1, "label", indexes), file)


def test_a_label_that_names_two_classes_is_reported(tmp_path, prepared):
    data = WRITERS["image_folder"](tmp_path / "source", pictures())
    lines = prepared(mapped(data, ["apple", "bread", "bread", "cheese"])).findings.refused()
    assert any("class 'bread' is the name of several classes; write its index" in line for line in lines)


def test_class_folders_still_need_each_name_once(tmp_path, prepared):
    data = WRITERS["class_folders"](tmp_path / "source", pictures())
    with pytest.raises(UserError, match="each name once, found twice: apple"):
        prepared(mapped(data, ["apple", "bread", "cheese", "apple"]))


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "b"])))
def test_names_told_apart_are_distinct_and_distinct_ones_stay(names):
    found = told_apart(names)
    assert len(set(found)) == len(found) == len(names)
    assert [name for name in names if names.count(name) == 1] == [
        new for old, new in zip(names, found, strict=True) if names.count(old) == 1
    ]
    assert [one in old for old, one in zip(found, names, strict=True)] == [True] * len(names)
