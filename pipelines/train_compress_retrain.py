"""The main pipeline: prepare, validate, train, evaluate, compress, retrain, evaluate, promote."""

from typing import NamedTuple

from kfp import dsl

from components.compress.component import compress
from components.evaluate.component import evaluate
from components.prepare_dataset.component import prepare_dataset
from components.promote.component import promote
from components.resolve.component import resolve
from components.train.component import train
from components.validate_augmentation.component import validate_augmentation
from pipelines.surroundings import (
    NETSPRESSO,
    give_place,
    give_resources,
    give_secret,
    give_shared_memory,
    give_surroundings,
    retry,
)


class Outputs(NamedTuple):
    """What a run gives: metrics and reports of each stage, the retrained model, the decision."""

    original: dsl.Metrics
    compressed: dsl.Metrics
    retrained: dsl.Metrics
    training: dsl.Metrics
    retraining: dsl.Metrics
    data_report: dsl.HTML
    augmentation_report: dsl.HTML
    original_report: dsl.HTML
    compression_report: dsl.HTML
    compressed_report: dsl.HTML
    retrained_report: dsl.HTML
    decision_report: dsl.HTML
    model: dsl.Model
    promoted: bool


@dsl.pipeline(
    name="train-compress-retrain",
    description="Train a model from six YAML modules, compress it, retrain it, promote it if it is better.",
)
def train_compress_retrain(
    config_uri: str,
    overrides: list = [],  # noqa: B006
    data_cpu: str = "4",
    data_memory: str = "8Gi",
    train_cpu: str = "4",
    train_memory: str = "16Gi",
    train_gpus: int = 0,
    train_node_selector: dict = {},  # noqa: B006
    train_tolerations: list = [],  # noqa: B006
    evaluate_cpu: str = "4",
    evaluate_memory: str = "8Gi",
    evaluate_gpus: int = 0,
    node_selector: dict = {},  # noqa: B006
    tolerations: list = [],  # noqa: B006
) -> Outputs:
    """Chain the steps.

    Args:
        config_uri: A folder, prefix or file with the six modules: a path, ``file://`` or ``s3://``.
        overrides: Dotted overrides, for example ``["training.epochs=3"]``.
        data_cpu: Cores for preparing data and trying the augmentation.
        data_memory: Memory for the same.
        train_cpu: Cores of each training pod, unless ``environment.distributed.cpu`` says it.
        train_memory: Memory of each training pod, unless ``environment.distributed.memory`` says it.
        train_gpus: GPUs of each training pod, unless ``environment.distributed.gpus_per_node`` says it; 0: as
            many as ``environment.gpus`` names.
        train_node_selector: Labels of the nodes for training pods, beside those of the YAML.
        train_tolerations: Taints that training pods accept, beside those of the YAML.
        evaluate_cpu: Cores for evaluation, compression and promotion.
        evaluate_memory: Memory for the same.
        evaluate_gpus: GPUs of each evaluation.
        node_selector: Labels of the nodes for all steps but training.
        tolerations: Taints that all steps but training accept, as Kubernetes writes them.

    Returns:
        The metrics of the original, the compressed and the retrained model, the reports, the retrained model
        bundle, and whether it was promoted.
    """
    resolved = resolve(config_uri=config_uri, overrides=overrides)
    resolved.set_caching_options(False)
    view = resolved.outputs

    prepared = prepare_dataset(config=view["prepare_dataset"], data_digest=view["data_digest"])
    dataset = prepared.outputs["dataset"]
    checked = validate_augmentation(config=view["validate_augmentation"], dataset=dataset)

    trained = train(config=view["train"], dataset=dataset).after(checked)
    original = evaluate(
        config=view["evaluate"], dataset=dataset, model=trained.outputs["model"], title="evaluate original"
    )
    pruned = compress(config=view["compress"], model=trained.outputs["model"])
    small = pruned.outputs["compressed"]
    compressed = evaluate(config=view["evaluate"], dataset=dataset, model=small, title="evaluate compressed")
    retrained = train(config=view["retrain"], dataset=dataset, start=small).set_display_name("retrain")
    final = evaluate(
        config=view["evaluate"],
        dataset=dataset,
        model=retrained.outputs["model"],
        title="evaluate retrained",
    )
    decided = promote(
        config=view["promote"],
        dataset=dataset,
        candidate=retrained.outputs["model"],
        evaluation=final.outputs["metrics"],
        champion=view["champion"],
    )

    original.set_display_name("evaluate original")
    compressed.set_display_name("evaluate compressed")
    final.set_display_name("evaluate retrained")

    training, evaluations = (trained, retrained), (original, compressed, final)
    steps = (resolved, prepared, checked, *evaluations, pruned, decided)
    give_resources(resolved, "1", "2Gi")
    for task in (prepared, checked):
        give_resources(task, data_cpu, data_memory)
    for task in training:
        give_resources(task, train_cpu, train_memory, train_gpus)
        give_place(task, train_node_selector, train_tolerations)
    for task in evaluations:
        give_resources(task, evaluate_cpu, evaluate_memory, evaluate_gpus)
    for task in (pruned, decided):
        give_resources(task, evaluate_cpu, evaluate_memory)
    for task in steps:
        give_place(task, node_selector, tolerations)
    for task in (checked, *training, *evaluations, decided):
        give_shared_memory(task)
    hours = {resolved: 1, checked: 2, trained: 336, retrained: 336, decided: 4}
    for task in (*steps, *training):
        give_surroundings(task, hours.get(task, 24))
    give_secret(pruned, NETSPRESSO)
    for task, times in ((prepared, 1), (trained, 2), (retrained, 2), (decided, 2)):
        retry(task, times)
    return Outputs(
        original=original.outputs["metrics"],
        compressed=compressed.outputs["metrics"],
        retrained=final.outputs["metrics"],
        training=trained.outputs["metrics"],
        retraining=retrained.outputs["metrics"],
        data_report=prepared.outputs["report"],
        augmentation_report=checked.outputs["report"],
        original_report=original.outputs["report"],
        compression_report=pruned.outputs["report"],
        compressed_report=compressed.outputs["report"],
        retrained_report=final.outputs["report"],
        decision_report=decided.outputs["decision"],
        model=retrained.outputs["model"],
        promoted=decided.outputs["Output"],
    )
