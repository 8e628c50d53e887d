"""From a data set in any format to the prepared layout."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kubepresso.config.data import DataConfig
from kubepresso.data.digest import ContentDigest
from kubepresso.data.findings import CONFIGURABLE, Findings
from kubepresso.data.formats import Source, open_source
from kubepresso.data.gallery import Gallery, Picture
from kubepresso.data.inspection import Inspected, Inspector
from kubepresso.data.leakage import LeakageSearch, NearDuplicates
from kubepresso.data.manifest import Manifest, Split
from kubepresso.data.prepared import SplitReader
from kubepresso.data.progress import PreparationProgress
from kubepresso.data.splitting import deal
from kubepresso.data.statistics import DatasetStatistics
from kubepresso.data.targets import codec_of
from kubepresso.data.writer import SplitWriter
from kubepresso.reporting.palette import Colour, class_colours
from kubepresso.storage.atomic import atomic_folder


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What became of a data set.

    Args:
        task: ``data.task``.
        manifest: None where the data was refused, and so nothing was written.
        classes: Class names.
        splits: By name, as in the manifest.
        findings: What the checks found.
        colours: Of each class or keypoint in the pictures.
        pictures: Of each class or split, for the report.
        held_out: Whether valid was split off train here.
        fingerprint: The numbers of the data, as in the manifest.
        near_duplicates: Pictures that look alike across splits.
        sizes: Images of each width and height.
    """

    task: str
    manifest: Manifest | None
    classes: list[str]
    splits: dict[str, Split]
    findings: Findings
    colours: list[Colour]
    pictures: list[tuple[str, list[Picture]]]
    held_out: bool
    fingerprint: dict[str, Any]
    near_duplicates: NearDuplicates
    sizes: dict[tuple[int, int], int]


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
    return prepare_source(data, open_source(data, root, findings), findings, target)


def prepare_source(data: DataConfig, source: Source, findings: Findings, target: Path) -> Preparation:
    """Do what `prepare` does, from a source that is open.

    Args:
        data: The data module of the configuration.
        source: Classes and samples.
        findings: What opening the source found, and where all else is added.
        target: The prepared folder to make.
    """
    work = _Work(data.task, source, findings, class_colours(len(source.classes), _own_colours(data, source)))
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
            fingerprint=work.fingerprint,
        )
        manifest.write(folder)
    return Preparation(
        task=data.task,
        manifest=manifest,
        classes=source.classes,
        splits=work.splits,
        findings=findings,
        colours=work.colours,
        pictures=work.pictures,
        held_out=work.held_out,
        fingerprint=work.fingerprint,
        near_duplicates=work.near_duplicates,
        sizes=work.statistics.sizes(),
    )


def _own_colours(data: DataConfig, source: Source) -> list[Colour | None]:
    """Return the colours that the user chose for classes or keypoints."""
    if data.task == "segmentation":
        return [(red, green, blue) for red, green, blue in data.palette or ()]
    return [point.colour for point in source.keypoints]


class _Work:
    def __init__(self, task: str, source: Source, findings: Findings, colours: list[Colour]) -> None:
        self.task = task
        self.codec = codec_of(task)
        self.source = source
        self.findings = findings
        self.pictures: list[tuple[str, list[Picture]]] = []
        self.colours = colours
        self._gallery = Gallery(source.classes, colours)
        self.splits: dict[str, Split] = {}
        self.digest = ""
        self.held_out = "valid" not in source.splits
        self._content = ContentDigest()
        self.leakage = LeakageSearch(self.codec, one_class=task == "classification")
        self.near_duplicates = NearDuplicates()
        self.fingerprint: dict[str, Any] = {}
        self.statistics = DatasetStatistics(task, source.classes, self.leakage.add_luma)
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
        self.fingerprint = self.statistics.fingerprint()
        self._report_empty_splits()
        self._report_empty_classes()
        self._look_again(folder)

    def _write_split(self, name: str, writers: dict[str, SplitWriter]) -> None:
        split = self.source.splits[name]
        inspected = self._advancing(Inspector(self.codec, self.source.classes).inspect_all(split))
        if name == "train" and "valid" in writers:
            dealt = deal(inspected, lambda sample: sample.record is not None, split.strata())
        else:
            dealt = ((name, sample) for sample in inspected)
        for target, sample in dealt:
            self._take(sample, target, writers[target])

    def _advancing(self, inspected: Iterable[Inspected]) -> Iterator[Inspected]:
        for sample in inspected:
            yield sample
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
        self.statistics.add(split, record.target, inspected.geometry, inspected.thumbnail, inspected.colours)
        self.leakage.add(split, inspected.pixels_digest)
        self._gallery.add(split, record.target, inspected.bytes_digest)

    def _report_empty_splits(self) -> None:
        for name in ("train", "valid"):
            if name in self.splits and not self.splits[name].count:
                message = "no image that can be used"
                if name == "valid" and self.held_out:
                    usable = self.splits["train"].count
                    message = f"nothing to hold out: train has {usable} usable images, at least 2 are needed"
                self.findings.add("empty_splits", name, message)

    def _report_empty_classes(self) -> None:
        if not self.splits["train"].count:
            return
        for label, name in enumerate(self.source.classes):
            counts = {split: entry.class_counts[label] for split, entry in self.splits.items()}
            if not counts["train"]:
                others = ", ".join(f"{count} in {split}" for split, count in counts.items() if count)
                message = f"no training {self.codec.counted.removesuffix('s')}"
                message += f", though {others}" if others else ""
                self.findings.add("empty_classes", f"class {name!r}", message)

    def _look_again(self, folder: Path) -> None:
        readers = {name: SplitReader(folder, split, self.task) for name, split in self.splits.items()}
        self.pictures = self._gallery.draw(readers)
        self.leakage.report_equal(readers, self.findings)
        self.near_duplicates = self.leakage.report_alike(readers, self.findings)
        self.fingerprint["near_duplicates"] = self.near_duplicates.as_json()


@contextlib.contextmanager
def _abandoned_on_error(writers: dict[str, SplitWriter]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise
