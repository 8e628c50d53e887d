"""What checkpoints are called, and which of them the newest one makes superfluous."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_STATE = re.compile(r"state-(\d{5})-(\d{7})")
_BEST = re.compile(r"best-(\d{5})")


def state_name(epoch: int, step: int) -> str:
    """Return the name of the state after ``epoch`` epochs and ``step`` steps of the next one."""
    return f"state-{epoch:05d}-{step:07d}"


def best_name(epoch: int) -> str:
    """Return the name of the weights of an epoch."""
    return f"best-{epoch:05d}"


def is_state(name: str) -> bool:
    """Say whether a name is that of a state."""
    return _STATE.fullmatch(name) is not None


def is_checkpoint(name: str) -> bool:
    """Say whether a name is that of a state or of an epoch's weights."""
    return is_state(name) or _BEST.fullmatch(name) is not None


def superseded(
    names: Iterable[str], damaged: Iterable[str], newest: str, keep: int, keep_epochs: Callable[[int], bool]
) -> list[str]:
    """Return which checkpoints may go.

    Those after ``newest`` stay: they are of an attempt that came further. So do the weights that were the
    best when a kept state was taken, since a state without them is of no use.

    Args:
        names: All that are there, damaged ones, too.
        damaged: Of these, those that are not whole.
        newest: The state that was just saved.
        keep: Number of newest states that stay.
        keep_epochs: Which epochs' states stay for good.
    """
    epoch = int(newest.split("-")[1])
    # Another training of the same settings may just replace the newest one, which then has no name.
    former = sorted(
        name for name in {*names, newest} if is_checkpoint(name) and name <= _limit(name, newest, epoch)
    )
    whole = [name for name in former if name not in set(damaged) or name == newest]
    states = [name for name in whole if is_state(name)]
    bests = [name for name in whole if not is_state(name)]
    kept = set(states[-keep:]) | {name for name in states if _stays(name, keep_epochs)}
    for state in states[-keep:]:
        limit = best_name(int(state.split("-")[1]))
        kept |= {max((best for best in bests if best <= limit), default=newest)}
    return [name for name in former if name not in kept]


def _limit(name: str, newest: str, epoch: int) -> str:
    return newest if is_state(name) else best_name(epoch)


def _stays(state: str, keep_epochs: Callable[[int], bool]) -> bool:
    _, epoch, step = state.split("-")
    return int(step) == 0 and keep_epochs(int(epoch))
