"""The inputs of the landing benchmark: page views as files of 1 million rows, and their contract.

One row in a thousand breaks its contract, and the last rows, one in ten thousand, are a block sent twice: quarantine
and duplicates have work. `python -m benchmarks.inputs.landing_inputs FOLDER FORMAT ROWS`.
"""

import sys
from pathlib import Path

import duckdb
import yaml

from benchmarks.machine import ROOT

FILE_ROWS = 1_000_000
DOUBLED = 10_000  # one row of so many
COLUMNS = {
    "page_view_id": "VARCHAR", "session_id": "VARCHAR", "cookie_id": "VARCHAR", "device_id": "VARCHAR",
    "page": "VARCHAR", "funnel_step": "VARCHAR", "duration_ms": "BIGINT", "event_at": "TIMESTAMPTZ",
    "delivered_at": "TIMESTAMPTZ",
}  # fmt: skip
OPTIONS = {"parquet": "format parquet", "csv": "format csv, header", "jsonl": "format json"}


def rows(first: int, total: int) -> str:
    """SQL of the rows of one file, from its first; the last of all repeat those before them."""
    duplicates = total // DOUBLED
    number = f"case when i >= {total - duplicates} then i - {duplicates} else i end"
    return f"""
        select 'PV' || lpad(n::varchar, 10, '0') as page_view_id, 'S' || (n // 7)::varchar as session_id,
            left(md5((n // 40)::varchar), 16) as cookie_id,
            case when n % 3 = 0 then 'D' || (n // 50)::varchar end as device_id,
            ['/home', '/search', '/product/12', '/basket', '/checkout', '/help'][(hash(n) % 6 + 1)::int] as page,
            case when n % 4 = 0 then ['landing', 'product', 'cart', 'checkout', 'payment'][(hash(n + 1) % 5 + 1)::int]
                end as funnel_step,
            case when n % 1000 = 7 then -1 else (hash(n + 2) % 30000)::bigint end as duration_ms,
            timestamptz '2026-01-01 00:00:00+00' + to_microseconds((n * 100000 + hash(n + 3) % 90000)::bigint)
                as event_at,
            timestamptz '2026-01-01 00:00:00+00' + to_microseconds((n * 100000 + hash(n + 4) % 9000000)::bigint)
                as delivered_at
        from (select {number} as n from range({first}, {min(first + FILE_ROWS, total)}) t(i))"""


def make(folder: Path, file_format: str, total: int) -> Path:
    """Write the files below a sources' folder; returns the folder of the files."""
    drops = folder / "web_app" / "page_views"
    drops.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for first in range(0, total, FILE_ROWS):
            target = drops / f"{first // FILE_ROWS:05d}.{file_format}"
            connection.execute(f"copy ({rows(first, total)}) to '{target}' ({OPTIONS[file_format]})")
    return drops


def declare(folder: Path, server: dict[str, object], physical_name: str) -> None:
    """Write a contract of page views alone: the product's own, reached at another place."""
    document = yaml.safe_load((ROOT / "ingestion/sources/web_app/contract.odcs.yaml").read_text())
    (entity,) = [entity for entity in document["schema"] if entity["name"] == "page_views"]
    entity["physicalName"] = physical_name
    if server["type"] == "postgresql":
        entity["customProperties"].append({"property": "watermark", "value": "delivered_at"})
    document["schema"], document["servers"] = [entity], [server]
    target = folder / "web_app" / "contract.odcs.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(document, sort_keys=False))


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
