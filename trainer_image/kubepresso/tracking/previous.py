"""Find what an earlier run of a step left in MLflow. A server that is silent costs a few seconds at most."""

from __future__ import annotations

import queue
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubepresso.tracking.runs import Run
from kubepresso.tracking.session import STEP_TAG, Session

_PATIENCE = 10.0
_LONGEST = 64 << 20


@dataclass(frozen=True)
class Earlier:
    """What was found.

    Attributes:
        text: The artifact's content; None where nothing was found.
        note: Which run it is from, or why there is none.
        run_id: The MLflow run; None where there is none.
    """

    text: str | None
    note: str
    run_id: str | None = None


def earlier_artifact(
    run: Run,
    step: str,
    same: Mapping[str, str],
    other: Mapping[str, str],
    file: str,
    patience: float = _PATIENCE,
) -> Earlier:
    """Return a file of the latest finished run of a step in this run's experiment; it never raises.

    Args:
        run: The run that asks; it is not found itself.
        step: The step's name.
        same: Tags that the earlier run has with these values.
        other: Tags that the earlier run has with other values.
        file: Path of the artifact.
        patience: Seconds to wait for the server, twice at most.
    """
    if run.wait_for_id(patience) is None:
        return Earlier(None, "the tracking server could not be asked")
    answers: queue.Queue[Earlier] = queue.Queue(1)

    def ask(session: Session, run_id: str) -> None:
        answer = Earlier(None, "the tracking server could not be asked")
        try:
            answer = _find(session, run_id, {STEP_TAG: step, **same}, other, file)
        finally:
            answers.put(answer)

    run._call("looking for an earlier run", ask)
    try:
        return answers.get(timeout=patience)
    except queue.Empty:
        return Earlier(None, f"the tracking server did not answer within {patience:g} s")


def _find(
    session: Session, run_id: str, same: Mapping[str, str], other: Mapping[str, str], file: str
) -> Earlier:
    experiment = session.experiment or session.client.get_run(run_id).info.experiment_id
    conditions = [f"tags.`{name}` = '{_quoted(value)}'" for name, value in same.items()]
    conditions += [f"tags.`{name}` != '{_quoted(value)}'" for name, value in other.items()]
    query = " and ".join([*conditions, "attributes.status = 'FINISHED'"])
    newest_first = ["attributes.start_time DESC"]
    found = session.client.search_runs([experiment], query, max_results=1, order_by=newest_first)
    if not found:
        return Earlier(None, "there is no earlier run")
    earlier = found[0].info.run_id
    sizes = {entry.path: entry.file_size for entry in session.client.list_artifacts(earlier)}
    if file not in sizes or (sizes[file] or 0) > _LONGEST:
        return Earlier(None, f"the earlier run {earlier} has no {file}", earlier)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(session.client.download_artifacts(earlier, file, folder))
        return Earlier(path.read_text(encoding="utf-8"), f"run {earlier}", earlier)


def _quoted(value: str) -> str:
    return value.replace("'", "")
