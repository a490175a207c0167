"""Serves the quality portal's folder, and nothing else of the lake, over HTTP."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.errors import LakeError
from web.portal.render import portal_path


class PortTakenError(LakeError):
    """The portal's port cannot be had."""

    exit_code = 2


class _Quiet(SimpleHTTPRequestHandler):
    """Reads only; tells nobody who read what."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page built anew is seen at the next load
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(404, "the portal has not been built yet: lake quality build")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who leaves before the page has arrived is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def portal_server(*, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server that is bound but does not serve yet; port 0 takes a free one.

    Raises:
        PortTakenError: something else listens there.
    """
    folder = portal_path().parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _Server((host, port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise PortTakenError(
            f"cannot listen on {host}:{port} ({error.strerror})", cure="give another port, or stop what listens there"
        ) from None
