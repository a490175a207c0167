"""`python -m web.person [--host 127.0.0.1] [--port 8090]`: the page alone, as `lake up` starts it."""

import argparse
import sys

from contracts.errors import LakeError
from web.person.serve import serve


def port(text: str) -> int:
    """The number of a port."""
    number = int(text)
    if not 1 <= number <= 65_535:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m web.person")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; others are rejected")
    parser.add_argument("--port", type=port, default=None, help="default LAKE_PORT_PERSON, else 8090")
    arguments = parser.parse_args()
    try:
        serve(arguments.host, arguments.port)
    except LakeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
