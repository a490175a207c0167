"""Land one source from the shell, without an orchestrator.

`python -m ingestion.alone <source>`, or `python -m ingestion.sources.<source>` for one that has a package.
"""

import sys

from ingestion.contract import load_contract
from lake.errors import LakeError


def run(package: str) -> None:
    """Land the source whose package is run and print what came of it; exit 0, 1 (not all landed) or 2 (wrong usage)."""
    from ingestion.landing import land_source

    source = package.rpartition(".")[2]
    try:
        load_contract(source)
        result = land_source(source, full_refresh="--full-refresh" in sys.argv[1:], progress=print)
    except LakeError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    counts = result.counts
    print(
        f"{source}: {result.state}; {counts.received} received = {counts.landed} landed"
        f" + {counts.quarantined} quarantined + {counts.doubled} doubled, in {result.seconds:.1f} s"
    )
    for entity in result.entities:
        for trouble in entity.troubles:
            print(f"{trouble.place}: {trouble.message}\n  cure: {trouble.cure}", file=sys.stderr)
    sys.exit(0 if result.error is None else 1)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("usage: python -m ingestion.alone SOURCE [--full-refresh]", file=sys.stderr)
        sys.exit(2)
    run(sys.argv[1])
