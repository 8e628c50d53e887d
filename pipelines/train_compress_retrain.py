"""The main pipeline: prepare, validate, train, evaluate, compress, retrain, evaluate, promote."""

from typing import NamedTuple

from kfp import dsl, kubernetes

from components.compress.component import compress
from components.evaluate.component import evaluate
from components.prepare_dataset.component import prepare_dataset
from components.promote.component import promote
from components.resolve.component import resolve
from components.train.component import train
from components.validate_augmentation.component import validate_augmentation


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


#: Object of the namespace and its keys, each an environment variable of that name. All of them are optional.
SETTINGS = ("kubepresso", ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "AWS_ENDPOINT_URL", "AWS_REGION"))
SECRETS = (
    "kubepresso",
    (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
    ),
)


def give_surroundings(task: dsl.PipelineTask) -> None:
    """Tell a task its run, its stores and their credentials by the environment, which is in no cache key."""
    kubernetes.use_field_path_as_env(
        task, env_name="KFP_RUN_ID", field_path="metadata.labels['pipeline/runid']"
    )
    config_map, settings = SETTINGS
    kubernetes.use_config_map_as_env(task, config_map, {key: key for key in settings}, optional=True)
    secret, credentials = SECRETS
    kubernetes.use_secret_as_env(task, secret, {key: key for key in credentials}, optional=True)


@dsl.pipeline(
    name="train-compress-retrain",
    description="Train a model from six YAML modules, compress it, retrain it, promote it if it is better.",
)
def train_compress_retrain(config_uri: str, overrides: list = []) -> Outputs:  # noqa: B006
    """Chain the steps.

    Args:
        config_uri: A folder, prefix or file with the six modules: a path, ``file://`` or ``s3://``.
        overrides: Dotted overrides, for example ``["training.epochs=3"]``.

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
    for task in (
        resolved,
        prepared,
        checked,
        trained,
        original,
        pruned,
        compressed,
        retrained,
        final,
        decided,
    ):
        give_surroundings(task)
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
