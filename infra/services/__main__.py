"""Run the servers around the sandbox until interrupted: `python -m infra.services`.

How the lake finds them is written to `LAKE_HOME/services.env` (mode 600, gone at the end):
`set -a; . .lake/services.env; set +a; lake run`. The devices' last day is sent once the lake has subscribed, so it
lands with the run after the first.
"""

import signal
import sys
import threading
from pathlib import Path

from contracts.errors import LakeError
from contracts.settings import load_settings
from infra.services.servers import ServiceError
from infra.services.stand_in import serve


def main() -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    settings = load_settings()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    environment_file = settings.home / "services.env"
    try:
        if not (settings.sources_root / "clock.json").exists():
            raise ServiceError(f"there is no sandbox in {settings.sources_root}", cure="make one: lake sandbox create")
        with serve(settings.sources_root) as stand_in:
            write_environment(environment_file, stand_in.environment)
            print(f"the servers run; how to find them: {environment_file}", flush=True)
            stand_in.watch(stop)
    except LakeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    finally:
        environment_file.unlink(missing_ok=True)
    return 0


def write_environment(path: Path, environment: dict[str, str]) -> None:
    """Write variables as a shell reads them, for the owner only: they hold a password."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in sorted(environment.items())))


if __name__ == "__main__":
    sys.exit(main())
