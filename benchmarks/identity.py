"""Identity: who is found and what it costs, against other ways and bare Splink on the same records.

Accuracy is that of one shipped model with one threshold on every set, in one run with our rules alone, plain Splink and
the best exact-match rule. In the sandbox much of the truth shows in no value: there, recall is of the evident pairs
(`infra/sandbox/truth/identity_truth.py`), and F1 of all true pairs is reported with that of exactly the evident ones.

The physical limit of the speed is scoring the pairs and joining them: bare Splink with a trained model, from a Parquet
file to a Parquet file. Ours does all a run does: read Delta, normalise, match, cluster, ids, links and ledger into the
lake. Records are people as FEBRL has them (named, with slips of typing: the model has work) and the sandbox's (mostly
nameless views). Processes of their own, in turn, the best of two (`--quick`: one, and 20,000 records, where starting
costs more than matching). Of 1 % new records the reference is the full run.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure, main, say

SANDBOX_GOAL, FEBRL_GOAL = 0.99, 0.996
#: A larger world lives fewer days: 200,000 people of 30 days leave 735,000 records, of 180 days 1.8 million.
WORLDS = {"sandbox of 2,000": (2_000, 180), "sandbox of 200,000": (200_000, 30)}
CUT = 200_000


def measure(quick: bool) -> Sequence[Figure]:
    """Make the sets, hold every way against the truth, then time ours and Splink in turn."""
    # As a script, this file stands first on the path, under the name of the room `identity`.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    with tempfile.TemporaryDirectory(prefix="lake-bench-") as name:
        return [*_accuracy(Path(name), quick), *_costs(Path(name), quick)]


def _accuracy(folder: Path, quick: bool) -> list[Figure]:
    from benchmarks import identity_accuracy
    from benchmarks.identity_speed import process
    from infra.worlds import febrl

    figures: list[Figure] = []
    for name, (persons, days) in list(WORLDS.items())[: 1 if quick else None]:
        (folder / name).mkdir()
        say(f"{name}: {persons:,} people live through {days} days")
        process(
            [sys.executable, "-m", "benchmarks.inputs.identity_inputs", folder / name, persons, days], folder / name
        )
        scores = identity_accuracy.compare(name, folder / name)
        figures += identity_accuracy.figures(name, scores=scores, folder=folder / name, goal=SANDBOX_GOAL)
    for number in (1, 2) if quick else (1, 2, 3, 4):
        place = folder / f"FEBRL {number}"
        febrl.write(number, place)
        scores = identity_accuracy.compare(place.name, place)
        # The goal is for 1 and 2; the model was never shown 3 and 4.
        figures += identity_accuracy.figures(
            place.name, scores=scores, folder=place, goal=FEBRL_GOAL if number < 3 else None
        )
    return figures


def _costs(folder: Path, quick: bool) -> list[Figure]:
    from benchmarks.identity_speed import speed
    from benchmarks.inputs import identity_inputs

    figures: list[Figure] = []
    sizes, times = ((20_000,), 1) if quick else ((200_000, 1_000_000), 2)
    for size in sizes:
        people = folder / f"people-{size}"
        people.mkdir()
        identity_inputs.write_people(people, size)
        figures += speed(f"{size:,} people records", people, size, times=times, is_followed=size == sizes[-1])
    if not quick:
        cut = folder / "cut"
        cut.mkdir()
        identity_inputs.cut(folder / "sandbox of 200,000", CUT, cut / "records.parquet")
        figures += speed(f"{CUT:,} sandbox records", cut, CUT, times=times, is_followed=False)
    return figures


if __name__ == "__main__":
    main(measure)
