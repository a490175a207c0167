"""An S3 store for tests: moto's server as a child process, its objects in memory and gone with it.

It obeys `If-None-Match`, the condition that Delta's commits in S3 rest on. Any key opens it.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from infra.services.processes import Process, answers, free_port

KEY_ID, KEY = "test-key", "test-key-of-nobody"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Start a store on a free loopback port and give its address.

    Raises:
        ServiceError: it does not come up.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    with tempfile.TemporaryDirectory(prefix="lake-s3-") as folder:
        server = Process(
            "the S3 stand-in", command=command, folder=Path(folder), user=None, is_ready=lambda: answers(port)
        )
        try:
            server.start()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()


def make_bucket(address: str, name: str) -> str:
    """Make an empty bucket; gives its URL."""
    httpx.put(f"{address}/{name}").raise_for_status()
    return f"s3://{name}"


def environment(address: str) -> dict[str, str]:
    """The variables by which the lake finds the store."""
    return {"LAKE_S3_ENDPOINT": address, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": KEY}
