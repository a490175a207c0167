"""The dbt-duckdb plugin: prepares the connection, registers the lake, and writes models as Delta tables (ADR 12).

dbt-duckdb loads the class `Plugin` (profiles.yml). `WRITES` says what each model
wrote, for the caller of dbt. How a model is written is decided by the materializations in macros/materializations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import TargetConfig
from dbt_common.exceptions import DbtRuntimeError

from contracts.errors import LakeError
from dbt_project.registry import register_lake, register_table
from lake import writer
from lake.sql.connections import prepare
from lake.sql.rows import column_types, column_values, single_row
from lake.sql.scratch import ANY_TYPE, Computation, ScratchTable
from lake.sql.text import literal, quoted
from lake.tables import open_table, scan, table_version

_BATCH_ROWS = 100_000
_ROWS = "model_rows"
#: The rows of the model being written, on the plugin's own cursor, which is closed after the model; their columns are
#: the model's.
_MODEL_ROWS = ScratchTable(_ROWS, {}, prefixes={"": ANY_TYPE})
#: Those of them that are new or differ.
_CHANGED_ROWS = ScratchTable("changed_rows", {"is_update": "BOOLEAN"}, prefixes=dict(_MODEL_ROWS.prefixes))
_MATERIALISE = Computation("materialise a model", makes=(_MODEL_ROWS,))
_COMPARE = Computation("compare a model with its table", reads=(_MODEL_ROWS,), makes=(_CHANGED_ROWS,))


@dataclass(frozen=True)
class Write:
    """What one model did to its table: the rows written and the version they made.

    Where nothing changed, `rows` is 0 and `version` the one the table had before.
    """

    table: str
    mode: str
    rows: int
    version: int | None

    @property
    def changed(self) -> bool:
        """Whether the table has a new version."""
        return self.rows > 0 or self.mode == "create"


#: By table, what the dbt call now running has written.
WRITES: dict[str, Write] = {}


@dataclass(frozen=True)
class _Target:
    """A model on its way into its table."""

    table: str
    query: str
    unique_key: tuple[str, ...]
    partition_by: tuple[str, ...]
    not_null: tuple[str, ...]
    personal: tuple[str, ...]


class Plugin(BasePlugin):
    """Loaded by dbt-duckdb, by this name, once per database."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Make a new ":memory:" database able to read the whole lake."""
        self._connection = prepare(conn)
        register_lake(conn)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """A cursor is a session of its own: what is set per session does not come with it."""
        cursor.execute("set TimeZone = 'UTC'")

    def store(self, target_config: TargetConfig) -> None:
        """Write a model's rows in the mode its materialization chose, and point its name at the new version."""
        assert target_config.relation is not None
        assert target_config.location is not None
        target = _Target(
            table=target_config.location.path,
            query=target_config.relation.render(),
            unique_key=_names(target_config.config["unique_key"]),
            partition_by=_names(target_config.config["partition_by"]),
            not_null=_names(target_config.config["not_null"]),
            personal=_names(target_config.config["personal"]),
        )
        cursor = self._connection.cursor()
        try:
            self.configure_cursor(cursor)
            WRITES[target.table] = _write(cursor, target, target_config.location.format)
            register_table(cursor, target.table)
        except LakeError as error:
            raise DbtRuntimeError(str(error)) from error
        finally:
            cursor.close()


class ModelRowsError(LakeError):
    """A model's rows break what the model declares. Nothing was written."""


def _write(cursor: duckdb.DuckDBPyConnection, target: _Target, mode: str) -> Write:
    if mode == "rebuild" or open_table(target.table) is None:
        return _create(cursor, target)
    rows = {"mirror": _mirror, "append": _append, "merge": _merge, "insert_overwrite": _replace_partitions}[mode](
        cursor, target
    )
    return Write(target.table, mode=mode, rows=rows, version=table_version(target.table))


def _create(cursor: duckdb.DuckDBPyConnection, target: _Target) -> Write:
    """Stream the whole query: a first load never has to fit in memory."""
    row_count = [0]
    reader = _reader(cursor, sql=f"select * from {target.query}", target=target, row_count=row_count)
    writer.overwrite(
        target.table,
        reader,
        partition_by=list(target.partition_by) or None,
        configuration=_statistics(reader.schema, target.personal),
    )
    return Write(target.table, mode="create", rows=row_count[0], version=table_version(target.table))


def _statistics(schema: pa.Schema, personal: tuple[str, ...]) -> dict[str, str]:
    """Table properties that keep personal values out of the log, where min and max would stay for ever (ADR 9)."""
    if not personal:
        return {}
    plain = [f.name for f in schema if f.name not in personal and not pa.types.is_nested(f.type)]
    return {"delta.dataSkippingStatsColumns": ",".join(plain)}


def _mirror(cursor: duckdb.DuckDBPyConnection, target: _Target) -> int:
    """The table becomes the query's rows; no version where it holds exactly these already."""
    total = _materialise(cursor, target)
    if column_types(cursor, _ROWS) == column_types(cursor, scan(target.table)):
        (existing_rows,) = single_row(cursor, f"select count(*) from {scan(target.table)}")
        (new_rows,) = single_row(
            cursor, f"select count(*) from (select * from {_ROWS} except all select * from {scan(target.table)})"
        )
        if existing_rows == total and new_rows == 0:
            return 0
    reader = _reader(cursor, sql=f"select * from {_ROWS}", target=target)
    writer.overwrite(target.table, reader, partition_by=list(target.partition_by) or None)
    return total


def _append(cursor: duckdb.DuckDBPyConnection, target: _Target) -> int:
    total = _materialise(cursor, target)
    if total:
        writer.append(target.table, _reader(cursor, sql=f"select * from {_ROWS}", target=target))
    return total


def _merge(cursor: duckdb.DuckDBPyConnection, target: _Target) -> int:
    """Insert and update the rows that differ. Where all keys are new, append: that rewrites no file of the table."""
    keys = target.unique_key
    if not keys:
        raise ModelRowsError(f"{target.table} is merged but has no unique_key", cure="configure a unique_key")
    total = _materialise(cursor, target)
    (distinct,) = single_row(cursor, f"select count(*) from (select distinct {', '.join(keys)} from {_ROWS})")
    if distinct != total:
        raise ModelRowsError(
            f"{target.table}: {total - distinct} of {total} rows repeat a key ({', '.join(keys)})",
            cure="make the model's query unique on its unique_key",
        )
    on = " and ".join(f"target.{key} = fresh.{key}" for key in keys)
    existing = column_types(cursor, scan(target.table))
    same = " and ".join(
        f"target.{quoted(name)} is not distinct from fresh.{quoted(name)}"
        if name in existing
        else f"fresh.{quoted(name)} is null"
        for name in column_types(cursor, _ROWS)
    )
    with _COMPARE.on(cursor) as step:
        step.make(
            _CHANGED_ROWS,
            f"""select fresh.*, target.{keys[0]} is not null as is_update
                from {_ROWS} as fresh left join {scan(target.table)} as target on {on}
                where target.{keys[0]} is null or not ({same})""",
        )
    changed, updated = single_row(cursor, "select count(*), count(*) filter (where is_update) from changed_rows")
    if changed:
        reader = _reader(cursor, sql="select * exclude (is_update) from changed_rows", target=target)
        if updated:
            writer.merge(target.table, reader, list(keys))
        else:
            writer.append(target.table, reader)
    return int(changed)


def _replace_partitions(cursor: duckdb.DuckDBPyConnection, target: _Target) -> int:
    """Replace, in the table, the partitions that the query's rows lie in."""
    if not target.partition_by:
        raise ModelRowsError(f"{target.table} replaces partitions but has none", cure="configure partition_by")
    total = _materialise(cursor, target)
    if not total:
        return 0
    predicate = " and ".join(_in_list(cursor, name) for name in target.partition_by)
    if column_types(cursor, _ROWS) == column_types(cursor, scan(target.table)):
        existing = f"select * from {scan(target.table)} where {predicate}"
        (existing_rows,) = single_row(cursor, f"select count(*) from ({existing})")
        (new_rows,) = single_row(cursor, f"select count(*) from (select * from {_ROWS} except all {existing})")
        if existing_rows == total and new_rows == 0:
            return 0
    writer.overwrite(target.table, _reader(cursor, sql=f"select * from {_ROWS}", target=target), predicate=predicate)
    return total


def _in_list(cursor: duckdb.DuckDBPyConnection, column: str) -> str:
    """`column in (…)` over the model's rows, as quoted text: DuckDB and delta-rs both read it in the column's type."""
    values = column_values(cursor, f"select distinct cast({quoted(column)} as varchar) from {_ROWS} order by 1")
    if None in values:
        raise ModelRowsError(f"partition column {column} holds nulls", cure="give every row a partition")
    return f"{column} in ({', '.join(literal(value) for value in values)})"


def _materialise(cursor: duckdb.DuckDBPyConnection, target: _Target) -> int:
    with _MATERIALISE.on(cursor) as step:
        step.make(_MODEL_ROWS, f"select * from {target.query}")
    (total,) = single_row(cursor, f"select count(*) from {_ROWS}")
    return int(total)


def _reader(
    cursor: duckdb.DuckDBPyConnection, *, sql: str, target: _Target, row_count: list[int] | None = None
) -> pa.RecordBatchReader:
    """The rows as Arrow batches; a null where the contract has none stops the write before it is committed."""
    source: pa.RecordBatchReader = cursor.sql(sql).to_arrow_reader(_BATCH_ROWS)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in source:
            for name in target.not_null:
                if batch.column(name).null_count:
                    raise ModelRowsError(
                        f"{target.table}: {name} is null in some rows", cure="correct the model or its contract"
                    )
            if row_count is not None:
                row_count[0] += batch.num_rows
            yield batch

    return pa.RecordBatchReader.from_batches(source.schema, batches())


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
