"""A proxy on loopback that cuts connections in the middle of an answer."""

import contextlib
import socket
import threading


class CuttingProxy:
    """Relays to an endpoint; closes one that has brought ``budget`` bytes, at most ``cuts`` times."""

    def __init__(self, endpoint: str, budget: int, cuts: int, on_cut=lambda: None) -> None:
        self.target = ("127.0.0.1", int(endpoint.rpartition(":")[2]))
        self.budget, self.cuts, self.on_cut = budget, cuts, on_cut
        self.brought = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self.target)
                threading.Thread(target=self._relay, args=(near, far, None), daemon=True).start()
                threading.Thread(target=self._relay, args=(far, near, self.budget), daemon=True).start()

    def _relay(self, source, sink, budget):
        with contextlib.suppress(OSError), source, sink:
            while block := source.recv(1 << 14):
                if budget is not None and self.cuts > 0 and len(block) > budget:
                    sink.sendall(block[:budget])
                    self.cuts -= 1
                    self.on_cut()
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(block)
                if budget is not None:
                    budget -= len(block)
                    self.brought += len(block)
