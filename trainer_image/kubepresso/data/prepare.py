"""From a data set in any format to the prepared layout."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.digest import ContentDigest
from kubepresso.data.duplicates import DuplicateFinder
from kubepresso.data.findings import CONFIGURABLE, Findings
from kubepresso.data.formats import Source, open_source
from kubepresso.data.gallery import Gallery
from kubepresso.data.inspection import inspect_all
from kubepresso.data.manifest import Manifest, Split
from kubepresso.data.prepared import SplitReader
from kubepresso.data.splitting import held_out
from kubepresso.data.writer import SplitWriter
from kubepresso.storage.atomic import atomic_folder


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What became of a data set.

    Args:
        manifest: None where the data was refused, and so nothing was written.
        classes: Class names.
        splits: By name, as in the manifest.
        findings: What the checks found.
        gallery: For the report.
        held_out: Whether valid was split off train here.
    """

    manifest: Manifest | None
    classes: list[str]
    splits: dict[str, Split]
    findings: Findings
    gallery: Gallery
    held_out: bool


class _RefusedError(Exception):
    """Leaves the block of `atomic_folder` without a result."""


def prepare(data: DataConfig, root: Path | None, target: Path) -> Preparation:
    """Check a data set and write it in the prepared layout; all checks run before any of them refuses.

    Args:
        data: The data module of the configuration.
        root: The data set's folder on this machine; None for a repository of the hub.
        target: The prepared folder to make; absent unless the whole of it could be written and no check
            refused.

    Returns:
        The figures and findings; ``manifest`` is None where a check refused.

    Raises:
        UserError: The layout cannot be read, or the target cannot be written.
    """
    findings = Findings({check: getattr(data.checks, check) for check in CONFIGURABLE})
    source = open_source(data, root, findings)
    work = _Work(source, findings)
    manifest = None
    with contextlib.suppress(_RefusedError), atomic_folder(target) as folder:
        work.write(folder)
        if findings.refused():
            raise _RefusedError
        manifest = Manifest(data.task, source.classes, work.splits, work.digest, findings.summary())
        manifest.write(folder)
    return Preparation(manifest, source.classes, work.splits, findings, work.gallery, work.held_out)


class _Work:
    def __init__(self, source: Source, findings: Findings) -> None:
        self.source = source
        self.findings = findings
        self.gallery = Gallery(source.classes)
        self.splits: dict[str, Split] = {}
        self.digest = ""
        self.held_out = "valid" not in source.splits
        self._content = ContentDigest()
        self._duplicates = DuplicateFinder()

    def write(self, folder: Path) -> None:
        for name in self.source.splits:
            targets = ("train", "valid") if name == "train" and self.held_out else (name,)
            with _writers(folder, targets, self.source.classes) as writers:
                self._write_split(name, writers)
                self.splits |= {target: writer.finish() for target, writer in writers.items()}
        order = {"train": 0, "valid": 1, "test": 2}
        self.splits = dict(sorted(self.splits.items(), key=lambda item: order[item[0]]))
        self.digest = self._content.finish(self.source.classes)
        self._report_empty_classes()
        self._report_duplicates(folder)

    def _write_split(self, name: str, writers: dict[str, SplitWriter]) -> None:
        split = self.source.splits[name]
        to_valid = (
            held_out([classes[0] for classes in split.strata()])
            if "valid" in writers and name == "train"
            else None
        )
        for index, inspected in enumerate(inspect_all(split)):
            image, path = inspected.sample.image_bytes, inspected.sample.path
            label = inspected.target
            if inspected.problem:
                self.findings.add("corrupt_images", path, inspected.problem)
                continue
            target = "valid" if to_valid is not None and to_valid[index] else name
            writers[target].add(image, path, label)
            self._content.add(target, inspected.bytes_digest, label)
            self._duplicates.add(target, inspected.pixels_digest)
            self.gallery.add(inspected)

    def _report_empty_classes(self) -> None:
        for label, name in enumerate(self.source.classes):
            counts = {split: entry.class_counts[label] for split, entry in self.splits.items()}
            if not counts["train"]:
                others = ", ".join(f"{count} in {split}" for split, count in counts.items() if count)
                message = "no training image" + (f", though {others}" if others else "")
                self.findings.add("empty_classes", f"class {name!r}", message)

    def _report_duplicates(self, folder: Path) -> None:
        readers = {name: SplitReader(folder, split) for name, split in self.splits.items()}
        for group in self._duplicates.groups():
            (first, where), *others = group.members
            named = [f"{split}: {readers[split][index].path}" for split, index in others]
            labels = {readers[split][index].label for split, index in group.members}
            message = f"the same picture as {', '.join(named)}" + (
                ", under another class" if len(labels) > 1 else ""
            )
            check = "duplicates_across_splits" if group.across else "duplicates_within_splits"
            self.findings.add(check, f"{first}: {readers[first][where].path}", message)


@contextlib.contextmanager
def _writers(folder: Path, names: tuple[str, ...], classes: list[str]) -> Iterator[dict[str, SplitWriter]]:
    writers = {name: SplitWriter(folder, name, classes) for name in names}
    try:
        yield writers
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise
