"""What a training pod needs, brought to its own disk and checked."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from kubepresso import storage
from kubepresso.config import digest, parse_view
from kubepresso.data.digest import file_digest
from kubepresso.data.manifest import read_manifest
from kubepresso.errors import UserError

Result = TypeVar("Result")

#: Each goes on where the one before broke off.
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 2.0
_THREADS = 4


def fetch_dataset(place: str, target: Path) -> Path:
    """Return the folder of a prepared data set: a mounted path as it is, else a checked copy.

    Files come in parallel; what broke off is gone on with. What is there already from a former start of the
    pod, and whole, is not fetched again.

    Args:
        place: A path or an ``s3://`` prefix.
        target: Where the copy goes.

    Raises:
        UserError: It is not there, is not whole, is no prepared data set, or a shard's digest is not the
            manifest's.
    """
    if (mounted := _local(place)) is not None:
        read_manifest(mounted)
        return mounted
    if target.is_dir() and not damaged_shards(target):
        _say(f"{target}: the data set is here already")
        return target
    started = time.monotonic()
    with_retries(lambda: storage.get_folder(place, target, whole=True))
    bad = damaged_shards(target)
    if bad:
        shutil.rmtree(target)  # an upload in parts has no digest to compare while it comes
        with_retries(lambda: storage.get_folder(place, target, whole=True))
        bad = damaged_shards(target)
    if bad:
        raise UserError(
            [f"{place}: {name}: not what was prepared (digest); run prepare_dataset again" for name in bad]
        )
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    seconds = time.monotonic() - started
    _say(f"fetched the data set: {size / 1e6:.1f} MB in {seconds:.1f} s, digests checked")
    return target


def fetch_bundle(place: str, target: Path) -> Path:
    """Return the folder of a model bundle: a mounted path as it is, else a copy.

    Raises:
        UserError: It is not there or not whole.
    """
    if (mounted := _local(place)) is not None:
        return mounted
    return with_retries(lambda: storage.get_folder(place, target, whole=True))


def holds_bundle(place: str, config: str) -> bool:
    """Say whether a bundle that a configuration was trained to lies at a place, whole.

    Args:
        place: An ``s3://`` prefix to which `storage.put_folder` writes.
        config: The view's YAML text.

    Raises:
        UserError: The bucket does not say.
    """
    manifest = storage.join(place, "manifest.json")
    if not storage.exists(manifest):
        return False
    try:
        content = json.loads(storage.read_bytes(manifest))  # empty while the bundle is being written
        found = content["lineage"]["config_digest"]
    except (ValueError, TypeError, KeyError):
        return False
    return bool(found == digest(parse_view(config).to_yaml()))


def damaged_shards(folder: Path) -> list[str]:
    """Return the shards that are missing, or whose content is not the manifest's.

    Raises:
        UserError: The folder holds no manifest that can be read.
    """
    shards = [shard for split in read_manifest(folder).splits.values() for shard in split.shards]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda shard: _digest(folder / shard.file) == shard.digest, shards)
        return [shard.file for shard, same in zip(shards, found, strict=True) if not same]


def with_retries(work: Callable[[], Result], first_pause_seconds: float = _FIRST_PAUSE_SECONDS) -> Result:
    """Do something that can be gone on with, a few times.

    Raises:
        UserError: The last attempt's.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            return work()
        except UserError as error:
            pause = first_pause_seconds * 2 ** (attempt - 1)
            _say(f"{error}; attempt {attempt + 1} of {_ATTEMPTS} in {pause:.0f} s")
            time.sleep(pause)
    return work()


def _digest(path: Path) -> str:
    return file_digest(path) if path.is_file() else ""


def _local(place: str) -> Path | None:
    return storage.local_path(place)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
