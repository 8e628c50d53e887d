"""What ``kubepresso run`` shows: kfp.local's log reduced to one line a step and the step's own words."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

_COLOUR = re.compile(r"\x1b\[\d+m")
_EVENT = re.compile(r"^\d\d:\d\d:\d\d\.\d+ - [A-Z]+ - (.*)")
_STARTED = re.compile(r"Executing task '(.+)'")
_ENDED = re.compile(r"Task '(.+)' finished with status (SUCCESS|FAILURE)")
_EXECUTOR = "[KFP Executor "
_CACHED = re.compile(r"Task (\S+) cache hit")


@dataclass
class TaskRecord:
    """One task as the orchestrator saw it.

    Args:
        name: The task's title in the pipeline.
        cached: Whether it was a cache hit.
        failed: Whether it failed.
        seconds: Wall time, from its process being started to its end.
        work_seconds: The part of it that was the step's own work.
    """

    name: str
    cached: bool = False
    failed: bool = False
    seconds: float = 0.0
    work_seconds: float = 0.0


@dataclass
class Console(io.TextIOBase):
    """A text stream to put in the place of standard output while kfp.local runs.

    kfp.local reports progress only as log text, so its lines are read here: a line for each step's start and
    end is shown, the step's own output is passed on, everything else is left out.

    Args:
        out: The real standard output.
        titles: What to call a task, by its name in the pipeline.
    """

    out: TextIO
    titles: Mapping[str, str] = field(default_factory=dict)
    tasks: list[TaskRecord] = field(default_factory=list)
    _rest: str = ""
    _started: float = 0.0
    _inside: bool = False
    _in_json: bool = False

    def writable(self) -> bool:
        """Text can be written."""
        return True

    def write(self, text: str) -> int:
        """Take text in any pieces and handle it line by line."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(_COLOUR.sub("", line))
        return len(text)

    def flush(self) -> None:
        """Flush the real stream."""
        self.out.flush()

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Stand in the place of standard output, and hear what kfp.local logs while no task runs."""
        root = logging.getLogger()
        handler = _Forward(self)
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            with contextlib.redirect_stdout(self):
                yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def event(self, message: str) -> None:
        """Take one message of kfp.local's log."""
        if started := _STARTED.search(message):
            self._inside, self._started = True, time.perf_counter()
            self._show(f"> {self._title(started[1])}")
        elif ended := _ENDED.search(message):
            seconds = time.perf_counter() - self._started
            self._inside, failed = False, ended[2] == "FAILURE"
            title = self._title(ended[1])
            self.tasks.append(TaskRecord(title, failed=failed, seconds=seconds))
            self._show(
                f"{'x' if failed else '<'} {title}: {'failed after ' if failed else ''}{seconds:.1f} s"
            )
        elif cached := _CACHED.search(message):
            title = self._title(cached[1])
            self.tasks.append(TaskRecord(title, cached=True))
            self._show(f"= {title}: unchanged, taken from the cache")

    def _title(self, name: str) -> str:
        return self.titles.get(name, name)

    def _line(self, line: str) -> None:
        if event := _EVENT.match(line):
            self.event(event[1])
        elif self._inside and line.strip() and not self._of_executor(line.removeprefix("    ")):
            self._show("  " + line.removeprefix("    ").rstrip())

    def _of_executor(self, line: str) -> bool:
        """Tell whether a line is of KFP's executor: a log line, or the JSON that it prints of its inputs."""
        if self._in_json:
            self._in_json = line != "}"
            return True
        self._in_json = line.endswith("Got executor_input:")
        return _EXECUTOR in line

    def _show(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()


class _Forward(logging.Handler):
    """Hands the messages of the root logger to a console."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "root":
            self._console.event(_COLOUR.sub("", record.getMessage()))
