"""Where training processes run. `choose_launcher` reads ``environment.distributed.launcher``."""

from kubepresso.launch.launcher import Launcher, TrainingError, TrainingJob
from kubepresso.launch.local import LocalLauncher

__all__ = ["Launcher", "LocalLauncher", "TrainingError", "TrainingJob", "choose_launcher"]

_LAUNCHERS = {"auto": LocalLauncher, "local": LocalLauncher}


def choose_launcher(name: str) -> Launcher:
    """Return the launcher that ``environment.distributed.launcher`` names; ``auto`` is this machine."""
    return _LAUNCHERS[name]()
