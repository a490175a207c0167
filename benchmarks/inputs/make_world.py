"""Make a sandbox for a benchmark, in a process of its own: `python -m benchmarks.inputs.make_world ROOT PERSONS DAYS
SEED`.
"""

import json
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    from infra.sandbox.world import create

    started = time.perf_counter()
    create(Path(sys.argv[1]), persons=int(sys.argv[2]), days=int(sys.argv[3]), seed=int(sys.argv[4]))
    print(json.dumps({"seconds": time.perf_counter() - started}))
