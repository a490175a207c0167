"""When runs start by themselves: the job, a run each day, a run when files were dropped. And what all steps share."""

import hashlib
import json
from pathlib import Path

import dagster as dg

from contracts.contract_file import Contract, load_contracts
from contracts.settings import load_settings
from orchestration.session import Session

JOB = "lake"

job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    description="Bring the whole lake up to date. What did not change is skipped. `lake run` runs this job.",
    tags={"lake/job": "whole"},
)

daily = dg.ScheduleDefinition(
    name="every_day",
    job=job,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day, after the day's drops: windows of features move with the day even where nothing is new.",
)


@dg.sensor(
    name="new_drops",
    job=job,
    minimum_interval_seconds=60,
    # Off until somebody turns it on: with it on, `lake run` by hand would race with the runs it starts.
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Looks into the drop folders each minute; the cursor is what they held when a run was last asked for.",
)
def new_drops(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run where a folder holds other files than at the last request."""
    listings = {contract.source: _listing(contract) for contract in load_contracts() if _is_dropped(contract)}
    before = json.loads(context.cursor) if context.cursor else {}
    moved = sorted(source for source, listing in listings.items() if before.get(source) != listing)
    if not moved:
        return dg.SkipReason(f"nothing new in the folders of {', '.join(sorted(listings)) or 'any source'}")
    context.update_cursor(json.dumps(listings, sort_keys=True))
    key = hashlib.sha256(json.dumps(listings, sort_keys=True).encode()).hexdigest()
    return dg.RunRequest(run_key=key, tags={"lake/new_in": ",".join(moved)})


@dg.definitions
def automation() -> dg.Definitions:
    """The job, its schedule and its sensor. Steps take turns in one process, since each may use the whole machine."""
    return dg.Definitions(
        jobs=[job],
        schedules=[daily],
        sensors=[new_drops],
        executor=dg.in_process_executor,
        resources={"session": Session.configure_at_launch()},
    )


def _folder(contract: Contract) -> Path:
    server = contract.server("services" if load_settings().services else "embedded")
    return load_settings().sources_root / (server.path or contract.source)


def _is_dropped(contract: Contract) -> bool:
    return _folder(contract).is_dir() and any("*" in entity.physical_name for entity in contract.entities.values())


def _listing(contract: Contract) -> str:
    """A digest of names and sizes: cheap, and a file that is replaced by a longer one counts as new."""
    folder = _folder(contract)
    files = sorted(
        (str(path.relative_to(folder)), path.stat().st_size)
        for entity in contract.entities.values()
        for path in folder.glob(entity.physical_name)
    )
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
