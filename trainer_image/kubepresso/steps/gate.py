"""The gate: which of the rules in ``logging.promotion`` a candidate passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubepresso.config.logging import Promotion
from kubepresso.errors import UserError

SIZE, LATENCY = "size_mb", "latency_ms"
#: Rules about the alias: one that fails leaves the candidate undecided, to be judged by another run.
UNMOVED, ALIAS = "unmoved", "alias"


@dataclass(frozen=True)
class Check:
    """One rule: its name, whether the candidate passes it, and the figures in words."""

    rule: str
    passed: bool
    text: str

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'failed'}: {self.text}"


@dataclass(frozen=True)
class Baseline:
    """The champion to compare with: its version, its figures and where these came from."""

    version: str
    metrics: Mapping[str, float]
    origin: str


def judge(
    rules: Promotion, metric: str, candidate: Mapping[str, float], baseline: Baseline | None
) -> list[Check]:
    """Apply every rule that is set.

    Args:
        rules: ``logging.promotion``.
        metric: The metric that is compared; higher is better.
        candidate: Figures of the candidate: the metric, ``size_mb``, ``latency_ms``.
        baseline: The champion; None where there is none yet.

    Returns:
        Passed and failed checks.

    Raises:
        UserError: The candidate was not measured in what a rule asks for.
    """
    checks = [*_absolute(rules, metric, candidate)]
    if baseline is None:
        checks.append(
            Check("first", True, "nothing holds the alias champion yet: there is none to compare with")
        )
    else:
        checks += _against(rules, metric, candidate, baseline)
    return checks


def _absolute(rules: Promotion, metric: str, candidate: Mapping[str, float]) -> Iterator[Check]:
    value = _figure(candidate, metric)
    if rules.minimum is not None:
        passed = value >= rules.minimum
        yield Check("minimum", passed, f"{metric} {value:.4f}, at least {rules.minimum:g} is asked")
    for rule, key, limit, unit in (
        ("max_size_mb", SIZE, rules.max_size_mb, "MB"),
        ("max_latency_ms", LATENCY, rules.max_latency_ms, "ms"),
    ):
        if limit is not None:
            found = _figure(candidate, key)
            yield Check(
                rule, found <= limit, f"{_WORDS[key]} {found:.3f} {unit}, at most {limit:g} {unit} is allowed"
            )


def _against(
    rules: Promotion, metric: str, candidate: Mapping[str, float], baseline: Baseline
) -> Iterator[Check]:
    value, best = _figure(candidate, metric), _figure(baseline.metrics, metric)
    lowest = best - rules.max_drop
    yield Check(
        "max_drop",
        # Metrics are ratios of counts: a drop of exactly the allowed size must not fail on the last bit.
        value >= lowest - 1e-9,
        f"{metric} {value:.4f} against {best:.4f} of {baseline.version} ({baseline.origin}), "
        f"at least {lowest:.4f} is asked (max_drop {rules.max_drop:g})",
    )
    for rule, key, ratio in (
        ("max_size_ratio", SIZE, rules.max_size_ratio),
        ("max_latency_ratio", LATENCY, rules.max_latency_ratio),
    ):
        if ratio is not None:
            mine, theirs = _figure(candidate, key), _figure(baseline.metrics, key)
            text = f"{_WORDS[key]} {mine / theirs:.3f} times that of {baseline.version}"
            yield Check(rule, mine <= ratio * theirs, f"{text}, at most {ratio:g} is allowed")


def _figure(figures: Mapping[str, float], name: str) -> float:
    if name not in figures:
        measured = ", ".join(sorted(figures)) or "nothing"
        raise UserError(f"logging.promotion: {name} was not measured; evaluate gave {measured}")
    return figures[name]


_WORDS = {SIZE: "size", LATENCY: "latency"}
