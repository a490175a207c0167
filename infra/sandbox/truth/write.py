"""The truth about a world, kept apart in `truth/`: what was produced, about whom, and what was planted.

`records.parquet`   one row per produced row: source, entity, natural_key, person, row_kind, day
`produced.parquet`  rows, bad rows and exact duplicates per source, entity and day of delivery
`bad_rows.parquet`  every contract-breaking row with landing's reason code
`persons.parquet`, `journeys.parquet`, `cases.parquet`, `effects.json`   who people are, and what moved them

A database shows only the last version of a row; so what it "produced" is what a reader sees who comes after every
`create` and `advance`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.contract_file import Entity
from infra.sandbox.rows.contract_rows import KIND, PERSON, REASON, RELEASED, is_database
from infra.sandbox.rows.draw import Ints, numbered, only
from infra.sandbox.systems import simulated_contracts

RECORDS = pa.schema(
    [
        ("source", pa.string()),
        ("entity", pa.string()),
        ("natural_key", pa.string()),
        ("person", pa.string()),
        ("row_kind", pa.string()),
        ("day", pa.date32()),
    ]
)
BAD_ROWS = pa.schema([*RECORDS, ("reason", pa.string())])


def person_ids(number: Ints) -> pa.StringArray:
    """The truth's own ids of people, null for nobody."""
    return only(number >= 0, numbered("P", number, 8))


def as_records(entity: Entity, table: pa.Table) -> pa.Table:
    """The truth about produced rows, with the reason of bad ones."""
    size = table.num_rows
    keys = [table[name].combine_chunks().cast(pa.string()) for name in entity.primary_key]
    return pa.table(
        {
            "source": pa.repeat(pa.scalar(entity.source), size),
            "entity": pa.repeat(pa.scalar(entity.name), size),
            "natural_key": pc.binary_join_element_wise(*keys, "|"),
            "person": person_ids(table[PERSON].to_numpy()),
            "row_kind": table[KIND].combine_chunks(),
            "day": table[RELEASED].combine_chunks().cast(pa.date32()),
            "reason": table[REASON].combine_chunks(),
        },
        schema=BAD_ROWS,
    )


class Ledger:
    """Writes `records.parquet`, and counts on the way what `produced.parquet` and `bad_rows.parquet` say."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._beside = folder / ".records.parquet.tmp"
        self._writer = pq.ParquetWriter(self._beside, RECORDS, compression="zstd")
        self._counts: list[pa.Table] = []
        self._bad: list[pa.Table] = [BAD_ROWS.empty_table()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, records: pa.Table) -> None:
        """Note produced rows (the shape of `as_records`)."""
        if not records.num_rows:
            return
        self._writer.write_table(records.select(RECORDS.names))
        self._counts.append(_count(records))
        bad = records.filter(pc.equal(records["row_kind"], "bad"))
        if bad.num_rows:
            self._bad.append(bad)

    def save(self) -> None:
        """Put the three files in place, each at once."""
        self._writer.close()
        self._beside.replace(self._folder / "records.parquet")
        produced = (
            pa.concat_tables(self._counts)
            .group_by(["source", "entity", "day"])
            .aggregate([("rows", "sum"), ("bad_rows", "sum"), ("exact_doubles", "sum")])
        )
        produced = produced.rename_columns(["source", "entity", "day", "rows", "bad_rows", "exact_doubles"])
        write_table(
            self._folder / "produced.parquet", produced.sort_by([(n, "ascending") for n in ("source", "entity", "day")])
        )
        write_table(self._folder / "bad_rows.parquet", pa.concat_tables(self._bad))


def _count(records: pa.Table) -> pa.Table:
    flagged = records.select(["source", "entity", "day"])
    for name, kind in (("bad_rows", "bad"), ("exact_doubles", "double")):
        flagged = flagged.append_column(name, pc.equal(records["row_kind"], kind).cast(pa.int64()))
    counted = flagged.append_column("rows", pa.repeat(pa.scalar(1, pa.int64()), records.num_rows))
    totals = counted.group_by(["source", "entity", "day"]).aggregate(
        [("rows", "sum"), ("bad_rows", "sum"), ("exact_doubles", "sum")]
    )
    return totals.rename_columns(["source", "entity", "day", "rows", "bad_rows", "exact_doubles"])


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file under a temporary name and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)


def earlier_records(folder: Path, *, databases_before: int, others_before: int) -> Iterator[pa.Table]:
    """What was produced before a day (days since 1970), by which the sources that are databases go separately.

    Yields tables in the shape of `as_records`; what comes later is left out, so that a day may be written again.
    """
    databases = [c.source for c in simulated_contracts() if all(is_database(e) for e in c.entities.values())]
    with duckdb.connect() as connection:
        reader = connection.execute(
            """
            select r.*, b.reason from read_parquet($records) r
            left join read_parquet($bad) b using (source, entity, natural_key, row_kind)
            where r.day < date '1970-01-01'
                + (case when list_contains($databases, r.source) then $first else $second end)::integer
            """,
            {
                "records": str(folder / "records.parquet"),
                "bad": str(folder / "bad_rows.parquet"),
                "databases": databases,
                "first": databases_before,
                "second": others_before,
            },
        ).to_arrow_reader(500_000)
        for batch in reader:
            yield pa.Table.from_batches([batch]).select(BAD_ROWS.names).cast(BAD_ROWS)


@contextmanager
def appended(folder: Path, *names: str) -> Iterator["Appender"]:
    """Files of `truth/` that are written block by block."""
    appender = Appender(folder, names)
    try:
        yield appender
    finally:
        appender.close()


class Appender:
    """Parquet files that grow block by block; the schema is that of the first table."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = {name: folder / f"{name}.parquet" for name in names}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, name: str, table: pa.Table) -> None:
        """Add rows to the file of that name."""
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(self._paths[name], table.schema, compression="zstd")
        self._writers[name].write_table(table)

    def close(self) -> None:
        """Finish all files."""
        for writer in self._writers.values():
            writer.close()
