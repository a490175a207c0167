"""What the lake may ask about a source root with a known truth: the sandbox, or a data set of `infra.worlds`.

Fulfils `runs.worlds.World`; the entry point is in pyproject.toml. What is heavy is imported where it is used, since
every `lake run` loads this module.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.settings import load_settings, source_url, temporary_environment
from runs.worlds import Accuracy, Finding

if TYPE_CHECKING:
    import pyarrow as pa

    from lake.landing_state import Counted

#: The source that the sandbox serves over HTTP, and the one whose last day comes live with `LAKE_SERVICES=1`.
SURVEYS, LIVE = "voice_of_customer", "devices"


class KnownWorld:
    """The source root of the settings. See `runs.worlds.World` for what each method promises."""

    @contextmanager
    def servers(self) -> Iterator[None]:
        """The survey system's API; with `LAKE_SERVICES=1` also PostgreSQL, Mosquitto and Redis."""
        root = load_settings().sources_root
        is_sandbox = (root / "clock.json").exists()
        with ExitStack() as stack:
            if is_sandbox and source_url(SURVEYS) is None and (root / SURVEYS).exists():
                from infra.sandbox.survey_api import serve

                address = stack.enter_context(serve(root))
                stack.enter_context(temporary_environment({f"LAKE_SOURCE_{SURVEYS.upper()}_URL": address}))
            if is_sandbox and load_settings().services and source_url(LIVE) is None:
                stack.enter_context(_services(root))
            yield

    def miscounted_entities(self, counters: "Iterable[Counted]") -> list[tuple[str, str]] | None:
        """Compared with `truth/produced.parquet`."""
        root = load_settings().sources_root
        if not (root / "truth" / "produced.parquet").exists():
            return None
        from infra.sandbox.truth.reconcile import differences

        return sorted({(row["source"], row["entity"]) for row in differences(root, counters).to_pylist()})

    def accuracy(self, read_events: "Callable[[], pa.Table]") -> Accuracy | None:
        """Compared with `truth/records.parquet`."""
        root = load_settings().sources_root
        if not (root / "truth" / "records.parquet").exists():
            return None
        from infra.sandbox.truth.score import from_record_ids, score

        scored = score(root, from_record_ids(read_events(), "event_id"))
        return Accuracy(
            true_persons=scored.true_persons,
            precision=scored.precision,
            recall=scored.recall,
            over_merged=scored.over_merged,
            split=scored.split,
        )

    def findings(self) -> Iterator[Finding]:
        """Whether the programs of `LAKE_SERVICES=1` are installed."""
        from infra.services.servers import missing

        lacking = missing()
        yield Finding(
            subject="services",
            is_ok=not lacking,
            found=", ".join(lacking) or "all there",
            cure=f"for LAKE_SERVICES=1: apt install {' '.join(lacking)}",
            is_needed=load_settings().services,
        )


@contextmanager
def _services(root: Path) -> Iterator[None]:
    """PostgreSQL, Mosquitto and Redis around the sandbox. A day of the devices is sent until a run has landed it."""
    from infra.services.live import hold_back_last_day
    from infra.services.stand_in import serve
    from ingestion.landing.land import has_new

    with serve(root) as stand_in, temporary_environment(stand_in.environment):
        day = max((path.name for path in hold_back_last_day(root).values()), default="")
        sent_day = root / LIVE / ".sent"
        if day and (not sent_day.exists() or sent_day.read_text() != day):
            _subscribe()
            stand_in.publish()
        yield
        if not has_new(LIVE):
            sent_day.write_text(day)


def _subscribe() -> None:
    """Subscribe every live connector: a broker keeps messages only for subscribers that it knows.

    `has_new` of the whole source would stop at the drops, which always have something at first.
    """
    from contracts.contract_file import load_contract
    from ingestion.connectors import connectors_for

    contract = load_contract(LIVE)
    for entity in contract.entities.values():
        for connector in connectors_for(contract, entity):
            try:
                if connector.is_live:
                    connector.has_new(None)
            finally:
                connector.close()
