"""What a check across keys has found."""

from __future__ import annotations

from dataclasses import dataclass

from kubepresso.config.problems import Path


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit.

    Args:
        path: The key to change.
        text: What is wrong and what is allowed.
        fatal: Whether it is an error; otherwise a warning.
    """

    path: Path
    text: str
    fatal: bool = True


def error(text: str, *path: str | int) -> Finding:
    """Make a finding that stops the run."""
    return Finding(path, text)


def warning(text: str, *path: str | int) -> Finding:
    """Make a finding that is told and goes on."""
    return Finding(path, text, fatal=False)
