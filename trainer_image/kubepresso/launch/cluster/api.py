"""Calls to a Kubernetes API: plain JSON through the official client, tried again while the server is away."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from kubepresso.errors import UserError

Object = dict[str, Any]
Result = TypeVar("Result")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 30.0
_LONGEST_ASKED_PAUSE = 60.0
_PASSING = {429, 500, 502, 503, 504}
GONE, CONFLICT, NOT_FOUND, FORBIDDEN, UNAUTHORIZED = 410, 409, 404, 403, 401
#: What a call raises while the server, or a token that is just written anew, cannot be reached.
UNREACHABLE = (HTTPError, OSError, config.ConfigException)


class ClusterError(UserError):
    """The cluster refused a call, or did not answer for too long.

    Attributes:
        status: The HTTP status, 0 for none.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Kind:
    """A kind of object and where the API has it.

    Attributes:
        group: API group; empty for the core group.
        version: Its version.
        plural: The kind in a URL.
        kind: The kind in an object.
    """

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """The object's ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "") -> str:
        """Return the URL's path of the collection, or of one object."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{name}" if name else "")


POD = Kind("", "v1", "pods", "Pod")
EVENT = Kind("", "v1", "events", "Event")


class Cluster:
    """A Kubernetes API, and the namespace that this process belongs to.

    Args:
        api_client: The official client, whose address and credentials are used.
        namespace: Of the process.
        patience_seconds: How long the server may be away.
    """

    def __init__(self, api_client: client.ApiClient, namespace: str, patience_seconds: float) -> None:
        self._client = api_client
        self.namespace = namespace
        self.patience_seconds = patience_seconds
        self._known = False

    @property
    def address(self) -> str:
        """The server's URL, for messages."""
        return str(self._client.configuration.host)

    def find(self, path: str, patience_seconds: float | None = None) -> Object | None:
        """Return an object or document; None where there is none."""
        try:
            return self._json("GET", path, patience_seconds=patience_seconds)
        except ClusterError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def list(self, path: str, query: Mapping[str, str], patience_seconds: float | None = None) -> Object:
        """Return a list with the resource version that a watch goes on from."""
        return self._json("GET", path, query, patience_seconds=patience_seconds)

    def list_once(self, path: str, query: Mapping[str, str]) -> Object:
        """Do the same as `list`, without any retry; raises as `stream` does."""
        return self._once("GET", path, query)

    def create(self, path: str, body: Object) -> Object:
        """Create an object, once: a call that broke off may have been heard, so a conflict can be our own."""
        return self._json("POST", path, {"fieldValidation": "Strict"}, body)

    def annotate(self, path: str, annotations: Mapping[str, str]) -> Object:
        """Set annotations of an object."""
        body = {"metadata": {"annotations": dict(annotations)}}
        return self._json("PATCH", path, {}, body, "application/merge-patch+json")

    def delete(self, path: str, uid: str, patience_seconds: float | None = None) -> None:
        """Delete the object of this uid after all that belongs to it; nothing where it is not there.

        It stays, with a ``deletionTimestamp``, until its pods are gone.
        """
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        try:
            self._json("DELETE", path, {}, body, patience_seconds=patience_seconds)
        except ClusterError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    def stream(self, path: str, query: Mapping[str, str], read_seconds: float) -> Generator[bytes]:
        """Return the lines of one streamed answer, as they come, without any retry.

        Raises:
            ApiException: The server refused.
            HTTPError: It is away, or the connection broke.
        """
        return _lines(self._call("GET", path, query, None, "", (_CONNECT_SECONDS, read_seconds)))

    def is_passing(self, error: ApiException) -> bool:
        """Say whether the same call may go well later: the server is busy, or takes another token by now."""
        return error.status in _PASSING or (error.status == UNAUTHORIZED and self._known)

    def retried(self, call: Callable[[], Result], patience_seconds: float | None = None) -> Result:
        """Make a call, again and again while the server is away or busy.

        Raises:
            ClusterError: It refused, or was away for longer than the patience.
        """
        patience = self.patience_seconds if patience_seconds is None else patience_seconds
        limit, pause = time.monotonic() + patience, _FIRST_PAUSE
        while True:
            asked = 0.0
            try:
                return call()
            except ApiException as error:
                asked = asked_pause(error)
                if not self.is_passing(error) or time.monotonic() + max(pause, asked) > limit:
                    raise refused(error, self.address) from error
            except UNREACHABLE as error:
                if time.monotonic() + pause > limit:
                    raise away(self.address, patience, error) from error
            time.sleep(max(asked, pause * random.uniform(0.8, 1.2)))  # noqa: S311 - not a secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        patience_seconds: float | None = None,
    ) -> Object:
        return self.retried(
            lambda: self._once(method, path, query or {}, body, content_type), patience_seconds
        )

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        answer = self._call(method, path, query, body, content_type, (_CONNECT_SECONDS, _READ_SECONDS))
        try:
            return dict(json.loads(answer.data))
        except ValueError as error:  # a proxy's own words
            raise HTTPError(f"an answer that is no JSON: {answer.data[:80]!r}") from error

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        content_type: str,
        times: tuple[float, float],
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if body else {})
        answer: urllib3.BaseHTTPResponse = self._client.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=times,
        )
        self._known = True
        return answer


def asked_pause(error: Exception) -> float:
    """Return the seconds that a refusal asks to wait (``Retry-After``), a minute at most; 0 for none."""
    headers = getattr(error, "headers", None) or {}
    text = str(headers.get("Retry-After") or "")
    return min(float(text), _LONGEST_ASKED_PAUSE) if text.isascii() and text.isdigit() else 0.0


def refused(error: ApiException, address: str) -> ClusterError:
    """Say what the server did not want, in its own words."""
    try:
        message = json.loads(error.body)["message"]
    except (ValueError, TypeError, KeyError):
        message = error.reason or "no reason given"
    fix = ""
    if error.status == FORBIDDEN and " cannot " in message:  # not a quota's or a webhook's refusal
        fix = "; give the launcher's service account this right (docs/launching.md)"
    if error.status == UNAUTHORIZED:
        fix = "; the launcher's credentials are not taken: look at the step's service account, or log in anew"
    return ClusterError(f"cluster {address} answered {error.status}: {message}{fix}", int(error.status or 0))


def away(address: str, seconds: float, error: BaseException) -> ClusterError:
    """Say that the server was away for too long."""
    cause = " ".join(str(error).split())[:200]
    return ClusterError(
        f"cluster {address}: no answer for {seconds:.0f} s ({cause}); the training job may still run, the "
        "same step started again finds it"
    )


def _lines(answer: urllib3.BaseHTTPResponse) -> Generator[bytes]:
    rest = b""
    try:
        for chunk in answer.stream(amt=None, decode_content=False):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
        if rest:
            yield rest
    finally:
        answer.close()
        answer.release_conn()
