"""The shop's sales in a real PostgreSQL: one server per test module, a database of its own per test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from infra.services import servers
from infra.services.servers import Services
from tests.landing_lake import Shop, sale

COLUMNS = [*sale(1), "updated_at"]
_TYPES = {"pieces": "bigint", "amount_cny": "double precision", "is_gift": "boolean", "bought_date": "date",
          "event_at": "timestamptz", "delivered_at": "timestamptz", "updated_at": "timestamptz"}  # fmt: skip
_NUMBERS = itertools.count()

needs_postgresql = pytest.mark.skipif(
    bool(servers.missing(["postgresql"])), reason="packages of the distribution are missing: postgresql"
)


@dataclass
class Database:
    """One database with the table `sales`."""

    address: str
    services: Services

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection of one's own."""
        return psycopg.connect(self.address, autocommit=True)

    @contextmanager
    def transaction(self) -> Iterator["psycopg.Connection[Any]"]:
        """A transaction, committed at the end of the `with`."""
        with psycopg.connect(self.address) as connection:
            yield connection

    def run(self, statement: str, *values: Any) -> Any:
        """Run one statement; the first value of its first row, if it gives rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement, values or None)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def create(self, **types: str) -> None:
        """Make the table anew, with other types for some columns."""
        kinds = _TYPES | types
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in COLUMNS)
        self.run("drop table if exists sales")
        self.run(f"create table sales ({columns}, primary key (sale_id))")
        self.run("create index on sales (updated_at, sale_id)")

    def add(self, number: int, updated_at: Any, **values: Any) -> None:
        """One row."""
        self.add_all(range(number, number + 1), updated_at, **values)

    def add_all(self, numbers: range, updated_at: Any, **values: Any) -> None:
        """Rows that differ in their key only, in one transaction."""
        names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        into = sql.SQL("copy sales ({}) from stdin").format(names)
        with self.transaction() as connection, connection.cursor().copy(into) as copy:
            for number in numbers:
                row = sale(number, **values) | {"updated_at": updated_at}
                copy.write_row([row[name] for name in COLUMNS])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Services]:
    """A server that all tests of a module share."""
    with servers.running(["postgresql"]) as services:
        yield services


@pytest.fixture
def database(shop: Shop, postgresql: Services, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty table `sales` with the contract's types, and a contract that reads it by `updated_at`."""
    name = f"shop_{next(_NUMBERS)}"
    with psycopg.connect(postgresql.database("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    found = Database(postgresql.database(name), postgresql)
    monkeypatch.setenv("LAKE_SOURCE_SHOP_URL", found.address)
    shop.document["servers"][0] = {
        "server": "embedded", "type": "postgresql", "host": "127.0.0.1", "port": 5432, "database": name,
        "schema": "public",
    }  # fmt: skip
    entity = shop.document["schema"][0]
    entity["physicalName"] = "sales"
    entity["customProperties"].append({"property": "watermark", "value": "updated_at"})
    entity["properties"].append(
        {"name": "updated_at", "logicalType": "timestamp", "required": True, "classification": "internal"}
    )
    shop.declare()
    found.create()
    return found


def at(hour: int, minute: int = 0) -> str:
    """A time of the shop's last day."""
    return f"2026-06-30T{hour:02d}:{minute:02d}:00+00:00"
