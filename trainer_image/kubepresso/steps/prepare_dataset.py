"""Prepare the data set: any format in, checked, the prepared layout and a report out."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from pathlib import Path

from kubepresso import tracking
from kubepresso.config import parse_view
from kubepresso.config.data import DataConfig
from kubepresso.data.drift import Comparison, compare
from kubepresso.data.location import local_source
from kubepresso.data.prepare import Preparation, prepare
from kubepresso.data.report import write_report
from kubepresso.data.statistics import flat_numbers, read_fingerprint
from kubepresso.errors import UserError
from kubepresso.tracking.previous import earlier_artifact

log = logging.getLogger(__name__)

FINGERPRINT_FILE = "fingerprint.json"


@dataclasses.dataclass(frozen=True)
class PreparedSummary:
    """What was prepared.

    Args:
        digest: Content digest of the prepared data.
        classes: Class names in label order.
        counts: Images of each split.
        skipped: Samples left out by ``data.checks``.
        findings: Number of findings of each check.
    """

    digest: str
    classes: list[str]
    counts: dict[str, int]
    skipped: int
    findings: dict[str, int]

    def metrics(self) -> dict[str, float]:
        """Return the figures for the pipeline's metrics."""
        counts = {f"{name}_images": float(count) for name, count in self.counts.items()}
        found = {check: float(count) for check, count in self.findings.items()}
        return {**counts, "classes": float(len(self.classes)), "skipped": float(self.skipped), **found}


def run(*, config: str, data_digest: str, dataset: Path, report: Path) -> PreparedSummary:
    """Prepare a data set.

    Args:
        config: A view with the module ``data``.
        data_digest: Digest of the source, by which the step is cached.
        dataset: The prepared folder to make.
        report: The HTML report to make; it is written for refused data too.

    Raises:
        UserError: The source cannot be read, or a check refused it; then ``dataset`` is not made.
    """
    view = parse_view(config)
    data = view.need("data")
    tags = {"kubepresso.data_digest": data_digest, **_same_data(data)}
    with tracking.step_run("prepare_dataset", logging=view.logging, tags=tags) as tracked:
        with local_source(data) as root:
            preparation = prepare(data, root, Path(dataset))
        comparison = _compare(tracked, data, preparation)
        for line in preparation.findings.warnings():
            log.warning(line)
        write_report(Path(report), data.name, preparation, comparison)
        tracked.log_artifact(Path(report))
        if refused := preparation.findings.refused():
            if preparation.manifest is not None:  # drift is known only when all else is done
                shutil.rmtree(dataset, ignore_errors=True)
            raise UserError([*refused[:-1], f"{refused[-1]}\nreport: {report}"])
        assert preparation.manifest is not None
        summary = _summarise(preparation, preparation.manifest.digest)
        tracked.log_metrics(summary.metrics())
        tracked.log_metrics(flat_numbers(preparation.fingerprint))
        if comparison.shifts:
            tracked.log_metrics({"stability_index_largest": comparison.largest})
        tracked.log_dict(preparation.fingerprint, FINGERPRINT_FILE)
        tracked.set_tags({"kubepresso.dataset_digest": summary.digest})
        log.info("prepared %s: %s, digest %s", data.name, summary.counts, summary.digest)
    return summary


def _same_data(data: DataConfig) -> dict[str, str]:
    """Return the tags by which a later run of the same data finds this one."""
    return {"kubepresso.data_name": data.name, "kubepresso.task": data.task}


def _compare(tracked: tracking.Run, data: DataConfig, preparation: Preparation) -> Comparison:
    """Compare with the data prepared before, and add to the findings what drifted."""
    if preparation.manifest is None:
        return Comparison("Refused data is not compared.")
    if data.checks.drift == "ignore":
        return Comparison("data.checks.drift is ignore, so it was not compared.")
    others = {"kubepresso.dataset_digest": preparation.manifest.digest}
    earlier = earlier_artifact(tracked, "prepare_dataset", _same_data(data), others, FINGERPRINT_FILE)
    if earlier.text is None:
        return Comparison(f"Not compared: {earlier.note}.")
    try:
        shifts = compare(preparation.fingerprint, read_fingerprint(earlier.text))
    except ValueError as error:
        return Comparison(f"Not compared with {earlier.note}: its {FINGERPRINT_FILE} is {error}.")
    comparison = Comparison(f"Compared with the data of MLflow {earlier.note}.", shifts)
    for shift in comparison.drifted:
        message = f"stability index {shift.index:.2f}, allowed {shift.limit:.2f}; {shift.change}"
        preparation.findings.add("drift", f"{shift.split}: {shift.title}", message)
    return comparison


def _summarise(preparation: Preparation, digest: str) -> PreparedSummary:
    return PreparedSummary(
        digest=digest,
        classes=preparation.classes,
        counts={name: split.count for name, split in preparation.splits.items()},
        skipped=preparation.findings.skipped(),
        findings={check: len(found) for check, found in preparation.findings.by_check.items()},
    )
