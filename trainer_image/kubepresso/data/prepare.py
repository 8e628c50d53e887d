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
from kubepresso.data.inspection import Inspected, Inspector
from kubepresso.data.manifest import Manifest, Split
from kubepresso.data.prepared import SplitReader
from kubepresso.data.progress import PreparationProgress
from kubepresso.data.splitting import held_out
from kubepresso.data.targets import codec_of
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
    work = _Work(data.task, source, findings)
    manifest = None
    with contextlib.suppress(_RefusedError), atomic_folder(target) as folder:
        work.write(folder)
        if findings.refused():
            raise _RefusedError
        manifest = Manifest(
            task=data.task,
            classes=source.classes,
            splits=work.splits,
            digest=work.digest,
            checks=findings.summary(),
            counted=work.codec.counted,
            keypoints=source.keypoints,
        )
        manifest.write(folder)
    return Preparation(manifest, source.classes, work.splits, findings, work.gallery, work.held_out)


class _Work:
    def __init__(self, task: str, source: Source, findings: Findings) -> None:
        self.task = task
        self.codec = codec_of(task)
        self.source = source
        self.findings = findings
        self.gallery = Gallery(source.classes)
        self.splits: dict[str, Split] = {}
        self.digest = ""
        self.held_out = "valid" not in source.splits
        self._content = ContentDigest()
        self._duplicates = DuplicateFinder()
        self._progress = PreparationProgress(sum(len(split) for split in source.splits.values()))

    def write(self, folder: Path) -> None:
        classes = self.source.classes
        for name in self.source.splits:
            targets = ("train", "valid") if name == "train" and self.held_out else (name,)
            writers = {target: SplitWriter(folder, target, self.codec, classes) for target in targets}
            with _abandoned_on_error(writers):
                self._write_split(name, writers)
                self.splits |= {target: writer.finish() for target, writer in writers.items()}
        order = {"train": 0, "valid": 1, "test": 2}
        self.splits = dict(sorted(self.splits.items(), key=lambda item: order[item[0]]))
        self.digest = self._content.finish(classes)
        self._report_empty_classes()
        self._report_duplicates(folder)

    def _write_split(self, name: str, writers: dict[str, SplitWriter]) -> None:
        split = self.source.splits[name]
        to_valid = held_out(split.strata()) if "valid" in writers and name == "train" else None
        inspector = Inspector(self.codec, self.source.classes)
        for index, inspected in enumerate(inspector.inspect_all(split)):
            target = "valid" if to_valid is not None and to_valid[index] else name
            self._take(inspected, target, writers[target])
            self._progress.advance()

    def _take(self, inspected: Inspected, split: str, writer: SplitWriter) -> None:
        image, path, record = inspected.sample.image_bytes, inspected.sample.path, inspected.record
        if inspected.problem:
            self.findings.add("corrupt_images", path, inspected.problem)
        if inspected.label_problem:
            self.findings.add(
                "invalid_labels", inspected.label_problem.place, inspected.label_problem.message
            )
        if record is None:
            return
        writer.add(image, path, record.encoded, record.counts)
        self._content.add(split, inspected.bytes_digest, record.digest)
        self._duplicates.add(split, inspected.pixels_digest)
        self.gallery.add(inspected)

    def _report_empty_classes(self) -> None:
        for label, name in enumerate(self.source.classes):
            counts = {split: entry.class_counts[label] for split, entry in self.splits.items()}
            if not counts["train"]:
                others = ", ".join(f"{count} in {split}" for split, count in counts.items() if count)
                message = f"no training {self.codec.counted.removesuffix('s')}"
                message += f", though {others}" if others else ""
                self.findings.add("empty_classes", f"class {name!r}", message)

    def _report_duplicates(self, folder: Path) -> None:
        readers = {name: SplitReader(folder, split, self.task) for name, split in self.splits.items()}
        for group in self._duplicates.groups():
            (first, where), *others = group.members
            named = [f"{split}: {readers[split][index].path}" for split, index in others]
            targets = {self.codec.digest(readers[split][index].target) for split, index in group.members}
            message = f"the same picture as {', '.join(named)}"
            if len(targets) > 1:
                one_class = self.task == "classification"
                message += ", under another class" if one_class else ", labelled otherwise"
            check = "duplicates_across_splits" if group.across else "duplicates_within_splits"
            self.findings.add(check, f"{first}: {readers[first][where].path}", message)


@contextlib.contextmanager
def _abandoned_on_error(writers: dict[str, SplitWriter]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise
