"""Land one source from the shell, without an orchestrator: `python -m ingestion SOURCE [--full-refresh]`.

Exit codes: 0 everything landed, 1 something did not, 2 wrong usage.
"""

import sys

from contracts.contract_file import load_contract
from contracts.errors import LakeError
from contracts.wording import many
from ingestion.landing.land import land_source


def run(source: str, *, full_refresh: bool) -> int:
    """Land one source, print what came of it, and return the exit code."""
    try:
        load_contract(source)
        result = land_source(source, full_refresh=full_refresh, progress=print)
    except LakeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    counts = result.counts
    print(
        f"{source}: {result.state}; {counts.received:,} received = {counts.landed:,} landed"
        f" + {counts.quarantined:,} quarantined + {many(counts.doubled, 'duplicate')}, in {result.seconds:.1f} s"
    )
    for entity in result.entities:
        for trouble in entity.troubles:
            print(f"{trouble.place}: {trouble.message}\n  cure: {trouble.cure}", file=sys.stderr)
    return 0 if result.error is None else 1


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--full-refresh"]
    if len(names) != 1:
        print("usage: python -m ingestion SOURCE [--full-refresh]", file=sys.stderr)
        sys.exit(2)
    sys.exit(run(names[0], full_refresh="--full-refresh" in sys.argv[1:]))
