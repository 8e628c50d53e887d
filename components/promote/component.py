"""Declaration of the promote component."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def promote(
    config: str,
    dataset: dsl.Input[dsl.Dataset],
    candidate: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Metrics],
    champion: str,
    metrics: dsl.Output[dsl.Metrics],
    decision: dsl.Output[dsl.HTML],
) -> bool:
    """Compare a candidate with the champion on the same data and promote it only if it is better.

    Args:
        config: The resolved YAML of the modules that the gate reads.
        dataset: The prepared data set, to evaluate a champion that was measured on other data.
        candidate: The model bundle to promote.
        evaluation: The metrics of the candidate, from evaluate.
        champion: The champion that resolve found; the gate refuses if another has taken its place.
        metrics: What was compared.
        decision: The decision and each of its reasons.

    Returns:
        Whether the candidate is the champion now.
    """
    from pathlib import Path

    from kubepresso.steps import execute, log_metrics

    result = execute(
        "promote",
        config=config,
        dataset=Path(dataset.path),
        candidate=Path(candidate.path),
        evaluation=evaluation.metadata,
        champion=champion,
        decision=Path(decision.path),
    )
    log_metrics(metrics, result.metrics())
    return result.promoted
