"""A line to an S3 store that breaks after a commit has reached it: the put is done, its answer never comes."""

import http.client
import itertools
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

#: Of so many puts into a Delta log, the answer of one is cut off.
ONE_OF = 3


def serve(port: int, store: str, report: str) -> None:
    """Pass requests on to a store, cutting answers off; the number of those is kept in the file `report`."""
    place = urlsplit(store)
    puts, cut = itertools.count(1), itertools.count(1)

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            onward = http.client.HTTPConnection(place.hostname or "", place.port)
            onward.request(self.command, self.path, body, dict(self.headers))
            answer = onward.getresponse()
            content = answer.read()
            is_commit = self.command == "PUT" and "/_delta_log/" in self.path and answer.status == http.client.OK
            if is_commit and next(puts) % ONE_OF == 0:
                Path(report).write_text(str(next(cut)))
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            onward.close()

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on

        def log_message(self, *_: object) -> None:
            pass

    class Lines(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hung up."""

    Lines(("127.0.0.1", port), Line).serve_forever()
