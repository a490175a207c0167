"""An empty lake with a clock, and a small source of one's own whose contract a test can change.

The conftest of `integration` and `faults` gives both to every test there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.contract_file import load_contract
from contracts.settings import reset_settings
from ingestion.landing.land import EntityCounters, counters, land_source
from ingestion.landing.results import SourceResult
from lake.landing_state import STATE_KEY, read_state
from lake.sql.connections import connect
from lake.tables import open_table, scan, table_exists

NOW = datetime(2026, 7, 1, tzinfo=UTC)
AT = "2026-06-30T12:00:00+00:00"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty LAKE_HOME whose clock stands at `NOW`."""
    home = tmp_path / "home"
    (home / "sandbox").mkdir(parents=True)
    (home / "sandbox" / "clock.json").write_text(json.dumps({"now": NOW.isoformat()}))
    monkeypatch.setenv("LAKE_HOME", str(home))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    monkeypatch.setenv("LAKE_MEMORY_LIMIT", "1GB")
    reset_settings()
    yield home
    reset_settings()


@dataclass
class Shop:
    """A source `shop` with one entity `sales`, delivered as files below `folder`."""

    home: Path
    contract_file: Path
    document: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where the entity's files lie."""
        return self.home / "sandbox" / "shop" / "sales"

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The contract's columns by name, to be changed; then `declare`."""
        return {column["name"]: column for column in self.document["schema"][0]["properties"]}

    def declare(self, *, file_format: str | None = None, on_drift: str | None = None) -> None:
        """Write the contract as it is now."""
        entity = self.document["schema"][0]
        if file_format:
            self.document["servers"][0]["format"] = file_format.partition(".")[0]
            entity["physicalName"] = f"sales/*.{file_format}"
        if on_drift:
            entity["customProperties"].append({"property": "onDrift", "value": on_drift})
        self.contract_file.parent.mkdir(parents=True, exist_ok=True)
        self.contract_file.write_text(yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True))

    def deliver(self, name: str, content: bytes | str | list[dict[str, Any]]) -> Path:
        """A file of the entity: bytes or text as they are, rows as JSON Lines."""
        if isinstance(content, list):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self, *, full_refresh: bool = False) -> SourceResult:
        """Land the source."""
        return land_source("shop", full_refresh=full_refresh)

    def rows(self, columns: str = "*", zone: str = "bronze") -> list[tuple[Any, ...]]:
        """Rows of the entity's table, sorted."""
        if not table_exists(f"{zone}/shop/sales"):
            return []
        with connect() as connection:
            return connection.execute(f"select {columns} from {scan(f'{zone}/shop/sales')} order by all").fetchall()

    def counters(self) -> EntityCounters:
        """The entity's counters."""
        (found,) = [c for c in counters() if c.source == "shop"]
        return found

    def counts(self) -> EntityCounters:
        """The counters; received = landed + quarantined + doubled is true, and the tables hold what they say."""
        found = self.counters()
        assert found.received == found.landed + found.quarantined + found.doubled
        assert len(self.rows("record_id")) == found.landed
        assert len(self.rows("refused_id", "quarantine")) == found.quarantined
        return found

    def last_batch(self, stream: str = "files") -> int:
        """Number of the last batch of a stream that bronze has, -1 before the first."""
        return int(read_state("bronze/shop/sales").get("streams", {}).get(stream, {}).get("batch", -1))

    def rows_by_commit(self, stream: str = "files") -> dict[str, int]:
        """Rows that bronze's commits say they added, by batch; not for those whose logs were cleaned away."""
        table = open_table("bronze/shop/sales")
        states = [json.loads(commit[STATE_KEY]) for commit in (table.history() if table else []) if STATE_KEY in commit]
        states = [state for state in states if stream in state.get("streams", {})]
        landed = {state["streams"][stream]["batch"]: state["counters"]["landed"] for state in states}
        landed[-1] = 0
        added = {number: rows - landed[number - 1] for number, rows in sorted(landed.items()) if number - 1 in landed}
        return {f"{stream}-{number:08d}": rows for number, rows in added.items() if rows}

    def table(self) -> Any:
        """The contract's entity."""
        return load_contract("shop").entities["sales"]


def sale(number: int, **values: Any) -> dict[str, Any]:
    """A row that keeps the contract, but for `values`."""
    row = {
        "sale_id": f"S{number}", "buyer": "陈 小明", "pieces": 2, "amount_cny": 9.5, "is_gift": False,
        "channel": "shop", "bought_date": "2026-06-30", "event_at": AT, "delivered_at": AT,
    }  # fmt: skip
    return row | values


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The source, declared, with nothing delivered yet."""
    contracts = home.parent / "contracts"
    monkeypatch.setenv("LAKE_CONTRACTS", str(contracts))
    reset_settings()
    shop = Shop(home, contracts / "shop" / "contract.odcs.yaml", document())
    shop.declare()
    shop.folder.mkdir(parents=True)
    return shop


def document() -> dict[str, Any]:
    """A contract that uses every kind of rule once."""

    def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "logicalType": kind, "classification": "internal"} | more

    known = {"metric": "invalidValues", "arguments": {"validValues": ["shop", "web"]}, "mustBe": 0, "severity": "block"}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:shop",
        "name": "shop",
        "version": "1.0.0",
        "status": "active",
        "domain": "sales",
        "team": {"name": "shops", "members": [{"username": "shops", "name": "Head of Shops", "role": "data owner"}]},
        "servers": [{"server": "embedded", "type": "local", "path": "shop", "format": "jsonl"}],
        "customProperties": [{"property": "purposes", "value": ["service"]}],
        "slaProperties": [{"property": "freshness", "value": 24, "unit": "h"}],
        "schema": [
            {
                "name": "sales",
                "physicalName": "sales/*.jsonl",
                "description": "One row per sale.",
                "customProperties": [{"property": "knownAt", "value": "delivered_at"}],
                "properties": [
                    column("sale_id", "string", primaryKey=True, required=True, logicalTypeOptions={"pattern": "^S"}),
                    column("buyer", "string", classification="pii_direct"),
                    column("pieces", "integer", logicalTypeOptions={"minimum": 1, "maximum": 100}),
                    column("amount_cny", "number"),
                    column("is_gift", "boolean"),
                    column("channel", "string", required=True, quality=[known]),
                    column("bought_date", "date"),
                    column("event_at", "timestamp", required=True),
                    column("delivered_at", "timestamp", required=True),
                ],
            }
        ],
    }
