"""Declaration of the validate_augmentation component."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def validate_augmentation(
    config: str,
    dataset: dsl.Input[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
) -> None:
    """Run the training and inference recipes on real samples and fail on a broken one, before any training.

    Args:
        config: The resolved YAML of the modules that the recipes depend on.
        dataset: The prepared data set.
        metrics: Images per second of the training recipe, and what training takes in on the same machine.
        report: A contact sheet, before and after each transform, and the result of each check.
    """
    from pathlib import Path

    from kubepresso.steps import execute, log_metrics

    summary = execute(
        "validate_augmentation", config=config, dataset=Path(dataset.path), report=Path(report.path)
    )
    log_metrics(metrics, summary.metrics())
