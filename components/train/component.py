"""Declaration of the train component."""

from typing import Optional

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    config: str,
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    start: Optional[dsl.Input[dsl.Model]] = None,  # noqa: UP045 - the type that kfp reads
) -> None:
    """Train with torchrun, from the architecture of the YAML or, as retraining, from a model bundle.

    Args:
        config: The resolved YAML of the modules that training reads.
        dataset: The prepared data set.
        model: The model bundle of the best checkpoint.
        metrics: Losses and metrics of the best epoch, and the speed.
        start: A model bundle, compressed or not, to go on from.
    """
    from pathlib import Path

    from kubepresso.steps import execute, log_metrics

    summary = execute(
        "train",
        config=config,
        dataset=Path(dataset.path),
        model=Path(model.path),
        start=Path(start.path) if start else None,
        dataset_uri=dataset.uri,
        model_uri=model.uri,
        start_uri=start.uri if start else None,
    )
    log_metrics(metrics, summary.metrics())
