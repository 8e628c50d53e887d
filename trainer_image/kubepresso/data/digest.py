"""Digests of prepared data: of its content, and of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class ContentDigest:
    """A digest of what a data set means: images, targets, their order in each split, and the classes.

    It does not depend on file names, on the format the data came in, or on how samples are cut into shards.
    Splits may be fed interleaved.
    """

    def __init__(self) -> None:
        self._splits: dict[str, Any] = {}

    def add(self, split: str, image_digest: bytes, target_digest: bytes) -> None:
        """Feed the next sample of a split.

        Args:
            split: Name of the split.
            image_digest: SHA-256 of the encoded image, 32 bytes.
            target_digest: From the task's codec.
        """
        digest = self._splits.setdefault(split, hashlib.sha256())
        digest.update(image_digest + target_digest)

    def finish(self, classes: Sequence[str]) -> str:
        """Return ``sha256:...`` over the splits and the class names."""
        splits = {name: digest.hexdigest() for name, digest in self._splits.items()}
        text = json.dumps({"classes": list(classes), "splits": splits}, sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return ``sha256:...`` of a file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
