"""From a checkpoint back to a training, and what to say of it."""

from __future__ import annotations

from kubepresso.training.checkpoints import snapshot
from kubepresso.training.checkpoints.files import Found
from kubepresso.training.checkpoints.keeper import Keeper

_NOT_EQUAL = "from here on the weights are not bit for bit those of a training that was never stopped"
_PERHAPS = "from here on the weights may not be bit for bit those of a training that was never stopped"


def restore(keeper: Keeper, batch_size: int) -> tuple[Found | None, list[str]]:
    """Put the newest checkpoint into the keeper's state; every process of the group must call it.

    Afterwards, once the model is wrapped for distribution, `restore_rank` puts back the rest.

    Args:
        keeper: Of the training.
        batch_size: Samples of a batch of one process.

    Returns:
        The checkpoint, None where there is none, and lines that say what was done.
    """
    found = keeper.newest()
    if found is None:
        strangers = keeper.group.is_main and keeper.kept.strangers()
        line = f"{keeper.kept.folder}: holds checkpoints of other settings or data only, not used"
        return None, [line] if strangers else []
    snapshot.put_back(keeper.state, found.tensors, found.values)
    state = keeper.state
    where = f"epoch {state.epoch + 1} at step {state.step}" if state.step else f"after epoch {state.epoch}"
    lines = [f"{found.place}: going on {'in ' if state.step else ''}{where}"]
    return found, [*lines, *_other_number(found, keeper, batch_size), *_other_surroundings(found, keeper)]


def _other_number(found: Found, keeper: Keeper, batch_size: int) -> list[str]:
    before, now = found.values["world_size"], keeper.group.world_size
    if before == now:
        return []
    return [
        f"warning: the checkpoint is of {before} process{'es' if before > 1 else ''}, now there are "
        f"{now}: samples come in the same order, in global batches of {batch_size * now} in place of "
        f"{batch_size * before}; {_NOT_EQUAL}"
    ]


def _other_surroundings(found: Found, keeper: Keeper) -> list[str]:
    before, now = found.values["surroundings"], snapshot.surroundings(keeper.state, keeper.group)
    other = [
        f"{name} {before.get(name)}, now {value}" for name, value in now.items() if before.get(name) != value
    ]
    return [f"warning: the checkpoint is of {'; '.join(other)}; {_PERHAPS}"] if other else []


def restore_rank(keeper: Keeper, found: Found) -> None:
    """Put back what each process has of its own, after the model is wrapped for distribution."""
    snapshot.put_back_rank(keeper.state, found.tensors, found.values, keeper.group)
