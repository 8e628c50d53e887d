"""One Parquet shard: written in row groups, read at random through a memory map.

Parquet has no access to a single row: a reader decodes a whole column chunk. Here the bytes of images and
masks are stored plain and uncompressed, so each lies contiguous in the file, and where it starts is kept in
the file's own key-value metadata. A sample then costs one slice of a memory map that all worker processes
share, and any other Parquet reader still sees ordinary Parquet (columns as in the Hugging Face Image layout).
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kubepresso.data.targets import TargetCodec

_OFFSETS_KEY = "kubepresso.{}_offsets"
_LENGTH_BYTES = 4  # PLAIN encoding puts the length before each value, little-endian

# Nullable as in ``datasets``, which knows an image column by this very type.
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def shard_schema(codec: TargetCodec, classes: Sequence[str]) -> pa.Schema:
    """Return the columns of a shard, with metadata that tells ``datasets`` the classes."""
    fields, described = codec.fields(classes)
    features = {"image": {"_type": "Image"}, **described}
    return pa.schema(
        [pa.field("image", _IMAGE), *fields],
        metadata={"huggingface": json.dumps({"info": {"features": features}}, ensure_ascii=False)},
    )


class ShardFile:
    """A shard being written.

    Args:
        path: The file to make.
        codec: Of the task.
        classes: Class names.
    """

    def __init__(self, path: Path, codec: TargetCodec, classes: Sequence[str]) -> None:
        self.path = path
        self.rows = 0
        self._codec = codec
        self._classes = classes
        self._schema = shard_schema(codec, classes)
        self._sink = path.open("wb", buffering=0)
        self._offsets: dict[str, list[int]] = {name: [] for name in _file_columns(codec)}
        self._writer = pq.ParquetWriter(
            self._sink, self._schema, compression="none", use_dictionary=False, write_statistics=False
        )

    def write_rows(self, images: Sequence[bytes], paths: Sequence[str], encoded: Sequence[Any]) -> None:
        """Append one row group.

        Args:
            images: Encoded images.
            paths: Where they came from.
            encoded: Targets as ``codec.encode`` gives them.
        """
        if not images:
            return
        start = self._sink.tell()
        structs = [{"bytes": image, "path": path} for image, path in zip(images, paths, strict=True)]
        arrays = [pa.array(structs, _IMAGE), *self._codec.arrays(encoded, self._classes)]
        self._writer.write_table(
            pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=len(images)
        )
        located = _locate(self.path, start, [images, encoded][: len(self._offsets)])
        for offsets, found in zip(self._offsets.values(), located, strict=True):
            offsets.extend(found)
        self.rows += len(images)

    def close(self) -> None:
        """Write the footer."""
        self._writer.add_key_value_metadata(
            {
                _OFFSETS_KEY.format(name): np.asarray(offsets, dtype="<u8").tobytes().hex()
                for name, offsets in self._offsets.items()
            }
        )
        self._writer.close()
        self._sink.close()

    def abandon(self) -> None:
        """Close the file without a footer, after an error."""
        self._sink.close()


def _file_columns(codec: TargetCodec) -> list[str]:
    return ["image", codec.file_column] if codec.file_column else ["image"]


def _locate(path: Path, start: int, columns: Sequence[Sequence[bytes]]) -> list[list[int]]:
    """Find where the bytes of each value lie: in order, only page headers and small columns between them."""
    located = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        position = start
        for values in columns:
            offsets = []
            for value in values:
                found = view.find(len(value).to_bytes(_LENGTH_BYTES, "little") + value, position)
                if found < 0:
                    raise RuntimeError(f"{path}: pyarrow did not store an image as it is")
                offsets.append(found + _LENGTH_BYTES)
                position = found + _LENGTH_BYTES + len(value)
            located.append(offsets)
    return located


class ShardView:
    """Random access to a whole shard; holds targets, paths and places in memory, no image and no mask.

    Args:
        path: The Parquet file.
        codec: Of the task.

    Attributes:
        targets: The target of each row.

    Raises:
        ValueError: It is no shard of this task, or one that is cut off.
    """

    def __init__(self, path: Path, codec: TargetCodec) -> None:
        try:
            with path.open("rb") as source:
                view = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
            with pq.ParquetFile(path) as file:
                names = [field.name for field in codec.fields(())[0] if field.name != codec.file_column]
                table = file.read(columns=["image.path", *names])
                files = [_Files(view, file.metadata.metadata, name) for name in _file_columns(codec)]
            self.targets: Any = codec.read(table, files[1] if codec.file_column else ())
        except (pa.ArrowException, OSError, KeyError, TypeError) as error:
            raise ValueError(f"not a whole shard ({error})") from error
        self._images = files[0]
        self._paths = pc.struct_field(table["image"], "path")

    def __len__(self) -> int:
        return len(self._images)

    def image(self, row: int) -> bytes:
        """Return the encoded bytes of the image in a row."""
        image: bytes = self._images[row]
        return image

    def path(self, row: int) -> str:
        """Return the source path of the image in a row."""
        return str(self._paths[row].as_py())


class _Files(Sequence[bytes]):
    """The encoded files of one column, each a slice of the memory map."""

    def __init__(self, view: mmap.mmap, metadata: dict[bytes, bytes], name: str) -> None:
        offsets = metadata[_OFFSETS_KEY.format(name).encode()]
        self._view = view
        self._offsets = np.frombuffer(bytes.fromhex(offsets.decode()), dtype="<u8")

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, row: Any) -> Any:
        start = int(self._offsets[row])
        length = int.from_bytes(self._view[start - _LENGTH_BYTES : start], "little")
        return self._view[start : start + length]
