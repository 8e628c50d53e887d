"""What a pod leaves behind when it fails: the report of its ranks, in the few bytes that Kubernetes keeps."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from kubepresso.launch.report import RankFailure

#: Kubernetes' default ``terminationMessagePath``.
TERMINATION_LOG = Path("/dev/termination-log")
#: What Kubernetes keeps of it, in bytes.
_LIMIT = 4096
_FORMAT = "kubepresso-failures-1"


def write_termination(failures: Sequence[RankFailure], path: Path = TERMINATION_LOG) -> None:
    """Write the failures of a pod's ranks; long tracebacks lose their middle, late failures go first."""
    for characters in (3000, 2000, 1200, 600, 200, 0):
        text = _encode([_shortened(failure, characters) for failure in failures])
        if len(text) <= _LIMIT:
            break
    kept = list(failures)
    while len(text) > _LIMIT and kept:
        kept.pop()
        text = _encode([_shortened(failure, 0) for failure in kept])
    path.write_bytes(text)


def read_termination(message: str | None) -> list[RankFailure]:
    """Read what `write_termination` wrote; nothing where the message is something else."""
    try:
        content = json.loads(message or "")
        if content["format"] != _FORMAT:
            return []
        return [RankFailure(**failure) for failure in content["failures"]]
    except (ValueError, TypeError, KeyError):
        return []


def _encode(failures: Sequence[RankFailure]) -> bytes:
    content = {"format": _FORMAT, "failures": [dataclasses.asdict(failure) for failure in failures]}
    return json.dumps(content, ensure_ascii=False).encode()


def _shortened(failure: RankFailure, characters: int) -> RankFailure:
    problems = failure.problems and [_middle_out(line, 300) for line in failure.problems[:5]]
    return dataclasses.replace(
        failure,
        problems=problems,
        message=_middle_out(failure.message, 300),
        traceback=_middle_out(failure.traceback, characters),
    )


def _middle_out(text: str, limit: int) -> str:
    """Keep a third of the limit of the beginning, and the end, where the cause stands."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}\n  [...]\n{text[len(text) - (limit - head) :]}" if limit else ""
