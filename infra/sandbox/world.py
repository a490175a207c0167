"""Make the simulated company, and let time pass in it.

`create` makes everything under a temporary name and renames it last. `advance` releases one day at a time: files under
temporary names, databases in one transaction, the truth, and at the very end the clock; killed anywhere, it is run
again and comes to the same state. What a day brings depends only on the seed and the day.
"""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from contracts.contract_file import Contract, Entity
from contracts.errors import LakeError
from infra.sandbox.life.simulate import Progress, World, live, pending
from infra.sandbox.rows import waiting_rows, writers
from infra.sandbox.rows.draw import DAY
from infra.sandbox.rows.troubles import plan
from infra.sandbox.systems import simulated_contracts
from infra.sandbox.truth import planted, write
from lake.crash_points import crash_point

WORLD_END = date(2026, 7, 1)
#: Where a test may stop the process (`LAKE_CRASH_AT`), in the order of a day.
CRASH_POINTS = ("sandbox.stretch_lived", "sandbox.half_delivered", "sandbox.truth_written", "sandbox.day_passed")
_EPOCH = date(1970, 1, 1)


class SandboxError(LakeError):
    """The sandbox cannot be made or moved as asked."""

    exit_code = 2


def create(root: Path, persons: int = 2000, days: int = 180, seed: int = 7, progress: Progress | None = None) -> None:
    """Make the nine systems and the truth under `root`, which must not hold a sandbox yet.

    The world ends with 2026-06-30; its clock stands at the midnight after. `progress(text, share)` hears of each step.
    """
    if persons < 1 or days < 1:
        raise SandboxError(f"{persons} persons x {days} days make no world", cure="give at least one of each")
    if (root / "clock.json").exists():
        raise SandboxError(f"{root} holds a sandbox already", cure="delete the folder to make another")
    end = (WORLD_END - _EPOCH).days
    world = World(persons=persons, days=days, seed=seed, end=end * DAY)
    if root.exists() and any(root.iterdir()):
        raise SandboxError(f"{root} holds something else", cure="empty the folder, or choose another LAKE_HOME")
    temporary = root.with_name(f".{root.name}.making")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise SandboxError(
            f"{temporary} cannot be made: {error.strerror}", cure="choose a LAKE_HOME you may write to"
        ) from None
    planned = plan(seed, world.start, world.end)
    live(world, root=temporary, stretch=0, planned=planned, progress=progress)
    first = world.start // DAY
    with _workshop(temporary) as connection, write.Ledger(temporary / "truth") as ledger:
        for place, contract in enumerate(simulated_contracts()):
            if progress:
                progress(f"{contract.source} is written", place / 9)
            if contract.server("embedded").format == "sqlite":
                _fill_database(connection, root=temporary, contract=contract, ledger=ledger, first=first, end=end)
            else:
                for entity in contract.entities.values():
                    _place(temporary, contract, entity)
                    for table in waiting_rows.days(
                        connection, folders=[pending(temporary, 0)], entity=entity, first=first, end=end
                    ):
                        _deliver(connection, root=temporary, contract=contract, entity=entity, table=table)
                        ledger.add(write.as_records(entity, table))
        ledger.save()
        waiting_rows.keep_from(connection, pending(temporary, 0), end)
    writers.replace_file(
        temporary / "truth" / "effects.json",
        json.dumps(planted.document(world, planned, temporary / "truth"), indent=2, ensure_ascii=False).encode(),
    )
    writers.replace_file(temporary / "truth" / "world.json", json.dumps(asdict(world)).encode())
    _set_clock(temporary, WORLD_END)
    if root.exists():
        root.rmdir()
    temporary.rename(root)


def advance(root: Path, days: int = 1, progress: Progress | None = None) -> None:
    """Let days pass: new rows, late ones, corrections, duplicates; from the first day on, one entity has a new
    column.
    """
    if days < 1:
        raise SandboxError(f"{days} days cannot pass", cure="give at least one day")
    _clock(root)
    if not (root / "truth" / "world.json").exists():
        raise SandboxError(
            f"{root} holds a world of real data; its days do not pass", cure="make a sandbox: lake sandbox create"
        )
    with _alone(root):
        _pass(root, days, progress)


def _pass(root: Path, days: int, progress: Progress | None) -> None:
    clock = _clock(root)
    world = World(**json.loads((root / "truth" / "world.json").read_text()))
    now = (datetime.fromisoformat(clock["now"]).date() - _EPOCH).days
    # A call that was killed is finished by the next one: what a database shows counts from where that one began.
    since = clock.get("advancing_since", now)
    for day in range(now, now + days):
        if progress:
            progress(f"{_EPOCH + timedelta(days=day)} passes", (day - now) / days)
        is_last = day == now + days - 1
        _release(root, world=world, day=day, since=since)
        _set_clock(root, _EPOCH + timedelta(days=day + 1), advancing_since=None if is_last else since)
        crash_point("sandbox.day_passed")


def _release(root: Path, *, world: World, day: int, since: int) -> None:
    """Everything that the sources deliver on one day."""
    planned = plan(world.seed, world.start, world.end)
    stretch = world.stretch_of(day)
    for earlier in range(1, stretch + 1):
        live(world, root=root, stretch=earlier, planned=planned)
    crash_point("sandbox.stretch_lived")
    folders = [pending(root, number) for number in range(stretch + 1)]
    with _workshop(root) as connection, write.Ledger(root / "truth") as ledger:
        for earlier_records in write.earlier_records(root / "truth", databases_before=since, others_before=day):
            ledger.add(earlier_records)
        for place, contract in enumerate(simulated_contracts()):
            if place == 5:
                crash_point("sandbox.half_delivered")
            if contract.server("embedded").format == "sqlite":
                _update_database(connection, root=root, contract=contract, folders=folders, day=day)
                for entity in contract.entities.values():
                    for table in waiting_rows.last_versions(
                        connection, folders=folders, entity=entity, first=since, end=day + 1
                    ):
                        ledger.add(write.as_records(entity, table))
            else:
                for entity in contract.entities.values():
                    for table in waiting_rows.days(connection, folders=folders, entity=entity, first=day, end=day + 1):
                        _deliver(
                            connection,
                            root=root,
                            contract=contract,
                            entity=entity,
                            table=planted.with_new_column(connection, entity, table),
                        )
                        ledger.add(write.as_records(entity, table))
        ledger.save()
    crash_point("sandbox.truth_written")


def _place(root: Path, contract: Contract, entity: Entity) -> Path:
    """Where an entity is delivered: its drop folder, or the file behind the API, which is there without rows too."""
    if contract.server("embedded").type != "api":
        place = root / contract.source / entity.physical_name.partition("/")[0]
        place.mkdir(parents=True, exist_ok=True)
        return place
    place = root / contract.source / f"{entity.name}.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    return place


def _deliver(
    connection: duckdb.DuckDBPyConnection, *, root: Path, contract: Contract, entity: Entity, table: pa.Table
) -> None:
    """Write whole days of an entity to where its readers look."""
    server, place = contract.server("embedded"), _place(root, contract, entity)
    if server.type == "api":
        lines = writers.json_lines(connection, table)
        _append(place, _committed(root).get(entity.name), writers.text_of(lines, 0, len(lines)))
    else:
        writers.write_days(connection, table=table, entity=entity, folder=place, file_format=server.format or "jsonl")


def _append(path: Path, committed: int | None, content: bytes) -> None:
    """Append after what the clock vouches for; what a killed run left behind that is cut off."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        if committed is not None:
            file.truncate(committed)
        file.seek(0, os.SEEK_END)
        file.write(content)


def _fill_database(
    connection: duckdb.DuckDBPyConnection, *, root: Path, contract: Contract, ledger: write.Ledger, first: int, end: int
) -> None:
    with _database(root, contract) as database:
        database.execute("pragma synchronous = off")
        database.execute("pragma journal_mode = off")
        writers.create_tables(database, contract.entities.values())
        for entity in contract.entities.values():
            for table in waiting_rows.last_versions(
                connection, folders=[pending(root, 0)], entity=entity, first=first, end=end
            ):
                writers.insert_rows(connection, database=database, table=table, entity=entity)
                ledger.add(write.as_records(entity, table))
        writers.create_indexes(database, contract.entities.values())
        database.commit()


def _update_database(
    connection: duckdb.DuckDBPyConnection, *, root: Path, contract: Contract, folders: list[Path], day: int
) -> None:
    """One transaction per database and day; rows that are there already are replaced by themselves."""
    with _database(root, contract) as database:
        for entity in contract.entities.values():
            for table in waiting_rows.last_versions(connection, folders=folders, entity=entity, first=day, end=day + 1):
                writers.insert_rows(connection, database=database, table=table, entity=entity)
        database.commit()


def _database(root: Path, contract: Contract) -> "contextlib.closing[sqlite3.Connection]":
    path = root / (contract.server("embedded").path or f"{contract.source}/{contract.source}.db")
    path.parent.mkdir(parents=True, exist_ok=True)
    return contextlib.closing(sqlite3.connect(path))


@contextlib.contextmanager
def _workshop(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection for the making: memory bounded, spilling below the sandbox."""
    spill = root / ".spill"
    with duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(spill)}) as connection:
        connection.execute("set autoinstall_known_extensions = false; set TimeZone = 'UTC'")
        yield connection
    shutil.rmtree(spill, ignore_errors=True)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Days pass in one process at a time."""
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clock(root: Path) -> dict[str, Any]:
    path = root / "clock.json"
    if not path.exists():
        raise SandboxError(f"there is no sandbox in {root}", cure="make one: lake sandbox create")
    stored: dict[str, Any] = json.loads(path.read_text())
    return stored


def _committed(root: Path) -> dict[str, int]:
    """Bytes of the survey system's files that belong to days that have passed."""
    path = root / "clock.json"
    return dict(json.loads(path.read_text()).get("survey_bytes", {})) if path.exists() else {}


def _set_clock(root: Path, today: date, advancing_since: int | None = None) -> None:
    """Move the clock: the last thing that a day does."""
    sizes = {path.stem: path.stat().st_size for path in sorted((root / "voice_of_customer").glob("*.jsonl"))}
    clock: dict[str, object] = {
        "now": datetime(today.year, today.month, today.day, tzinfo=UTC).isoformat(),
        "survey_bytes": sizes,
    }
    if advancing_since is not None:
        clock["advancing_since"] = advancing_since
    writers.replace_file(root / "clock.json", json.dumps(clock).encode())
