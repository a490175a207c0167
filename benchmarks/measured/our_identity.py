"""Our own matcher, as a process of its own that can be measured: `python -m benchmarks.measured.our_identity WAY …`.

resolve RECORDS LINKS [--rules]   records -> links, without a lake (`--rules`: the rules alone, no model)
load RECORDS FROM TO              rows FROM..TO of a file into the lake's person records
update                            what a run does: normalise, match, cluster, ids, links and ledger into the lake
links LINKS                       the lake's links as a file
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import duckdb
import pyarrow.parquet as pq


def resolve_file(records: str, links: str, *, by_rules_only: bool) -> None:
    """Who each record of a file is."""
    from identity.links.new_links import resolve
    from identity.matching.resolve import match

    person_records = pq.read_table(records)
    pq.write_table(resolve(match(person_records, by_rules_only=by_rules_only)), links)


def load(records: str, first: int, last: int) -> None:
    """Append rows of a file to the person records, as dbt's materialization writes them."""
    from contracts.catalogue.tables import PERSON_RECORDS
    from lake.writer import append

    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.sql(
            f"select * rename (record_id as person_record_id) from '{records}' limit {last - first} offset {first}"
        ).to_arrow_reader(100_000)
        append(
            PERSON_RECORDS, rows, configuration={"delta.dataSkippingStatsColumns": "person_record_id,source,updated_at"}
        )


def write_links(to: str) -> None:
    """The links that hold now."""
    from contracts.catalogue.tables import PERSON_LINKS
    from lake.sql.connections import connect
    from lake.tables import scan

    with connect() as connection:
        query = f"select person_record_id as record_id, person_id from {scan(PERSON_LINKS)} where valid_to is null"
        connection.execute(f"copy ({query}) to '{Path(to)}'")


def main(arguments: Sequence[str]) -> None:
    """Run one way; `update` prints what it did."""
    way, *rest = arguments
    if way == "resolve":
        resolve_file(rest[0], rest[1], by_rules_only="--rules" in rest)
    elif way == "load":
        load(rest[0], int(rest[1]), int(rest[2]))
    elif way == "links":
        write_links(rest[0])
    else:
        from identity.update import update_identity

        print(json.dumps(asdict(update_identity())))


if __name__ == "__main__":
    main(sys.argv[1:])
