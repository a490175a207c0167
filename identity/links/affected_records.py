"""Which records a run must look at when some are new, changed or deleted: whole neighbourhoods, found by their keys.

A record bears on others by a value that both show, by a tie, or by making a key crowded or a value shared by too many.
So the new records' keys are counted among all, their candidates are judged, and the neighbourhoods that they reach are
resolved again (`neighbourhoods` says why the result is that of a full run; a property test checks it).

Tables read: `held` (the index's columns `LIGHT`), `fresh` (the same of records that are new or changed, and
`value_keys`, `loose_keys`), `gone` (ids that are no longer as they were). Made: `shown` (the keys in question, see
`keys_of`), `sizes_before`, `sizes_after` of them, `crossed` (keys that passed a limit), `reached` (neighbourhood).
"""

import duckdb

from identity.matching.engine import short_hash
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import MAX_LOOSE, MAX_PROFILES

_LIMITS = sorted(set(rules.MAX_RECORDS.values()))


def keys_of(con: duckdb.DuckDBPyConnection, name: str, wanted: str) -> None:
    """Table `name`: one row per key of `wanted` and record, held (`is_held`, with its neighbourhood) or fresh.

    `is_staying`: whether the held record is as it was. Everything else reads this instead of all keys of all records.
    """
    columns = "person_record_id, name, profile, is_somebody, key"
    con.execute(
        f"""create table {name} as
            select {columns}, neighbourhood, true as is_held,
                   person_record_id not in (select person_record_id from gone) as is_staying
            from (select *, unnest(keys) as key from held) semi join (select key from {wanted}) using (key)
            union all by name
            select {columns}, cast(null as bigint) as neighbourhood, false as is_held, true as is_staying
            from (select *, unnest(keys) as key from fresh) semi join (select key from {wanted}) using (key)"""
    )


def sizes_sql(shown: str, condition: str) -> str:
    """SQL: key, records, names, profiles of the keys in a table of `keys_of`; also of each crowded key by name."""
    return f"""
        with chosen as (select * from {shown} where {condition}),
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
    """Tables `shown`, `sizes_after` and `reached`, but for what ties reach (`candidates_sql` are judged for that)."""
    con.execute(
        """create table asked as
           select distinct unnest(keys) as key from fresh
           union select distinct unnest(keys) from held semi join gone using (person_record_id)"""
    )
    keys_of(con, "shown", "asked")
    con.execute(f"create table sizes_before as {sizes_sql('shown', 'is_held')}")
    con.execute(f"create table sizes_after as {sizes_sql('shown', 'is_staying')}")
    crossed = " or ".join(
        [f"(coalesce(b.names, 0) > {rules.MAX_NAMES}) <> (coalesce(a.names, 0) > {rules.MAX_NAMES})"]
        + [f"(coalesce(b.records, 0) > {most}) <> (coalesce(a.records, 0) > {most})" for most in _LIMITS]
        + [
            f"(coalesce(b.profiles, 0) > {most}) <> (coalesce(a.profiles, 0) > {most})"
            for most in (MAX_LOOSE, MAX_PROFILES)
        ]
    )
    con.execute(
        f"create table crossed as select key from sizes_before b full join sizes_after a using (key) where {crossed}"
    )
    con.execute(
        f"""create table reached as
            select neighbourhood from held semi join gone using (person_record_id)
            union
            -- a key that became crowded, or is so no longer
            select neighbourhood from shown where is_held
                and (key in (from crossed) or {short_hash("key", "name")} in (from crossed))
            union
            -- whoever shows a value that a fresh record shows, unless too many do
            select neighbourhood from shown where is_held and key in (
                select key from (select distinct unnest(value_keys) as key from fresh) join sizes_after using (key)
                where names <= {rules.MAX_NAMES} and records <= {_LIMITS[-1]})"""
    )


def candidates_sql() -> str:
    """SQL: fresh, held: ids of records to be compared for ties, of neighbourhoods not yet reached."""
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
