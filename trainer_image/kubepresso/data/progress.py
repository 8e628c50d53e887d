"""Lines in the log that say how far a long preparation is."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0


class PreparationProgress:
    """Logs a line every five seconds, and none where all is done sooner.

    Args:
        total: Images to prepare.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = self._last = time.monotonic()

    def advance(self) -> None:
        """Count one image."""
        self._done += 1
        now = time.monotonic()
        if now - self._last >= _EVERY_SECONDS:
            self._last = now
            rate = self._done / (now - self._started)
            left = max(self._total - self._done, 0) / rate
            log.info(
                "prepared %s of %s images, %s images/s, %s left",
                f"{self._done:,}",
                f"{self._total:,}",
                f"{rate:,.0f}",
                _duration(left),
            )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
