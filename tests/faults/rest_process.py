"""A paged API in a process of its own, which can be killed: `python rest_process.py PORT FILE` serves a file's lines.

`after` and `limit` as the cursor paging asks for them; an answer goes out in pieces, so that a cut falls into it.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PIECE_BYTES = 8 << 10


class Handler(BaseHTTPRequestHandler):
    """Answers with a page of the file's lines."""

    def do_GET(self) -> None:
        """One page."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        start, lines = int(query["after"][0] or 0), Path(sys.argv[2]).read_bytes().splitlines()
        end = min(start + int(query["limit"][0]), len(lines))
        following = json.dumps(str(end)) if end < len(lines) else "null"
        body = b'{"data": [%s], "next": %s, "cursor": "%d"}' % (b",".join(lines[start:end]), following.encode(), end)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(0, len(body), PIECE_BYTES):
            self.wfile.write(body[at : at + PIECE_BYTES])
            time.sleep(0.002)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
