"""Compress: a smaller model bundle of a model bundle."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from kubepresso import tracking
from kubepresso.compression import CompressionReport, compress
from kubepresso.config import parse_view
from kubepresso.config.model import Compression
from kubepresso.models import Bundle, BundleManifest, load_bundle, save_bundle
from kubepresso.models.bundle import ONNX_FILE
from kubepresso.reporting import write_page

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CompressionSummary:
    """Costs before and after.

    Attributes:
        digest: Digest of the compressed bundle.
        parameters: Numbers that training learns, before and after.
        macs: Multiply-accumulates an image, before and after.
        size_mb: Size of the ONNX file in 1e6 bytes, before and after.
    """

    digest: str
    parameters: tuple[int, int]
    macs: tuple[int, int]
    size_mb: tuple[float, float]

    def metrics(self) -> dict[str, float]:
        """Return each cost after, before and as the share that is left."""
        values: dict[str, float] = {}
        for name in ("parameters", "macs", "size_mb"):
            before, after = getattr(self, name)
            values |= {name: after, f"{name}_before": before, f"{name}_left": after / before}
        return values


def run(*, config: str, model: Path, compressed: Path, report: Path) -> CompressionSummary:
    """Compress a model bundle by ``model.compression``.

    Args:
        config: A view with the module ``model``.
        model: The bundle to compress; it is not changed.
        compressed: The bundle to make. Classes, preprocessing and ONNX operator set are the parent's; it
            has no metrics until it is evaluated.
        report: The HTML report to make.

    Raises:
        UserError: The bundle is incomplete or altered, or the settings do not fit the model.
    """
    view = parse_view(config)
    settings: Compression = view.need("model").compression
    with tracking.step_run("compress", logging=view.logging) as tracked:
        tracked.log_params({"model.compression": settings.model_dump(mode="json")})
        bundle = load_bundle(Path(model))
        graph, changes = compress(bundle, settings)
        opset = bundle.manifest.onnx_opset
        written = save_bundle(Path(compressed), graph, _manifest(bundle, settings), opset)
        summary = _summarise(bundle.manifest, written)
        _write_report(Path(report), bundle.manifest, settings, changes, summary)
        tracked.log_metrics(summary.metrics())
        tracked.log_artifact(Path(report))
        tracked.log_artifact(Path(compressed), "bundle")
        tracked.set_tags({"kubepresso.bundle_digest": summary.digest})
    left = summary.metrics()
    log.info("%s: %.1f %% of the MACs left", bundle.manifest.name, 100 * left["macs_left"])
    return summary


def _manifest(bundle: Bundle, settings: Compression) -> BundleManifest:
    parent = bundle.manifest
    lineage = {
        **parent.lineage,
        "parent": parent.digest(),
        "method": settings.method,
        "ratio": settings.ratio,
    }
    return parent.model_copy(update={"lineage": lineage, "metrics": {}})


def _summarise(before: BundleManifest, after: BundleManifest) -> CompressionSummary:
    return CompressionSummary(
        digest=after.digest(),
        parameters=(before.parameters, after.parameters),
        macs=(before.macs, after.macs),
        size_mb=(before.files[ONNX_FILE].bytes / 1e6, after.files[ONNX_FILE].bytes / 1e6),
    )


def _write_report(
    target: Path,
    parent: BundleManifest,
    settings: Compression,
    changes: CompressionReport,
    summary: CompressionSummary,
) -> None:
    rows = [
        ("Parameters", "parameters", *summary.parameters, "{:,}"),
        ("Multiply-accumulates an image", "MACs", *summary.macs, "{:,}"),
        ("ONNX file in MB", "ONNX size", *summary.size_mb, "{:.3f}"),
    ]
    write_page(
        target,
        "kubepresso.compression",
        "compression.html.j2",
        name=parent.name,
        round_to=settings.round_to,
        input_size=parent.input_size,
        report=changes,
        rows=rows,
        parent=parent.digest(),
        digest=summary.digest,
    )
