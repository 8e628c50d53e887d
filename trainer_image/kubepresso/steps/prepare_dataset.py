"""Prepare the data set: any format in, checked, the prepared layout and a report out."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from kubepresso import tracking
from kubepresso.config import parse_view
from kubepresso.data.location import local_source
from kubepresso.data.prepare import Preparation, prepare
from kubepresso.data.report import write_report
from kubepresso.errors import UserError

log = logging.getLogger(__name__)


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
    tags = {"kubepresso.data_digest": data_digest}
    with tracking.step_run("prepare_dataset", logging=view.logging, tags=tags) as tracked:
        with local_source(data) as root:
            preparation = prepare(data, root, Path(dataset))
        for line in preparation.findings.warnings():
            log.warning(line)
        write_report(Path(report), data.name, preparation)
        tracked.log_artifact(Path(report))
        if preparation.manifest is None:
            raise UserError(preparation.findings.refused())
        summary = _summarise(preparation, preparation.manifest.digest)
        tracked.log_metrics(summary.metrics())
        tracked.set_tags({"kubepresso.dataset_digest": summary.digest})
        log.info("prepared %s: %s, digest %s", data.name, summary.counts, summary.digest)
    return summary


def _summarise(preparation: Preparation, digest: str) -> PreparedSummary:
    return PreparedSummary(
        digest=digest,
        classes=preparation.classes,
        counts={name: split.count for name, split in preparation.splits.items()},
        skipped=preparation.findings.skipped(),
        findings={check: len(found) for check, found in preparation.findings.by_check.items()},
    )
