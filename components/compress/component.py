"""Declaration of the compress component."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def compress(
    config: str,
    model: dsl.Input[dsl.Model],
    compressed: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
) -> None:
    """Compress a model bundle; the result is a bundle like any other.

    Args:
        config: The resolved YAML of the modules that compression reads.
        model: The model bundle to compress.
        compressed: The compressed model bundle.
        metrics: Parameters, MACs and file size, before and after.
        report: Channels of each layer, before and after.
    """
    from pathlib import Path

    from kubepresso.steps import execute, log_metrics

    summary = execute(
        "compress",
        config=config,
        model=Path(model.path),
        compressed=Path(compressed.path),
        report=Path(report.path),
    )
    log_metrics(metrics, summary.metrics())
