"""torchrun, with a report of failed ranks as data: ``python -m kubepresso.launch.elastic ARGUMENTS``."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.report import REPORT_VARIABLE, RankFailure
from kubepresso.startup import lasting_imports
from kubepresso.training.process import PARENT_VARIABLE, end_with_parent


def main(arguments: list[str]) -> int:
    """Run torchrun and return its exit status; after failed ranks, write the report.

    Ranks that were asked to end and can go on later are no failure: the status is `RESUME_EXIT_CODE`.
    """
    end_with_parent()
    os.environ[PARENT_VARIABLE] = str(os.getpid())  # of the ranks
    with lasting_imports():
        from torch.distributed.elastic.multiprocessing.api import SignalException
        from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
        from torch.distributed.elastic.rendezvous import RendezvousClosedError, RendezvousConnectionError
        from torch.distributed.run import parse_args, run

    _notice_being_left_out()
    # What it logs about failures stands in the report.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        run(parse_args(arguments))
    except SignalException as error:
        number = int(error.sigval)
        return RESUME_EXIT_CODE if number == signal.SIGTERM else 128 + number
    except RendezvousConnectionError:
        _say("the node that the others meet at is gone; training can go on from its last checkpoint")
        return RESUME_EXIT_CODE
    except RendezvousClosedError:
        _say("the other nodes ended, training or failing, while this one was away from them; see their logs")
        return 1
    except ChildFailedError as error:
        if all(failure.exitcode == RESUME_EXIT_CODE for failure in error.failures.values()):
            return RESUME_EXIT_CODE
        failures = [
            _failure(rank, failure.exitcode, failure.timestamp, failure.error_file_data)
            for rank, failure in error.failures.items()
        ]
        if path := os.environ.get(REPORT_VARIABLE):
            Path(path).write_text(json.dumps([vars(failure) for failure in failures]), encoding="utf-8")
        return 1
    return 0


def _notice_being_left_out() -> None:
    """Make a node come back to the others that took it for dead, since its heartbeats were late.

    torchrun does not look: its ranks, and those of the others, would train the same in two groups.
    """
    from torch.distributed.elastic.rendezvous.dynamic_rendezvous import DynamicRendezvousHandler

    waiting = DynamicRendezvousHandler.num_nodes_waiting

    def num_nodes_waiting(self: Any) -> int:
        count = int(waiting(self))
        return count if self._this_node in self._state_holder.state.participants else count + 1

    DynamicRendezvousHandler.num_nodes_waiting = num_nodes_waiting  # type: ignore[method-assign]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _failure(rank: int, exit_code: int, timestamp: float, data: object) -> RankFailure:
    content = data if isinstance(data, dict) else {}
    message = content.get("message")
    if not isinstance(message, dict):
        message = {"message": str(message or "")}
    return RankFailure(
        rank=rank,
        exit_code=exit_code,
        timestamp=timestamp,
        problems=content.get("problems"),
        message=message["message"],
        traceback=message.get("extraInfo", {}).get("py_callstack", ""),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
