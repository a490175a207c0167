"""Which records a run must look at when some are new, changed or deleted: whole neighbourhoods, found by their keys.

A record bears on others by a value that both show, by a tie, or by making a key crowded or a value shared by too many.
So the new records' keys are counted among all, their candidates are judged, and the neighbourhoods that they reach are
resolved again (`neighbourhoods` says why the result is that of a full run; a property test checks it).

The tables are those of `identity.links.tables`.
"""

import duckdb

from identity.links.tables import FRESH, GONE, HELD, REACHED, SHOWN, SIZES_AFTER
from identity.matching.engine import short_hash
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import MAX_LOOSE, MAX_PROFILES
from lake.sql.scratch import Computation, ScratchTable

#: Keys of the records that changed, in their old and in their new form.
_ASKED = ScratchTable("asked", {"key": "BIGINT"})
#: Sizes of the keys in question as the index has them.
_SIZES_BEFORE = ScratchTable("sizes_before", dict(SIZES_AFTER.columns))
#: Keys that passed a limit, in either direction.
_CROSSED = ScratchTable("crossed", {"key": "BIGINT"})
_FIND_REACHED = Computation(
    "find the neighbourhoods that changes reach",
    reads=(HELD, FRESH, GONE),
    makes=(SHOWN, SIZES_AFTER, REACHED),
    inner=(_ASKED, _SIZES_BEFORE, _CROSSED),
)
_LIMITS = sorted(set(rules.MAX_RECORDS.values()))


def _shown_sql() -> str:
    """SQL of the rows of `SHOWN`. Everything else reads these instead of all keys of all records."""
    columns = "person_record_id, name, profile, is_somebody, key"
    return f"""
        select {columns}, neighbourhood, true as is_held,
               person_record_id not in (select person_record_id from gone) as is_staying
        from (select *, unnest(keys) as key from held) semi join (select key from asked) using (key)
        union all by name
        select {columns}, cast(null as bigint) as neighbourhood, false as is_held, true as is_staying
        from (select *, unnest(keys) as key from fresh) semi join (select key from asked) using (key)"""


def _sizes_sql(condition: str) -> str:
    """SQL: key, records, names, profiles of the keys in `SHOWN`; also of each crowded key by name."""
    return f"""
        with chosen as (select * from shown where {condition}),
        whole as (
            select key, count(*) as records, count(distinct name) as names,
                   count(distinct profile) filter (is_somebody) as profiles
            from chosen group by key),
        by_name as (
            select {short_hash("key", "name")} as key, count(*) as records, 1 as names,
                   count(distinct profile) filter (is_somebody) as profiles
            from chosen semi join (select key from whole where profiles > {MAX_PROFILES}) using (key)
            where name is not null group by key, name)
        select * from whole union all select * from by_name"""


def find_reached(con: duckdb.DuckDBPyConnection) -> None:
    """Make `SHOWN`, `SIZES_AFTER` and `REACHED`, but for what ties reach (`candidates_sql` are judged for that)."""
    crossed = " or ".join(
        [f"(coalesce(b.names, 0) > {rules.MAX_NAMES}) <> (coalesce(a.names, 0) > {rules.MAX_NAMES})"]
        + [f"(coalesce(b.records, 0) > {most}) <> (coalesce(a.records, 0) > {most})" for most in _LIMITS]
        + [
            f"(coalesce(b.profiles, 0) > {most}) <> (coalesce(a.profiles, 0) > {most})"
            for most in (MAX_LOOSE, MAX_PROFILES)
        ]
    )
    with _FIND_REACHED.on(con) as step:
        step.make(
            _ASKED,
            """select distinct unnest(keys) as key from fresh
               union select distinct unnest(keys) from held semi join gone using (person_record_id)""",
        )
        step.make(SHOWN, _shown_sql())
        step.make(_SIZES_BEFORE, _sizes_sql("is_held"))
        step.make(SIZES_AFTER, _sizes_sql("is_staying"))
        step.make(_CROSSED, f"select key from sizes_before b full join sizes_after a using (key) where {crossed}")
        step.make(
            REACHED,
            f"""select neighbourhood from held semi join gone using (person_record_id)
                union
                -- a key that became crowded, or is so no longer
                select neighbourhood from shown where is_held
                    and (key in (from crossed) or {short_hash("key", "name")} in (from crossed))
                union
                -- whoever shows a value that a fresh record shows, unless too many do
                select neighbourhood from shown where is_held and key in (
                    select key from (select distinct unnest(value_keys) as key from fresh) join sizes_after using (key)
                    where names <= {rules.MAX_NAMES} and records <= {_LIMITS[-1]})""",
        )


def candidates_sql() -> str:
    """SQL of the rows of `CANDIDATES`: ids of records to be compared for ties, of neighbourhoods not yet reached."""
    return f"""
        with loose as (select distinct unnest(loose_keys) as key from fresh),
        open_keys as (
            select key from sizes_after left join (select key, true as is_loose from loose) using (key)
            where profiles between 2 and case when is_loose then {MAX_LOOSE} else {MAX_PROFILES} end),
        fresh_keys as (select person_record_id, name, key from shown where not is_held and is_somebody),
        held_keys as (
            select person_record_id, name, key from shown anti join reached using (neighbourhood)
            where is_held and is_staying and is_somebody),
        whole as (
            select f.person_record_id as fresh, h.person_record_id as held
            from fresh_keys f join held_keys h using (key) where key in (from open_keys)),
        by_name as (
            select f.person_record_id as fresh, h.person_record_id as held
            from fresh_keys f join held_keys h using (key, name) anti join loose using (key)
            where {short_hash("key", "name")} in (from open_keys))
        select distinct fresh, held from (from whole union all from by_name)"""
