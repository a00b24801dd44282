"""An object store as S3 is one, on the loopback, that fails as such stores do.

`python -m benchmarks.faulty_store` prints the URL of the store, and then that of a proxy before it,
whose first answer to each request is often none: 503 SlowDown, the connection reset in the middle,
or a while later. It ends with its standard input. A second request always gets what it asks for.
"""

from __future__ import annotations

import http.client
import logging
import socket
import struct
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_DELAY = 0.2  # seconds
_HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to a store, the first of each kind seldom as it should.

    Args:
        port: of the store.

    Attributes:
        seen: the requests that came already.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = port
        self.seen: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, FaultyProxy)
        fault = zlib.crc32(self.path.encode()) % 4 if self.path not in self.server.seen else 3
        self.server.seen.add(self.path)
        store = http.client.HTTPConnection("127.0.0.1", self.server.store)
        store.request("GET", self.path, headers=dict(self.headers))
        answer = store.getresponse()
        content = answer.read()
        store.close()
        if fault == 0:
            self._send(503, [], _SLOW_DOWN)
            return
        if fault == 1:
            time.sleep(_DELAY)
        headers = [pair for pair in answer.getheaders() if pair[0].lower() not in _HOP_BY_HOP]
        self._send(answer.status, headers, content, broken=fault == 2)  # noqa: PLR2004

    def _send(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, broken: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if broken else content)
        if broken:
            self.wfile.flush()
            at_once = struct.pack("ii", 1, 0)  # no end, but a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input ends."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    store.start()
    _, port = store.get_host_and_port()
    proxy = FaultyProxy(port)
    Thread(target=proxy.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{port}\nhttp://127.0.0.1:{proxy.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
