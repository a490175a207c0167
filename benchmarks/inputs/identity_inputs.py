"""Person records for the benchmark of identity, with their truth: the sandbox's own, and people as FEBRL has them.

`python -m benchmarks.inputs.identity_inputs FOLDER PERSONS DAYS` makes a sandbox under `FOLDER/lake`, lands it, builds
its person records as a run does, and writes `records.parquet` and `truth.parquet`; which rows stand behind a record is
asked of the very SQL that made it.
"""

import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.catalogue.tables import PERSON_RECORDS

SEED = 7


def write_sandbox(folder: Path, persons: int, days: int) -> None:
    """Write the records and the truth of a new world; the process must have `folder / "lake"` as its LAKE_HOME."""
    from benchmarks.measured.our_run import land, stage
    from contracts.settings import load_settings
    from infra.sandbox.truth.identity_truth import person_truth
    from infra.sandbox.world import create
    from lake.sql.connections import connect
    from lake.tables import scan

    root = load_settings().sources_root
    create(root, persons=persons, days=days, seed=SEED)
    land()
    stage()
    rows = rows_behind_records()
    with connect() as connection:
        records = connection.sql(
            f"""select * rename (person_record_id as record_id)
                from {scan(PERSON_RECORDS)} order by record_id"""
        ).to_arrow_table()
    pq.write_table(records, folder / "records.parquet")
    pq.write_table(person_truth(records, rows, root), folder / "truth.parquet")


def rows_behind_records() -> pa.Table:
    """`record_id`, `row_id` of the lake's person records, by the compiled SQL of the models that they come from."""
    from dbt_project.registry import register_lake
    from dbt_project.runner import run_dbt, target_path
    from lake.sql.connections import connect

    run_dbt("compile", select="path:models/staging")
    models = {path.stem: path.read_text() for path in (target_path() / "compiled").glob("**/models/staging/*/*.sql")}
    identified = sorted(name for name in models if name.endswith("__identified"))
    with connect() as connection:
        register_lake(connection)
        for name in [*sorted(name for name in models if name.startswith("stg_")), *identified]:
            connection.execute(f"create view staging.{name} as {models[name]}")
        selects = [
            f"select distinct person_record_id as record_id, record_id as row_id from staging.{name}"
            for name in identified
        ]
        return connection.sql(" union all ".join(selects)).to_arrow_table()


def cut(folder: Path, size: int, to: Path) -> None:
    """The records of so many people that there are `size`: no one's records are parted."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"""copy (
                select r.* from '{folder}/records.parquet' r join '{folder}/truth.parquet' t using (record_id)
                order by hash(coalesce(truth, record_id)), record_id limit {size}) to '{to}'"""
        )


def write_people(folder: Path, size: int) -> None:
    """`size` records of two thirds as many people, with names and places of FEBRL 4, and their truth.

    What is no name or place is drawn anew, so that a million people can be distinguished: house numbers, birth dates
    and national ids. A duplicate keeps a value in 80 of 100 cases, else it is missing, lacks a letter, has a wrong one
    or two that changed places; in 3 of 100 the names are swapped. The same size gives the same records.
    """
    from infra.worlds import febrl

    people = size * 2 // 3
    pool = febrl.read(4)[0]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("pool", pool)
        connection.execute(
            """create table originals as select row_number() over (order by record_id) - 1 as place, *,
                   regexp_replace(street, '^[0-9]+ ', '') as road from pool where record_id like '%-org'"""
        )

        def drawn(column: str, salt: int) -> str:
            return f"(select list({column} order by place) from originals)[(1 + hash(person, {salt}) % 5000)::int]"

        connection.execute(
            f"""create table people as
                select person, {drawn("given_name", 1)} as given_name, {drawn("family_name", 2)} as family_name,
                    strftime(date '1925-01-01' + (hash(person, 3) % 29000)::int, '%Y-%m-%d') as birth_date,
                    (100000000 + hash(person, 4) % 900000000)::varchar as national_id,
                    (1 + hash(person, 5) % 300)::varchar || ' ' || {drawn("road", 6)} as street,
                    {drawn("city", 7)} as city, {drawn("region", 7)} as region, {drawn("postcode", 7)} as postcode
                from (select unnest(range({people})) as person)"""
        )
        fields = ("given_name", "family_name", "birth_date", "national_id", "street", "city", "postcode")
        typed = ", ".join(f"{_typed(name, salt)} as {name}" for salt, name in enumerate(fields, start=10))
        connection.execute(
            f"""create table given as
                select number, p.* from (
                    select number, case when number < {people} then number else hash(number, 8) % {people} end as person
                    from (select unnest(range({size})) as number))
                join people p using (person)"""
        )
        record_id = "'r' || lpad(number::varchar, 8, '0') as record_id"
        connection.execute(
            f"copy (select {record_id}, 'p' || person as truth from given) to '{folder / 'truth.parquet'}'"
        )
        connection.execute(
            f"""copy (
                with swapped as (
                    select * replace (
                        case when number >= {people} and hash(number, 9) % 100 < 3 then family_name else given_name end
                            as given_name,
                        case when number >= {people} and hash(number, 9) % 100 < 3 then given_name else family_name end
                            as family_name)
                    from given)
                select {record_id}, 'register' as source,
                    timestamptz '2026-01-01 00:00:00+00' as updated_at, 'AU' as country, region,
                    {typed.replace("DOUBLE", f"number >= {people}")}
                from swapped order by hash(number, 99)) to '{folder / "records.parquet"}'"""
        )


def _typed(name: str, salt: int) -> str:
    """SQL of a value as it was typed once more, where the record is a DOUBLE."""
    at = f"(1 + hash(number, {salt}, 1) % greatest(1, length({name}) - 1))::int"
    letter = f"chr((97 + hash(number, {salt}, 2) % 26)::int)" if name not in ("birth_date", "national_id") else "'7'"
    return f"""case
        when not DOUBLE or hash(number, {salt}) % 100 >= 20 then {name}
        when hash(number, {salt}) % 100 < 5 then null
        when hash(number, {salt}) % 100 < 10 then {name}[:{at} - 1] || {name}[{at} + 1:]
        when hash(number, {salt}) % 100 < 15 then {name}[:{at} - 1] || {letter} || {name}[{at} + 1:]
        else {name}[:{at} - 1] || {name}[{at} + 1] || {name}[{at}] || {name}[{at} + 2:] end"""


if __name__ == "__main__":
    write_sandbox(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
