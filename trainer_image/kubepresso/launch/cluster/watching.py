"""Objects followed by list and watch, through lost connections and expired versions.

The pattern of every Kubernetes controller: list, watch from the list's resource version, go on from the last
version seen; where the server no longer has it (410), list again.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes.client.exceptions import ApiException

from kubepresso.errors import UserError
from kubepresso.launch.cluster.api import (
    FORBIDDEN,
    GONE,
    UNREACHABLE,
    Cluster,
    Object,
    asked_pause,
    away,
    refused,
)

#: The server ends a watch after this time, so that a connection that died unnoticed is found out.
_WATCH_SECONDS = 60
#: After this time all objects are listed again, whatever the watch said.
RESYNC_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


@dataclass(frozen=True)
class Seen:
    """What is known of the objects of one watcher.

    Attributes:
        source: The watcher's name.
        objects: All objects, after a list; else the one that changed.
        complete: Whether it is a list: what is not in it is not there.
        deleted: Whether the object was deleted.
    """

    source: str
    objects: list[Object]
    complete: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class Trouble:
    """Why a watcher gave up."""

    source: str
    error: UserError


class Watcher(threading.Thread):
    """Follows the objects of one collection in a thread of its own.

    Args:
        cluster: Where they are.
        source: A name for what it finds.
        path: Of the collection.
        query: Selectors.
        tell: Is called with `Seen`, and at last with `Trouble` where the server was away for too long.
        resync_seconds: After this time all are listed anew.
    """

    def __init__(
        self,
        cluster: Cluster,
        source: str,
        path: str,
        query: Mapping[str, str],
        tell: Callable[[Seen | Trouble], None],
        resync_seconds: float = RESYNC_SECONDS,
    ) -> None:
        super().__init__(name=f"watch-{source}", daemon=True)
        self._cluster, self._source, self._path, self._query = cluster, source, path, dict(query)
        self._tell, self._resync_seconds = tell, resync_seconds
        self._ended = threading.Event()
        self._version = ""
        self._listed_at: float | None = None
        self._failing_since: float | None = None

    def end(self) -> None:
        """Stop telling; the thread ends with its connection."""
        self._ended.set()

    def run(self) -> None:
        """Follow until `end`."""
        pause = _FIRST_PAUSE
        while not self._ended.is_set():
            try:
                self._round()
                self._failing_since, pause = None, _FIRST_PAUSE
            except (ApiException, *UNREACHABLE, ValueError, KeyError) as error:
                if trouble := self._trouble(error):
                    return self._say(Trouble(self._source, trouble))
                self._ended.wait(max(pause, asked_pause(error)))
                pause = min(2 * pause, _LONGEST_PAUSE)
        return None

    def _trouble(self, error: Exception) -> UserError | None:
        """Return why to give up; None where it may pass."""
        too_long = self._is_too_long()
        if not isinstance(error, ApiException):  # away, or an answer cut short
            address, patience = self._cluster.address, self._cluster.patience_seconds
            return away(address, patience, error) if too_long else None
        if error.status == GONE:
            self._version = ""
        # A server that just started may not know yet who may do what.
        allowed_before = error.status == FORBIDDEN and self._listed_at is not None
        passing = error.status == GONE or allowed_before or self._cluster.is_passing(error)
        return None if passing and not too_long else refused(error, self._cluster.address)

    def _is_too_long(self) -> bool:
        """Note that the server fails, and say whether it has done so for longer than the patience."""
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        return time.monotonic() - self._failing_since > self._cluster.patience_seconds

    def _round(self) -> None:
        """List if needed, and watch until the server ends it."""
        listed = self._listed_at
        if not self._version or listed is None or time.monotonic() - listed > self._resync_seconds:
            found = self._cluster.list_once(self._path, self._query)
            self._version = found["metadata"]["resourceVersion"]
            self._listed_at = time.monotonic()
            self._say(Seen(self._source, list(found.get("items") or []), complete=True))
        seconds = max(1, min(_WATCH_SECONDS, round(self._resync_seconds)))
        query = {
            **self._query,
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        with contextlib.closing(self._cluster.stream(self._path, query, seconds + 15.0)) as lines:
            self._failing_since = None  # it answers; a quiet watch may be cut by what lies between
            for line in lines:
                if self._ended.is_set():
                    return
                self._hear(json.loads(line))

    def _hear(self, event: dict[str, Any]) -> None:
        content = event["object"]
        if event["type"] == "ERROR":
            error = ApiException(status=content.get("code"), reason=content.get("message"))
            raise error
        self._version, self._failing_since = content["metadata"]["resourceVersion"], None
        if event["type"] != "BOOKMARK":
            self._say(Seen(self._source, [content], deleted=event["type"] == "DELETED"))

    def _say(self, what: Seen | Trouble) -> None:
        if not self._ended.is_set():
            self._tell(what)
