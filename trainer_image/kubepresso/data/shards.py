"""One Parquet shard: written in row groups, read at random through a memory map.

Parquet has no access to a single row: a reader decodes a whole column chunk. Here image bytes are stored
plain and uncompressed, so each image lies contiguous in the file, and where it starts is kept in the file's
own key-value metadata. A sample then costs one slice of a memory map that all worker processes share, and any
other Parquet reader still sees ordinary Parquet (columns as in the Hugging Face Image layout).
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

OFFSETS_KEY = b"kubepresso.image_offsets"
_LENGTH_BYTES = 4  # PLAIN encoding puts the length before each value, little-endian

# Nullable as in ``datasets``, which knows an image column by this very type.
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def shard_schema(classes: Sequence[str]) -> pa.Schema:
    """Return the columns of a classification shard, with metadata that tells ``datasets`` the classes."""
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(classes)}}
    return pa.schema(
        [("image", _IMAGE), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}}, ensure_ascii=False)},
    )


class ShardFile:
    """A shard being written.

    Args:
        path: The file to make.
        schema: From `shard_schema`.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._sink = path.open("wb", buffering=0)
        self._offsets: list[int] = []
        self._writer = pq.ParquetWriter(
            self._sink, schema, compression="none", use_dictionary=False, write_statistics=False
        )

    def write_rows(self, images: Sequence[bytes], paths: Sequence[str], labels: Sequence[int]) -> None:
        """Append one row group."""
        if not images:
            return
        start = self._sink.tell()
        structs = [{"bytes": image, "path": path} for image, path in zip(images, paths, strict=True)]
        arrays = [pa.array(structs, _IMAGE), pa.array(labels, pa.int64())]
        self._writer.write_table(
            pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=len(images)
        )
        self._offsets.extend(_locate(self.path, start, images))
        self.rows += len(images)

    def close(self) -> None:
        """Write the footer."""
        offsets = np.asarray(self._offsets, dtype="<u8").tobytes().hex()
        self._writer.add_key_value_metadata({OFFSETS_KEY.decode(): offsets})
        self._writer.close()
        self._sink.close()

    def abandon(self) -> None:
        """Close the file without a footer, after an error."""
        self._sink.close()


def _locate(path: Path, start: int, images: Sequence[bytes]) -> list[int]:
    """Find where each image's bytes lie: in order, only page headers between them."""
    offsets = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        position = start
        for image in images:
            found = view.find(len(image).to_bytes(_LENGTH_BYTES, "little") + image, position)
            if found < 0:
                raise RuntimeError(f"{path}: pyarrow did not store an image as it is")
            offsets.append(found + _LENGTH_BYTES)
            position = found + _LENGTH_BYTES + len(image)
    return offsets


class ShardView:
    """Random access to a whole shard.

    Args:
        path: The Parquet file.

    Raises:
        ValueError: It is no shard, or one that is cut off.
    """

    def __init__(self, path: Path) -> None:
        try:
            with pq.ParquetFile(path) as file:
                table = file.read(columns=["image.path", "label"])
                offsets = file.metadata.metadata[OFFSETS_KEY]
            self._offsets = np.frombuffer(bytes.fromhex(offsets.decode()), dtype="<u8")
        except (pa.ArrowException, OSError, KeyError, TypeError) as error:
            raise ValueError(f"not a whole shard ({error})") from error
        self.labels: np.ndarray = table["label"].to_numpy()
        self._paths = pc.struct_field(table["image"], "path")
        with path.open("rb") as source:
            self._view = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, row: int) -> bytes:
        """Return the encoded bytes of the image in a row."""
        start = int(self._offsets[row])
        length = int.from_bytes(self._view[start - _LENGTH_BYTES : start], "little")
        return self._view[start : start + length]

    def path(self, row: int) -> str:
        """Return the source path of the image in a row."""
        return str(self._paths[row].as_py())
