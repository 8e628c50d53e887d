"""Declaration of the train component."""

from typing import Optional

from kfp import dsl

from components.image import IMAGE


@dsl.component(
    base_image=IMAGE,
    install_kfp_package=False,
    # What a pipeline asks for is for the pods that train; the step itself only follows them.
    task_config_passthroughs=[
        dsl.TaskConfigField.RESOURCES,
        dsl.TaskConfigField.KUBERNETES_NODE_SELECTOR,
        dsl.TaskConfigField.KUBERNETES_TOLERATIONS,
        dsl.TaskConfigField.KUBERNETES_AFFINITY,
        dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.ENV, apply_to_task=True),
        dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.KUBERNETES_VOLUMES, apply_to_task=True),
    ],
)
def train(
    config: str,
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    start: Optional[dsl.Input[dsl.Model]] = None,  # noqa: UP045 - the type that kfp reads
    task_config: Optional[dsl.TaskConfig] = None,  # noqa: UP045
) -> None:
    """Train, from the architecture of the YAML or, as retraining, from a model bundle.

    On a cluster that serves TrainJob or PyTorchJob the step makes one, follows it, and ends with its result;
    the resources, node selectors, tolerations and affinity of the task go to the pods of that job. Elsewhere
    it runs torchrun.

    Args:
        config: The resolved YAML of the modules that training reads.
        dataset: The prepared data set.
        model: The model bundle of the best checkpoint.
        metrics: Losses and metrics of the best epoch, and the speed.
        start: A model bundle, compressed or not, to go on from.
        task_config: What the pipeline set for this task; KFP fills it in.
    """
    import dataclasses
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
        task_config=dataclasses.asdict(task_config) if task_config else None,
    )
    log_metrics(metrics, summary.metrics())
