"""Runs a page's server on loopback: bound before it serves, stopped by a signal or by another thread."""

import logging
from threading import Event
from types import TracebackType

import uvicorn

from web.loopback import listen
from web.loopback_guard import Application


class LoopbackServer:
    """A server that has its port but does not answer yet. Leaving its `with` frees the port.

    Requests are not logged: who looked at whose file is in `ops/access_log`.
    """

    def __init__(self, app: Application, *, host: str, port: int, what: str) -> None:
        self._socket = listen(host, port, what=what)
        self.server_port: int = self._socket.getsockname()[1]
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._is_over = Event()

    def serve_forever(self) -> None:
        """Answer until `shutdown` or, in the main thread, until a signal asks the process to end."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._is_over.set()

    def shutdown(self) -> None:
        """Let another thread's `serve_forever` end, and wait for it."""
        self._server.should_exit = True
        self._is_over.wait(timeout=10)

    def __enter__(self) -> "LoopbackServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()
