"""The history of who was who: links with validity, and births, merges and splits of persons. Pure functions on tables.

A link holds from the moment its cause was known (the newest `known_at` among the records that are new in its group),
but never from a moment that a run has closed: what the graph was at any moment before the last run's clock stays as
it is for ever, so that training frames can be made again. `identity.update` writes the tables.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from contracts.logical_types import TIMESTAMP
from identity.matching.engine import scratch
from lake.sql.scratch import Computation, ScratchTable

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
HISTORY = pa.schema(
    [
        ("person_record_id", pa.string()),
        ("person_id", pa.string()),
        ("match_kind", pa.string()),
        ("match_strength", pa.float64()),
        ("valid_from", TIMESTAMP),
        ("valid_to", TIMESTAMP),
        ("is_backfilled", pa.bool_()),
    ]
)
EVENTS = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_type", pa.string()),
        ("person_id", pa.string()),
        ("other_person_id", pa.string()),
        ("records", pa.int64()),
        ("event_at", TIMESTAMP),
        ("run", pa.int64()),
        ("is_backfilled", pa.bool_()),
    ]
)

_HISTORY = ScratchTable.of_schema("history", HISTORY)
_LINKS = ScratchTable(
    "links",
    {"person_record_id": "VARCHAR", "person_id": "VARCHAR", "match_kind": "VARCHAR", "match_strength": "DOUBLE"},
)
_KNOWN = ScratchTable("known", {"person_record_id": "VARCHAR", "known_at": "TIMESTAMP WITH TIME ZONE"})
_OPEN_LINKS = ScratchTable("open_links", dict(_HISTORY.columns))
#: Records that are new or whose link changed, with the link as it was (null: none).
_CHANGED = ScratchTable(
    "changed",
    {
        **_LINKS.columns, "valid_from": "TIMESTAMP WITH TIME ZONE", "old_person_id": "VARCHAR", "old_kind": "VARCHAR",
        "old_strength": "DOUBLE", "old_from": "TIMESTAMP WITH TIME ZONE", "old_backfilled": "BOOLEAN",
    },
)  # fmt: skip
_NEXT_LINKS = Computation(
    "find the links that a run changes", reads=(_HISTORY, _LINKS, _KNOWN), inner=(_OPEN_LINKS, _CHANGED)
)
_BEFORE = ScratchTable("before", {"person_record_id": "VARCHAR", "person_id": "VARCHAR"})
_AFTER = ScratchTable("after", dict(_BEFORE.columns))
_FIND_EVENTS = Computation("find what a run did to persons", reads=(_BEFORE, _AFTER))


@dataclass(frozen=True)
class Moment:
    """When a run happens in the ledger.

    Attributes:
        now: the lake's clock, not before `closed_until`.
        closed_until: the clock of the last run; nothing at or before it changes. None at the first run.
    """

    now: datetime
    closed_until: datetime | None

    @staticmethod
    def of(now: datetime, last: datetime | None, first: datetime | None) -> "Moment":
        """The moment of a run at `now`, after a last and a first one (None: there was none).

        As long as the clock has not moved since the first run, the first load is still going on (sources may come
        one by one), and what it brings holds for all earlier moments as well. A clock that was set back stands still.
        """
        if last is None or first is None or (now <= last == first):
            return Moment(now if last is None else max(now, last), None)
        return Moment(max(now, last), last)

    @property
    def earliest(self) -> datetime:
        """The first moment that this run may still write."""
        if self.closed_until is None:
            return BEGINNING
        return min(self.closed_until + timedelta(microseconds=1), self.now)


def next_links(history: pa.Table | None, *, links: pa.Table, known: pa.Table, moment: Moment) -> pa.Table:
    """The rows of the history that a run adds or changes, to be merged on (person_record_id, valid_from).

    Args:
        history: `HISTORY` as it is; None or empty before the first run.
        links: `LINKS`, the graph as it should be from now on.
        known: person_record_id, known_at (null where unknown: now), of the records.
        moment: when the run happens.
    """
    is_first = moment.closed_until is None
    start = "?" if is_first else "least(greatest(coalesce(c.cause, ?), ?), ?)"
    times = [BEGINNING] if is_first else [moment.now, moment.earliest, moment.now]
    with scratch() as con:
        con.register("history", history if history is not None else HISTORY.empty_table())
        con.register("links", links)
        con.register("known", known.select(["person_record_id", "known_at"]))
        with _NEXT_LINKS.on(con) as step:
            step.make(_OPEN_LINKS, "select * from history where valid_to is null")
            step.make(
                _CHANGED,
                f"""with causes as (
                        select l.person_id, max(k.known_at) as cause
                        from links l anti join open_links o using (person_record_id)
                            join known k using (person_record_id)
                        group by l.person_id)
                    select l.person_record_id, l.person_id, l.match_kind, l.match_strength, {start} as valid_from,
                           o.person_id as old_person_id, o.match_kind as old_kind, o.match_strength as old_strength,
                           o.valid_from as old_from, o.is_backfilled as old_backfilled
                    from links l left join causes c using (person_id) left join open_links o using (person_record_id)
                    where o.person_record_id is null or o.person_id <> l.person_id or o.match_kind <> l.match_kind
                       or o.match_strength <> l.match_strength""",
                times,
            )
            changes = con.execute(
                """-- new records, and records that moved to another person or belong to the same for another reason
                   select person_record_id, person_id, match_kind, match_strength, valid_from,
                          cast(null as timestamptz) as valid_to, ? as is_backfilled
                   from changed
                   union all
                   -- the link that they leave; one that would have held for no time at all is replaced instead
                   select person_record_id, old_person_id, old_kind, old_strength, old_from, valid_from, old_backfilled
                   from changed where old_from < valid_from
                   union all
                   -- records that were deleted
                   select person_record_id, person_id, match_kind, match_strength, valid_from, greatest(?, valid_from),
                       is_backfilled
                   from open_links anti join links using (person_record_id)
                   order by person_record_id, valid_from""",
                [is_first, moment.now],
            ).to_arrow_table()
    return changes.cast(HISTORY)


def events(before: pa.Table | None, after: pa.Table, *, run: int, at: datetime, is_backfilled: bool) -> pa.Table:
    """What a run did to persons: `EVENTS`, a function of the open links before and after it.

    Both have person_record_id and person_id.

    birth: a new id. merge: `other_person_id` has no record any more, most of its records are now `person_id`'s. split:
    a new id took records of `other_person_id`. move: records went from one person to another who existed before, and
    both remain. end: the last of a person's records was deleted. `records` counts those concerned.
    """
    with scratch() as con:
        con.register("before", before if before is not None else HISTORY.empty_table())
        con.register("after", after)
        with _FIND_EVENTS.on(con):
            changes = con.execute(
                """with old_ids as (select person_id, count(*) as records from before group by person_id),
                        new_ids as (select person_id, count(*) as records from after group by person_id),
                        went as (
                            select b.person_id as source, a.person_id as target, count(*) as records,
                                min(b.person_record_id) as first_record
                            from before b join after a using (person_record_id) group by all),
                        flows as (
                            select source, target, w.records, t.person_id is null as is_new_target,
                                s.person_id is null as has_source_ended,
                                row_number() over (
                                    partition by source order by w.records desc, w.first_record) as place
                            from went w left join old_ids t on t.person_id = w.target
                                left join new_ids s on s.person_id = w.source),
                        all_changes as (
                            select 'birth' as event_type, person_id, cast(null as varchar) as other_person_id, records
                            from new_ids anti join old_ids using (person_id)
                            union all
                            select case when has_source_ended and place = 1 then 'merge' when is_new_target
                                then 'split' else 'move' end,
                                   target, source, records
                            from flows where source <> target
                            union all
                            select 'end', o.person_id, null, o.records
                            from old_ids o anti join new_ids n using (person_id)
                            where o.person_id not in (select source from went))
                   select concat_ws(':', 'run', ?, event_type, person_id, other_person_id) as event_id, event_type,
                       person_id,
                          other_person_id, records, cast(? as timestamptz) as event_at, ? as run, ? as is_backfilled
                   from all_changes order by event_type, person_id, other_person_id""",
                [run, at, run, is_backfilled],
            ).to_arrow_table()
    return changes.cast(EVENTS)
