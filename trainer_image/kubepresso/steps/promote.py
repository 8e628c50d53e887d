"""Promote: compare a candidate with the champion on the same data, and let the better one be champion."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from kubepresso import tracking
from kubepresso.config import View, parse_view
from kubepresso.data import PreparedDataset
from kubepresso.errors import UserError
from kubepresso.models import load_bundle
from kubepresso.reporting import write_page
from kubepresso.steps.baseline import CannotCompareError, find_baseline
from kubepresso.steps.case import BUNDLE_TAG, DATASET_TAG, METRICS_TAG, Case
from kubepresso.steps.champion import (
    CONFIG_TAG,
    DATA_TAG,
    HOLDER_TAG,
    JUDGED_TAG,
    TOKEN_TAG,
    UNDECIDED,
    UNREACHABLE,
    Token,
    registered_model,
)
from kubepresso.steps.gate import ALIAS, UNMOVED, Baseline, Check, judge

_RUN_PATIENCE = 60.0
_LONGEST_TAG = 5000


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the gate decided.

    Attributes:
        promoted: Whether the candidate holds the alias ``champion`` now.
        reasons: Every rule with its figures, each beginning with ``passed:`` or ``failed:``.
        version: The candidate's version, ``name/number``.
        champion: The version that it was compared with; None for the first.
        candidate: Figures of the candidate.
        baseline: Figures of the champion; empty for the first.
    """

    promoted: bool
    reasons: list[str]
    version: str | None
    champion: str | None
    candidate: dict[str, float]
    baseline: dict[str, float]

    def metrics(self) -> dict[str, float]:
        """Return the decision and the figures compared."""
        champion = {f"champion_{name}": value for name, value in self.baseline.items()}
        return {"promoted": float(self.promoted), **self.candidate, **champion}


def run(
    *,
    config: str,
    dataset: Path,
    candidate: Path,
    evaluation: Mapping[str, float],
    champion: str,
    decision: Path,
) -> Decision:
    """Judge a candidate by ``logging.promotion``, register it, and make it the champion if it passes.

    A refused candidate is registered too, with the alias ``challenger``; the step succeeds either way.

    Args:
        config: The view of the modules that this step reads.
        dataset: The prepared data set, on which a champion measured on other data is measured again.
        candidate: The model bundle.
        evaluation: The candidate's metrics, from evaluate on this data set.
        champion: Which champion to compare with, from resolve.
        decision: The HTML file to write.

    Returns:
        The decision with all its reasons.

    Raises:
        UserError: The registry cannot be reached, or an input cannot be used.
    """
    view = parse_view(config)
    with tracking.step_run("promote", logging=view.logging) as tracked:
        case, checks, baseline = _judge(_open(view, dataset, candidate, evaluation, champion))
        made = _settle(case, checks, baseline, tracked)
        write_page(
            decision,
            "kubepresso.steps",
            "decision.html.j2",
            decision=made,
            name=case.name,
            metric=case.metric,
            reasons=[reason.partition(": ")[::2] for reason in made.reasons],
        )
        tracked.log_metrics(made.metrics())
        tracked.set_tags(
            {"kubepresso.decision": _word(made.promoted), "kubepresso.version": made.version or ""}
        )
        tracked.log_text(decision.read_text(encoding="utf-8"), "decision.html")
        tracked.log_dict(dataclasses.asdict(made), "decision.json")
    return made


def _open(view: View, dataset: Path, candidate: Path, evaluation: Mapping[str, float], champion: str) -> Case:
    registry = tracking.Registry(tracking.locate(view.logging))
    name = registered_model(view.need("model"), view.need("logging"))
    return Case(
        view=view,
        prepared=PreparedDataset.open(dataset),
        bundle=load_bundle(candidate),
        metrics={key: float(value) for key, value in evaluation.items() if isinstance(value, int | float)},
        token=Token.parse(champion),
        registry=registry,
        name=name,
        champion=registry.champion(name),
    )


def _judge(case: Case) -> tuple[Case, list[Check], Baseline | None]:
    """Apply the rules, after measuring what they need; a champion that fits no more is a failed check."""
    checks = _check_token(case)
    if case.champion is None:
        return case, [*judge(case.rules, case.metric, case.metrics, None), *checks], None
    with tempfile.TemporaryDirectory(prefix="kubepresso-") as folder:
        try:
            case, baseline = find_baseline(case, case.champion, Path(folder))
        except CannotCompareError as error:
            return case, [*checks, Check("comparable", False, str(error))], None
    return case, [*judge(case.rules, case.metric, case.metrics, baseline), *checks], baseline


def _check_token(case: Case) -> list[Check]:
    """Refuse where another champion has come since resolve looked, unless this very configuration made it."""
    champion, found = str(case.champion or ""), case.token.champion
    if found == UNREACHABLE:
        return [
            Check(UNMOVED, True, "resolve could not reach the registry: the present champion is compared")
        ]
    if champion == found or (case.champion and case.token.made(case.champion)):
        return []
    text = (
        f"the champion was {found or 'none'} when this run began and is {champion or 'none'} now; "
        "run the pipeline again to compare with it"
    )
    return [Check(UNMOVED, False, text)]


def _settle(case: Case, checks: list[Check], baseline: Baseline | None, tracked: tracking.Run) -> Decision:
    """Register the candidate and set the alias; what happens there may add a check."""
    passed = all(check.passed for check in checks)
    version = case.champion if case.is_champion else None
    if version is None:
        version = _register(case, tracked)
        if passed:
            checks = [*checks, *_promote(case, version)]
            passed = all(check.passed for check in checks)
        _record(case, version, checks, passed)
    else:
        checks = [*checks, Check("same", True, f"the candidate is the very model of {version}")]
    return Decision(
        promoted=passed,
        reasons=[str(check) for check in checks],
        version=str(version),
        champion=str(case.champion) if case.champion else None,
        candidate=case.metrics,
        baseline=dict(baseline.metrics) if baseline else {},
    )


def _register(case: Case, tracked: tracking.Run) -> tracking.Version:
    """Register the candidate, or find the version that an earlier attempt at this step registered."""
    tags = {
        CONFIG_TAG: case.token.config_digest,
        DATA_TAG: case.token.data_digest,
        TOKEN_TAG: str(case.token),
        JUDGED_TAG: f"{time.time_ns()}",
        HOLDER_TAG: UNDECIDED,
        DATASET_TAG: case.prepared.digest,
        BUNDLE_TAG: case.digest,
        METRICS_TAG: json.dumps(case.metrics, sort_keys=True),
        "kubepresso.predecessor": str(case.champion or ""),
        "kubepresso.pipeline_run_id": tracking.pipeline_run_id() or "",
    }
    found = case.registry.find(case.name, BUNDLE_TAG, case.digest)
    if found:
        case.registry.tag(found, tags)
        return found
    run = tracked.wait_for_id(_RUN_PATIENCE)
    if run is None:
        raise UserError(
            f"{tracking.redact(case.registry.uri)}: no run could be opened to hold the model; check "
            "MLFLOW_TRACKING_URI and that the server is up, then run the step again"
        )
    return case.registry.register(case.name, run, case.bundle.folder, tags)


def _promote(case: Case, version: tracking.Version) -> list[Check]:
    holder = case.registry.promote(version, case.champion)
    if str(holder) == str(version):
        return []
    text = f"the alias champion went to {holder or 'nobody'} while this step ran; run the pipeline again"
    return [Check(ALIAS, False, text)]


def _record(case: Case, version: tracking.Version, checks: list[Check], promoted: bool) -> None:
    reasons = "\n".join(map(str, checks))[:_LONGEST_TAG]
    if not promoted:
        case.registry.challenge(version)
    tags = {
        "kubepresso.decision": _word(promoted),
        "kubepresso.reasons": reasons,
        HOLDER_TAG: _holder_after(case, version, checks, promoted),
    }
    case.registry.tag(version, tags)


def _holder_after(case: Case, version: tracking.Version, checks: list[Check], promoted: bool) -> str:
    """Name the champion that this decision leaves; none decided where another one came in between."""
    if promoted:
        return str(version)
    moved = any(check.rule in (UNMOVED, ALIAS) and not check.passed for check in checks)
    return UNDECIDED if moved else str(case.champion or "")


def _word(promoted: bool) -> str:
    return "promoted" if promoted else "refused"
