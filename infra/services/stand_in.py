"""All servers around one sandbox, as `LAKE_SERVICES=1` wants them: started, filled and kept up to date."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.services import databases, live
from infra.services.servers import Services, running

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class StandIn:
    """The servers of one sandbox, and how the lake finds them.

    `environment` holds the `LAKE_*` variables: set them before the settings are read.
    """

    root: Path
    services: Services
    environment: dict[str, str]

    def reload(self) -> None:
        """Bring PostgreSQL up to date after the sandbox has advanced."""
        databases.load(self.root, self.services.postgresql or "")

    def publish(self) -> int:
        """Send the devices' last day over the broker; number of messages. Who has not subscribed by now misses them."""
        return live.publish_day(live.hold_back_last_day(self.root), self.services.mqtt or "")

    def watch(self, stop: threading.Event) -> None:
        """Until `stop`: follow the sandbox's clock, and send each last day once somebody has subscribed."""
        last_clock, unsent = self._clock(), True
        while not stop.wait(_POLL_SECONDS):
            if (now := self._clock()) != last_clock:
                last_clock, unsent = now, True
                live.hold_back_last_day(self.root)
                self.reload()
            if unsent and live.subscriptions(self.services.mqtt or "") > 0:
                self.publish()
                unsent = False

    def _clock(self) -> str:
        return (self.root / "clock.json").read_text()


@contextmanager
def serve(root: Path) -> Iterator[StandIn]:
    """Start PostgreSQL, Mosquitto and Redis for the sandbox in `root`, filled; stop them at the end."""
    with running() as services:
        addresses = databases.load(root, services.postgresql or "")
        live.hold_back_last_day(root)
        environment = {f"LAKE_SOURCE_{source.upper()}_URL": address for source, address in addresses.items()}
        environment[f"LAKE_SOURCE_{live.SOURCE.upper()}_URL"] = services.mqtt or ""
        environment |= {"LAKE_SERVICES": "1", "LAKE_REDIS_URL": services.redis or ""}
        yield StandIn(root, services, environment)
