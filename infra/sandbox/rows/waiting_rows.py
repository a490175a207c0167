"""Rows that were made and wait for their day: block by block on disk, so that memory does not grow with the world.

One stretch of time is one folder `truth/pending/<stretch>/<source>.<entity>/<block>.parquet`. What a source delivers
on a day is read back from all stretches; an advanced day is never taken out, so that it can be released again.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.contract_file import Entity
from infra.sandbox.rows.contract_rows import RELEASED
from lake.sql.text import quoted

#: Rows that are brought into memory at once when days are read back.
ROWS_AT_ONCE = 750_000


def put(folder: Path, *, entity: Entity, block: int, table: pa.Table) -> None:
    """Keep one block's rows of an entity."""
    if not table.num_rows:
        return
    place = folder / f"{entity.source}.{entity.name}"
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, place / f"{block:05d}.parquet", compression="lz4", row_group_size=262_144)


def keep_from(connection: duckdb.DuckDBPyConnection, folder: Path, first: int) -> None:
    """Forget what was delivered before a day (days since 1970): it is with its readers now."""
    for path in sorted(folder.glob("*/*.parquet")):
        table = connection.execute(
            f"select * from read_parquet($file) where {RELEASED} >= $first", {"file": str(path), "first": first}
        ).to_arrow_table()
        path.unlink()
        if table.num_rows:
            pq.write_table(table, path, compression="lz4")


def parts(folders: list[Path], entity: Entity) -> list[str]:
    """The files that hold rows of an entity."""
    return [
        str(path)
        for folder in folders
        for path in sorted((folder / f"{entity.source}.{entity.name}").glob("*.parquet"))
    ]


def days(
    connection: duckdb.DuckDBPyConnection, *, folders: list[Path], entity: Entity, first: int, end: int
) -> Iterator[pa.Table]:
    """Rows delivered from `first` to before `end` (days since 1970), whole days at a time, sorted as delivered."""
    files = parts(folders, entity)
    if not files:
        return
    counts = connection.execute(
        f"""select {RELEASED}, count(*) from read_parquet($files)
            where {RELEASED} >= $first and {RELEASED} < $end group by 1 order by 1""",
        {"files": files, "first": first, "end": end},
    ).fetchall()
    keys = ", ".join(quoted(name) for name in entity.primary_key)
    low, rows_so_far = None, 0
    for place, (day, rows) in enumerate(counts):
        low = day if low is None else low
        rows_so_far += rows
        if rows_so_far >= ROWS_AT_ONCE or place == len(counts) - 1:
            yield (
                connection.execute(
                    f"""select * from read_parquet($files) where {RELEASED} between $low and $high
                    order by {RELEASED}, delivered_at, {keys}, _kind""",
                    {"files": files, "low": low, "high": day},
                )
                .to_arrow_table()
                .combine_chunks()
            )
            low, rows_so_far = None, 0


def last_versions(
    connection: duckdb.DuckDBPyConnection, *, folders: list[Path], entity: Entity, first: int, end: int
) -> Iterator[pa.Table]:
    """As `days`, but of every key only the last version within those days: what a database shows at the end of them."""
    keys = ", ".join(quoted(name) for name in entity.primary_key)
    for path in _by_block(folders, entity):
        table = connection.execute(
            f"""select * from read_parquet($files) where {RELEASED} >= $first and {RELEASED} < $end
                qualify row_number() over (partition by {keys} order by delivered_at desc, _kind desc) = 1
                order by delivered_at, {keys}""",
            {"files": path, "first": first, "end": end},
        ).to_arrow_table()
        if table.num_rows:
            yield table.combine_chunks()


def _by_block(folders: list[Path], entity: Entity) -> list[list[str]]:
    """Files that may hold the same keys: those of one block of people, from every stretch."""
    paths: dict[str, list[str]] = {}
    for path in parts(folders, entity):
        paths.setdefault(Path(path).stem, []).append(path)
    return list(paths.values())
