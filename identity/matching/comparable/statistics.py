"""What a resolution takes from all records at once: how frequent values are, and which are fillers.

A full resolution counts them anew; one that looks only at new records uses those of the last full one. A pair of
records then has the same weight whenever it is compared, and a small run gives the result that a full one would.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from identity.matching.tables import DEFAULT_DATES, HOST_SLIPS, frequency_table
from lake.sql.scratch import Computation

_POPULATION, _DATE, _HOST, _FREQUENCY = "population", "default_date", "host_slip", "frequency_"
SCHEMA = pa.schema([("kind", pa.string()), ("value", pa.string()), ("meant", pa.string()), ("number", pa.float64())])


@dataclass(frozen=True)
class Statistics:
    """Frozen counts.

    Attributes:
        population: records that strangers are drawn from.
        default_dates: `value`, a date that forms fill in.
        host_slips: `value`, a mail host that is a slip for `meant`.
        frequencies: by column, `value` and `number`, the share of profiles that show it.
    """

    population: int
    default_dates: pa.Table
    host_slips: pa.Table
    frequencies: dict[str, pa.Table]

    def to_table(self) -> pa.Table:
        """All of it in `SCHEMA`."""
        parts = [pa.table({"kind": [_POPULATION], "number": [float(self.population)]})]
        parts += [_of_kind(_DATE, self.default_dates), _of_kind(_HOST, self.host_slips)]
        parts += [_of_kind(_FREQUENCY + name, table) for name, table in sorted(self.frequencies.items())]
        return pa.concat_tables([_filled(part) for part in parts])

    @staticmethod
    def of_table(table: pa.Table) -> "Statistics":
        """The statistics that `to_table` wrote."""
        with duckdb.connect() as con:
            con.register("given", table)

            def rows(kind: str, columns: str) -> pa.Table:
                return con.execute(
                    f"select {columns} from given where kind = ? order by value", [kind]
                ).to_arrow_table()

            kinds = [row[0] for row in con.execute("select distinct kind from given order by kind").fetchall()]
            return Statistics(
                population=int(rows(_POPULATION, "number")["number"][0].as_py()),
                default_dates=rows(_DATE, "value"),
                host_slips=rows(_HOST, "value, meant"),
                frequencies={
                    kind.removeprefix(_FREQUENCY): rows(kind, "value, number")
                    for kind in kinds
                    if kind.startswith(_FREQUENCY)
                },
            )


def counted(con: duckdb.DuckDBPyConnection, population: int, columns: list[str]) -> Statistics:
    """The statistics of a resolution at its end.

    Args:
        population: records that strangers are drawn from.
        columns: those whose values' frequencies were counted (`frequency_table`).
    """
    reads = (DEFAULT_DATES, HOST_SLIPS, *map(frequency_table, columns))
    with Computation("collect statistics", reads=reads).on(con):
        return Statistics(
            population=population,
            default_dates=con.sql(
                "select cast(birth as varchar) as value from default_dates order by 1"
            ).to_arrow_table(),
            host_slips=con.sql("select host as value, meant from host_slips order by 1").to_arrow_table(),
            frequencies={
                column: con.sql(f"select {column} as value, tf as number from tf_{column} order by 1").to_arrow_table()
                for column in columns
            },
        )


def _of_kind(kind: str, table: pa.Table) -> pa.Table:
    return table.append_column("kind", pa.array([kind] * table.num_rows, pa.string()))


def _filled(table: pa.Table) -> pa.Table:
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
        for field in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)
