"""A table in SQLite for tests: the shop's sales, which its contract then reads from there."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.landing_lake import Shop


class SalesTable:
    """The shop's sales in SQLite, empty, with these columns."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = columns
        self.run(f"create table sales ({', '.join(columns)})")

    def run(self, statement: str, *values: Any) -> None:
        """One statement, committed."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def insert(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows by the names of their columns, in one commit."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            statement = f"insert into sales values ({', '.join('?' * len(self.columns))})"
            connection.executemany(statement, [[row[name] for name in self.columns] for row in rows])


def read_from_sqlite(shop: Shop) -> Path:
    """Let the shop's contract say that its sales are a table with `updated_at`; where the database has to be."""
    shop.document["servers"][0] |= {"format": "sqlite", "path": "shop/shop.db"}
    entity = shop.document["schema"][0]
    entity["physicalName"] = "sales"
    entity["customProperties"].append({"property": "watermark", "value": "updated_at"})
    entity["properties"].append(
        {"name": "updated_at", "logicalType": "timestamp", "required": True, "classification": "internal"}
    )
    return shop.home / "sandbox" / "shop" / "shop.db"
