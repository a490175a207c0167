"""CDNOW: all 69,659 purchases of the 23,570 people who first bought from a music shop in early 1997.

The data set of Fader and Hardie, packaged on PyPI within `Lifetimes`, whose import fails on current setuptools: its
data files are read where the wheel put them. A line of the file is an order with one order line; the file has days
only, so a purchase happens at midnight UTC. Amounts are in USD, as the source has them. The file has no order number:
an order is named by its line, since one customer may buy the same for the same price twice on a day (255 did).
"""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa

from infra.worlds import Progress, WorldError
from infra.worlds.source_root import write_clock, write_database, write_truth

NAME = "cdnow"

_PURCHASES = """
    select
        row_number() over () as line_no, f[1] as person, strptime(f[2], '%Y%m%d') at time zone 'UTC' as bought_at,
        f[3]::bigint as quantity, f[4]::double as amount
    from (
        select regexp_split_to_array(trim(line), ' +') as f
        from read_csv(
            $file, columns = {'line': 'VARCHAR'}, auto_detect = false, delim = '\t', header = true, quote = ''
        )
    )
"""

_ORDERS = """
    select
        format('CD{:06d}', line_no) as order_id, 'A' || person as account_id, 'web' as sales_channel,
        'completed' as order_status, 'USD' as currency, amount as order_total_cny, 0.0::double as discount_cny,
        bought_at as updated_at, bought_at as event_at, bought_at as delivered_at, person
    from purchases order by line_no
"""

_ORDER_LINES = """
    select
        format('CD{:06d}-1', line_no) as order_line_id, format('CD{:06d}', line_no) as order_id, 'CD' as product_id,
        'other' as product_category, quantity, amount / quantity as unit_price_cny, amount as line_total_cny,
        bought_at as updated_at, bought_at as event_at, bought_at as delivered_at, person
    from purchases order by line_no
"""


def data_file(name: str) -> Path:
    """Where the `Lifetimes` wheel has put one of its data files; the package itself is not imported.

    Raises:
        WorldError: the package is not installed.
    """
    package = find_spec("lifetimes")
    if package is None or package.origin is None:
        raise WorldError("the CDNOW data are not installed", cure="pip install --require-hashes -r requirements.lock")
    return Path(package.origin).parent / "datasets" / name


def create(root: Path, progress: Progress | None = None) -> None:
    """Write the source root: 69,659 orders with a line each. The clock stands on the day after the last purchase.

    Raises:
        WorldError: the package `Lifetimes` is not installed.
    """
    say = progress or (lambda _: None)
    tables: dict[str, pa.Table] = {}
    persons: dict[str, pa.ChunkedArray] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table purchases as {_PURCHASES}", {"file": str(data_file("CDNOW_master.txt"))})
        for entity, query in {"orders": _ORDERS, "order_lines": _ORDER_LINES}.items():
            table = connection.execute(query).to_arrow_table()
            persons[entity] = table["person"]
            tables[entity] = table.drop_columns(["person"])
            say(f"writing {table.num_rows:,} orders.{entity}")
    write_database(root, "orders", tables)
    write_truth(root, {"orders": tables}, {"orders": persons})
    write_clock(root, datetime(1998, 7, 1, tzinfo=UTC))
