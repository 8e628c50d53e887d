"""A proxy on loopback, in front of a bucket server, that does what networks and busy servers do."""

import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Operation = Literal["GET", "LIST", "HEAD", "PUT", "PART", "BEGIN", "COMPLETE", "DELETE", "ABORT"]
Kind = Literal[
    "reset",  # the connection, before the store hears of the request
    "lost",  # the connection is reset when the store has done it, before the answer
    "cut",  # the connection is reset in the middle of the answer
    "truncate",  # the answer ends in the middle, though its Content-Length is that of the whole
    "shorten",  # the answer is a part, and so says its Content-Length
    "flip",  # one bit of the answer's body is another
    "delay",  # the answer comes after `seconds`
    "busy",  # 503 SlowDown
    "deny",  # 403 AccessDenied
    "skewed",  # 403 RequestTimeTooSkewed
    "upload",  # the connection is reset to both sides in the middle of the request's body
]
_ANSWERS = {
    "busy": (503, "SlowDown", "Please reduce your request rate."),
    "deny": (403, "AccessDenied", "Access Denied"),
    "skewed": (403, "RequestTimeTooSkewed", "The difference between request time and current time is big."),
}
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


@dataclass
class Fault:
    """What goes wrong.

    Args:
        kind: See above.
        operation: Of which requests; None: of all.
        key: What their path holds.
        skip: So many of them pass first.
        times: So many are hit; None: all.
        share: Of those, at random.
        at: Where a body breaks, in bytes; None: in its middle.
        seconds: Of a delay.
    """

    kind: Kind
    operation: Operation | None = None
    key: str = ""
    skip: int = 0
    times: int | None = 1
    share: float = 1.0
    at: int | None = None
    seconds: float = 0.0


class FaultProxy:
    """Relays HTTP to a store, but for the requests that a fault hits; the first one that fits counts.

    Args:
        endpoint: URL of the store.
        faults: A list that may be changed meanwhile.
        seed: Of the random shares.
        on_fault: Called at each fault.
    """

    def __init__(
        self, endpoint: str, *faults: Fault, seed: int = 0, on_fault: Callable = lambda: None
    ) -> None:
        self.store = urlsplit(endpoint).netloc
        self.faults: list[Fault]
        self.hits: list[tuple[Operation, str, Kind]]
        self.seen: list[tuple[Operation, str]]
        self.brought: int  # bytes of answers' bodies
        self.bring(*faults, seed=seed, on_fault=on_fault)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def bring(self, *faults: Fault, seed: int = 0, on_fault: Callable = lambda: None) -> "FaultProxy":
        """Begin anew with other faults."""
        self.faults, self.on_fault, self._random = list(faults), on_fault, random.Random(seed)
        self.brought, self.hits, self.seen = 0, [], []
        return self

    def choose(self, operation: Operation, path: str) -> Fault | None:
        with self._lock:
            self.seen.append((operation, path))
            fault = next((each for each in self.faults if self._fits(each, operation, path)), None)
            if fault:
                self.hits.append((operation, path, fault.kind))
        if fault:
            self.on_fault()
        return fault

    def _fits(self, fault: Fault, operation: Operation, path: str) -> bool:
        if fault.operation not in (None, operation) or fault.key not in path or fault.times == 0:
            return False
        if fault.skip:
            fault.skip -= 1
            return False
        if self._random.random() >= fault.share:
            return False
        if fault.times is not None:
            fault.times -= 1
        return True


def hasten(monkeypatch) -> None:
    """Shorten the time-outs of requests and the pauses between their attempts."""
    from botocore.retries.standard import ExponentialBackoff

    from kubepresso.storage import resuming, s3

    monkeypatch.setattr(resuming, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(s3, "READ_TIMEOUT_SECONDS", 0.7)
    monkeypatch.setattr(s3, "PROBE_TIMEOUT_SECONDS", 0.7)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.01)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.to_reset: set[socket.socket] = set()

    def shutdown_request(self, request) -> None:
        if request in self.to_reset:  # without the FIN that an orderly end sends first
            self.to_reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """Say nothing of clients that are gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: FaultProxy

    def relay(self) -> None:
        operation = _operation(self.command, self.path)
        fault = self.proxy.choose(operation, self.path)
        kind = fault.kind if fault else None
        length = int(self.headers.get("Content-Length") or 0)
        if kind == "reset":
            return self.reset()
        if kind == "upload":
            return self.break_upload(length, fault.at)
        body = self.rfile.read(length)
        if kind in _ANSWERS:
            return self.refuse(*_ANSWERS[kind])
        if kind == "delay":
            time.sleep(fault.seconds)
        status, headers, content = self.ask(body)
        if kind == "lost":
            return self.reset()
        return self.answer(status, headers, content, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay

    def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        with contextlib.closing(http.client.HTTPConnection(self.proxy.store, timeout=60)) as store:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            store.request(self.command, self.path, body or None, headers)
            answer = store.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            content = answer.read()
            if self.command == "HEAD":
                kept.append(("Content-Length", answer.headers.get("Content-Length", "0")))
            return answer.status, kept, content

    def answer(self, status: int, headers: list, content: bytes, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        at = len(content) // 2 if fault is None or fault.at is None else min(fault.at, len(content))
        if kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        if kind == "shorten":
            content = content[:at]
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        part = content[:at] if kind in ("cut", "truncate") else content
        self.wfile.write(part)
        self.proxy.brought += len(part)
        if kind == "cut":
            time.sleep(0.05)  # a reset overtakes what is on its way
            self.reset()
        self.close_connection = self.close_connection or kind == "truncate"

    def refuse(self, status: int, code: str, message: str) -> None:
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self.answer(
            status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else text, None
        )

    def break_upload(self, length: int, at: int | None) -> None:
        head = "".join(
            f"{name}: {value}\r\n" for name, value in self.headers.items() if name.lower() != "expect"
        )
        host, _, port = self.proxy.store.partition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 10) as store:
            store.sendall(f"{self.command} {self.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
            store.sendall(self.rfile.read(length // 2 if at is None else at))
            store.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.reset()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.to_reset.add(self.connection)
        self.close_connection = True

    def log_message(self, *arguments) -> None:
        """Say nothing."""


def _operation(method: str, path: str) -> Operation:
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    if method == "GET":
        return "LIST" if "list-type" in query else "GET"
    if method == "POST":
        return "BEGIN" if "uploads" in query else "COMPLETE"
    if method == "PUT":
        return "PART" if "partNumber" in query else "PUT"
    if method == "DELETE":
        return "ABORT" if "uploadId" in query else "DELETE"
    return "HEAD"
