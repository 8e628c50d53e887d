"""Declaration of the evaluate component."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    config: str,
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    title: str = "evaluate",
) -> None:
    """Measure a model bundle: quality, cost, file size, latency, and that ONNX gives what the graph gives.

    Args:
        config: The resolved YAML of the modules that evaluation reads.
        dataset: The prepared data set; the test split where it has one, else the validation split.
        model: The model bundle.
        metrics: Metrics of the split, parameters, MACs, ONNX size and latency.
        classification: Confusion matrix and ROC curve.
        report: All of these, with the worst mistakes as pictures.
        title: The name of the run in MLflow.
    """
    from pathlib import Path

    from kubepresso.steps import execute, log_classification, log_metrics

    evaluation = execute(
        "evaluate",
        config=config,
        dataset=Path(dataset.path),
        model=Path(model.path),
        report=Path(report.path),
        title=title,
    )
    log_metrics(metrics, evaluation.metrics())
    log_classification(classification, evaluation.classes, evaluation.confusion, evaluation.roc)
