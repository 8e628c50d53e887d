"""Declaration of the prepare_dataset component."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare_dataset(
    config: str,
    data_digest: str,
    dataset: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
) -> None:
    """Bring the source data into the one prepared layout and check every image and label on the way.

    Args:
        config: The resolved YAML of the module ``data``.
        data_digest: Digest of the files behind ``data``, from resolve.
        dataset: The prepared data set: Parquet shards and ``manifest.json``.
        metrics: Images and classes, and what was skipped.
        report: Class balance, sample pictures and the result of each check.
    """
    from pathlib import Path

    from kubepresso.steps import execute, log_metrics

    summary = execute(
        "prepare_dataset",
        config=config,
        data_digest=data_digest,
        dataset=Path(dataset.path),
        report=Path(report.path),
    )
    dataset.metadata["digest"] = summary.digest
    log_metrics(metrics, summary.metrics())
