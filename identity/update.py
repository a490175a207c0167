"""The identity step of a run: `identity/person_records` -> `identity/person_links` and `identity/person_events`.

One commit of person_links holds a run whole: its rows, the version of person_records that it read and the clock. The
events are a function of that commit and the one before, so a crash between the two tables is repaired by the next run,
which writes the missing events before anything else. A run also writes the index (`identity.links.incremental`), the
queue of reviews and the figures of quality; labels and models are written when people give them.

`person_records -> person_links, person_events, ops/identity_runs` · `python -m identity.update`
"""

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.catalogue.tables import (
    IDENTITY_RUNS,
    PERSON_EVENTS,
    PERSON_LABELS,
    PERSON_LINKS,
    PERSON_MODELS,
    PERSON_RECORDS,
)
from contracts.logical_types import TIMESTAMP
from identity.links import link_history
from identity.links.incremental import Resolved, resolve_lake, write_index
from identity.links.matcher_columns import from_matcher, to_matcher
from identity.links.new_links import resolve
from identity.links.person_ids import PREVIOUS, Mint
from identity.matching.pairs.person_model import PersonModel
from identity.matching.person_records import RecordsError
from identity.matching.unlabelled import without_labels
from identity.quality.figures import check_against_labels
from identity.review.labels import read_labels
from identity.review.queue import plan_reviews
from identity.review.trained_models import lake_model
from lake import clock
from lake.crash_points import crash_point
from lake.landing_state import as_metadata, read_state
from lake.sql.connections import connect
from lake.tables import open_table, scan, table_version
from lake.writer import Commit, append, merge, table_lock

#: Raise when rules change, so that lakes resolve again although no record is new.
MATCHER = "model-3"


@dataclass(frozen=True)
class IdentityResult:
    """What a run did. `state`: `updated`, `unchanged` (resolved, same graph) or `skipped` (nothing new to read)."""

    state: str
    records: int = 0
    persons: int = 0
    links_opened: int = 0
    links_closed: int = 0
    births: int = 0
    merges: int = 0
    splits: int = 0
    moves: int = 0
    ends: int = 0
    values_guarded: int = 0
    seconds: float = 0.0


def update_identity(*, mint: Mint | None = None) -> IdentityResult:
    """Bring links and events up to date with person_records; writes nothing where nothing changed.

    Raises:
        RecordsError: there are no person records yet, or they cannot be used.
        PrecisionError: the matcher is below the agreed precision on what people labelled; nothing is published.
    """
    started = time.monotonic()
    with table_lock(PERSON_LINKS):
        records_table = open_table(PERSON_RECORDS)
        if records_table is None:
            raise RecordsError(f"there is no table {PERSON_RECORDS}", cure="build it first: lake run")
        # Taken before the rows are read: rows that come in between are read again next time, never missed.
        read = (
            f"{MATCHER}/{records_table.metadata().id}@{records_table.version()}"
            f"/{table_version(PERSON_LABELS)}/{table_version(PERSON_MODELS)}"
        )
        state = read_state(PERSON_LINKS)
        _write_missing_events(state)
        if read in (state.get("read"), read_state(IDENTITY_RUNS).get("read")):
            return IdentityResult("skipped", seconds=time.monotonic() - started)
        return _update(_Inputs(read, state=state, labels=read_labels(), model=lake_model(), mint=mint, started=started))


@dataclass(frozen=True)
class _Inputs:
    """What a run starts from.

    Attributes:
        read: names the matcher and the versions of all that the run reads.
        state: that of the last run that wrote links; empty before the first.
        started: `time.monotonic()` at its start.
    """

    read: str
    state: dict[str, Any]
    labels: pa.Table
    model: PersonModel
    mint: Mint | None
    started: float


def _update(inputs: _Inputs) -> IdentityResult:
    records = f"select * from {scan(PERSON_RECORDS)}"
    resolved = resolve_lake(records, inputs.labels, inputs.model, made_by=_made_by(inputs.model))
    try:
        return _publish(resolved, inputs)
    finally:
        resolved.index.sweep()


def _publish(resolved: Resolved, inputs: _Inputs) -> IdentityResult:
    matching, state = resolved.matching, inputs.state
    moment = link_history.Moment.of(clock.now(), _moment(state.get("at")), _moment(state.get("first_at")))
    run = int(state.get("run", -1)) + 1
    # Before anything is written: a run that is stopped here leaves everything as it was, and is done again.
    unlabelled = from_matcher(without_labels(to_matcher(resolved.near_labels), matching.statistics, model=inputs.model))
    history = _read_history(resolved.looked_at)
    links = from_matcher(resolve(matching, previous=_previous(history), taken=_taken(history), mint=inputs.mint))
    changes = link_history.next_links(history, links=links, known=_known(resolved.looked_at), moment=moment)
    persons = _persons(history, links)
    queue = plan_reviews(from_matcher(matching.reviews), at=moment.now, run=run, among=resolved.looked_at)
    check_against_labels(unlabelled, inputs.labels, run=run, persons=persons, open_reviews=queue.open)
    queue.write()
    totals = {"records": _records(), "persons": persons, "values_guarded": matching.guarded.num_rows}
    if changes.num_rows == 0 and state:
        write_index(resolved)
        result = IdentityResult("unchanged", **totals, seconds=time.monotonic() - inputs.started)
        _write_run(result, read=inputs.read, guarded=matching.guarded, made_by=resolved.made_by)
        return result
    before = open_table(PERSON_LINKS)
    written = {
        "run": run,
        "read": inputs.read,
        "matcher": MATCHER,
        "at": moment.now.isoformat(),
        "first_at": state.get("first_at") or moment.now.isoformat(),
        "is_backfilled": moment.closed_until is None,
        "version_before": None if before is None else before.version(),
    }
    merge(PERSON_LINKS, changes, ["person_record_id", "valid_from"], commit=Commit(metadata=as_metadata(written)))
    crash_point("identity.between_links_and_events")
    events = _write_missing_events(written, _open(history), links)
    crash_point("identity.before_index")
    write_index(resolved)
    counts = _count(events)
    result = IdentityResult(
        "updated",
        **totals,
        links_opened=changes["valid_to"].null_count,
        links_closed=changes.num_rows - changes["valid_to"].null_count,
        births=counts.get("birth", 0),
        merges=counts.get("merge", 0),
        splits=counts.get("split", 0),
        moves=counts.get("move", 0),
        ends=counts.get("end", 0),
        seconds=time.monotonic() - inputs.started,
    )
    _write_run(result, read=inputs.read, guarded=matching.guarded, made_by=resolved.made_by)
    return result


def _made_by(model: PersonModel) -> str:
    """The matcher, its model and the engine whose hashes the index holds: another one looks at everything again."""
    return f"{MATCHER}/{model.version}/{duckdb.__version__}"


def _query(sql: str, **tables: pa.Table) -> pa.Table:
    """Rows of the lake; `tables` can be read by their names."""
    with connect() as con:
        for name, table in tables.items():
            con.register(name, table)
        return con.sql(sql).to_arrow_table()


def _known(looked_at: pa.Array | None) -> pa.Table:
    """When each record was known (`known_at` where the table has it, else `updated_at`)."""
    records = open_table(PERSON_RECORDS)
    assert records is not None
    known_column = "known_at" if "known_at" in {field.name for field in records.schema().fields} else "updated_at"
    moments = _among(looked_at, f"select person_record_id, {known_column} as known_at from {scan(PERSON_RECORDS)}")
    return moments.cast(pa.schema([("person_record_id", pa.string()), ("known_at", TIMESTAMP)]))


def _records() -> int:
    return int(_query(f"select count(*) as records from {scan(PERSON_RECORDS)}")["records"][0].as_py())


def _persons(history: pa.Table | None, links: pa.Table) -> int:
    """Persons in the whole lake: those of the looked-at records by their new links, all others by the stored ones."""
    persons = len(links["person_id"].unique())
    if history is None:
        return persons
    others = _query(
        f"""select count(distinct person_id) as persons from {scan(PERSON_LINKS)} where valid_to is null
            and person_id not in (select person_id from history where valid_to is null)""",
        history=history,
    )
    return persons + int(others["persons"][0].as_py())


def _among(looked_at: pa.Array | None, sql: str) -> pa.Table:
    """Rows of the records that are looked at, all where `looked_at` is None."""
    if looked_at is None:
        return _query(sql)
    return _query(
        f"{sql} semi join looked_at using (person_record_id)", looked_at=pa.table({"person_record_id": looked_at})
    )


def _read_history(looked_at: pa.Array | None) -> pa.Table | None:
    """The stored links of the records that are looked at; None before the first run."""
    if open_table(PERSON_LINKS) is None:
        return None
    links = _among(looked_at, f"select * from {scan(PERSON_LINKS)}")
    return links.select(link_history.HISTORY.names).cast(link_history.HISTORY)


def _open(history: pa.Table | None) -> pa.Table | None:
    return None if history is None else history.filter(pc.is_null(history["valid_to"]))


def _previous(history: pa.Table | None) -> pa.Table | None:
    if history is None:
        return None
    return _query(
        f"""with present as (select person_record_id, person_id from history where valid_to is null),
                born as (
                    select person_id, min(valid_from) as born_at from {scan(PERSON_LINKS)}
                    where person_id in (select person_id from present) group by person_id)
            select person_record_id as record_id, person_id, born_at from present join born using (person_id)""",
        history=history,
    ).cast(PREVIOUS)


def _taken(history: pa.Table | None) -> pa.Array | None:
    """Every id that was ever given out: the events also name those whose links were replaced within one moment."""
    if history is None:
        return None
    ids = f"select person_id from {scan(PERSON_LINKS)}"
    if open_table(PERSON_EVENTS) is not None:
        ids += f" union all select person_id from {scan(PERSON_EVENTS)}"
    return _query(ids)["person_id"].combine_chunks()


def _write_missing_events(
    state: dict[str, Any], open_before: pa.Table | None = None, open_after: pa.Table | None = None
) -> pa.Table | None:
    """Append the events of the last run unless the table has them; also those that a run that died here did not write.

    Args:
        open_before, open_after: the open links of the records that the run looked at; where they are not given, they
            are read from the versions of person_links before and after that run.
    """
    if not state:
        return None
    commit = Commit(app_id=PERSON_EVENTS, batch=state["run"])
    if commit.already_in(open_table(PERSON_EVENTS)):
        return None
    if open_after is None:
        open_before = None if state["version_before"] is None else _open_links(state["version_before"])
        open_after = _open_links(None)
    events = link_history.events(
        open_before,
        open_after,
        run=state["run"],
        at=datetime.fromisoformat(state["at"]),
        is_backfilled=state["is_backfilled"],
    )
    append(PERSON_EVENTS, events, commit=commit)
    return events


def _open_links(version: int | None) -> pa.Table:
    table = open_table(PERSON_LINKS, version)
    assert table is not None
    columns = ["person_record_id", "person_id", "valid_to"]
    if columns[0] not in {field.name for field in table.schema().fields}:
        columns[0] = "record_id"  # the version before the lake was migrated to layout 3
    rows = table.to_pyarrow_table(columns=columns).rename_columns(["person_record_id", "person_id", "valid_to"])
    return rows.filter(pc.is_null(rows["valid_to"]))


def _write_run(result: IdentityResult, *, read: str, guarded: pa.Table, made_by: str) -> None:
    """One row per run that resolved, in a table that an idle run may change; it holds no value of anybody.

    `guarded` has the kind, the size and one record of each value that was left out, never the value.
    """
    row: dict[str, Any] = {
        "ran_at": clock.now(),
        "matcher": made_by,
        **asdict(result),
        "guarded": guarded.slice(0, 100).to_pylist(),
    }
    schema = pa.schema(
        [
            ("ran_at", TIMESTAMP),
            ("matcher", pa.string()),
            *((name, pa.string() if name == "state" else pa.int64()) for name in asdict(result) if name != "seconds"),
            ("seconds", pa.float64()),
            ("guarded", pa.list_(pa.struct(list(guarded.schema)))),
        ]
    )
    append(
        IDENTITY_RUNS, pa.Table.from_pylist([row], schema=schema), commit=Commit(metadata=as_metadata({"read": read}))
    )


def _count(events: pa.Table | None) -> dict[str, int]:
    if events is None:
        return {}
    return {item["values"]: item["counts"] for item in events["event_type"].value_counts().to_pylist()}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


if __name__ == "__main__":
    print(update_identity())
