"""The size of ``/dev/shm``: loader workers hand their batches over through it."""

from __future__ import annotations

from kubepresso.config import View
from kubepresso.config.checks.recipes import final_size

#: Batches that wait in a worker's queue (torch's ``prefetch_factor``), one in the making, one in use.
_BATCHES_PER_WORKER = 4
#: Three float32 channels, and an int64 mask as the largest target.
_BYTES_PER_PIXEL = 3 * 4 + 8
#: NCCL's own segments, and what else is small.
_BASE = 512 << 20
_STEP = 64 << 20
_OTHER_SIZE = (640, 640)


def shared_memory_bytes(view: View, processes: int) -> int:
    """Return how much shared memory the processes of one pod need at most.

    ``512 MiB + processes x workers x 4 batches x batch size x height x width x 20 bytes``, rounded up to
    64 MiB. Height and width are those of the training recipe, else of the inference recipe, else 640.

    Args:
        view: With ``environment``, and ``augmentation`` where it is known.
        processes: Training processes of one pod.
    """
    environment = view.need("environment")
    height, width = image_size(view)
    batch = environment.batch_size * height * width * _BYTES_PER_PIXEL
    batches = processes * environment.num_workers * _BATCHES_PER_WORKER
    return int(-(-(_BASE + batches * batch) // _STEP) * _STEP)


def image_size(view: View) -> tuple[int, int]:
    """Return height and width of an image after its recipe, as far as the configuration says."""
    recipes = view.augmentation
    if recipes is None:
        return _OTHER_SIZE
    return final_size(recipes.train) or final_size(recipes.inference) or _OTHER_SIZE


def as_quantity(size: int) -> str:
    """Write bytes, a multiple of a MiB, as Kubernetes does."""
    return f"{size >> 30}Gi" if size % (1 << 30) == 0 else f"{size >> 20}Mi"
