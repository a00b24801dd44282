"""The service on a socket: started, kept from waiting for ever, and ended in order."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiart_edge.errors import AiartError
from aiart_edge.service.guard import App

if TYPE_CHECKING:
    import asyncio

    import uvicorn

HEAD = 10.0  # seconds in which a connection must ask something
_MOST_CONNECTIONS = 256
_LAST = 25  # seconds for what is in flight when the end comes


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Args:
        host: an address or a name.
        port: 0 for any that is free.

    Returns:
        The socket.

    Raises:
        AiartError: it is busy, or not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        why = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise AiartError(f"{host} port {port} cannot be listened on ({why})") from error


def make_server(app: App, tls: tuple[Path, Path] | None = None) -> uvicorn.Server:
    """Make what answers on a socket.

    Args:
        app: answers.
        tls: the files of a certificate and its key. Default: in the clear.

    Returns:
        A server, to be run.

    Raises:
        AiartError: the certificate cannot be used.
    """
    import uvicorn  # noqa: PLC0415  an extra

    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        http=_make_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # what strangers do is no news
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_LAST,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:  # an SSLError is one
        why = error.strerror or error
        raise AiartError(f"{certificate}: the certificate cannot be used ({why})") from error
    return uvicorn.Server(config)


def run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Answer until SIGTERM or Ctrl-C, and then what is in flight.

    Args:
        server: to be run.
        listening: where.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # uvicorn raises anew what it was ended by
        server.run([listening])


def _make_protocol() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415  an extra

    class Impatient(H11Protocol):
        """Ends a connection on which the head of a request is long in coming."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._look_at(None)

        def connection_lost(self, exc: Exception | None) -> None:
            self._next_look.cancel()  # it would keep all this in memory
            super().connection_lost(exc)

        def _look_at(self, before: Any) -> None:
            is_idle = self.cycle is None or self.cycle.response_complete
            if is_idle and before is not None and before[0] is self.cycle:
                self.transport.close()
            else:
                self._next_look = self.loop.call_later(HEAD, self._look_at, (self.cycle,))

    return Impatient
