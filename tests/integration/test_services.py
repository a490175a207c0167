"""Real servers around a sandbox: started on free ports, filled with the same rows, and gone afterwards."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import psycopg
import pytest
import redis
from paho.mqtt.enums import CallbackAPIVersion

from contracts.contract_file import load_contract
from contracts.settings import reset_settings
from infra.sandbox.truth.reconcile import differences
from infra.sandbox.world import advance, create
from infra.services import databases, live, servers
from infra.services.stand_in import StandIn, serve
from ingestion.landing.land import counters, land_source
from runs.worlds import source_servers
from tests.unit import sandbox_worlds

absent = servers.missing()
pytestmark = pytest.mark.skipif(bool(absent), reason=f"packages of the distribution are missing: {', '.join(absent)}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox_worlds.make(tmp_path_factory.mktemp("services"), persons=80, days=30)


@pytest.fixture(scope="module")
def stand_in(root: Path) -> Iterator[StandIn]:
    with serve(root) as made:
        yield made


def test_the_lake_lands_over_servers_what_the_sandbox_produced(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over PostgreSQL and MQTT the counters reconcile with the truth as they do over files (no day has passed yet)."""
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKE_SOURCE_ROOT", str(stand_in.root))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    reset_settings()
    sources = [contract.source for contract in databases.contracts()] + [live.SOURCE]
    try:
        states = [land_source(source).state for source in sources]
        stand_in.publish()  # the first landing has subscribed
        states.append(land_source(live.SOURCE).state)
        found = counters()
    finally:
        reset_settings()
    assert not {"failed", "blocked"} & set(states)
    wrong = [row for row in differences(stand_in.root, found).to_pylist() if row["source"] in sources]
    assert not wrong


def test_a_run_lands_the_devices_last_day_at_once_and_the_next_one_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers that a run starts for itself know the lake before they send: no message is lost, none comes twice."""
    root = tmp_path / "home" / "sandbox"
    create(root, persons=60, days=20)
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    monkeypatch.setenv("LAKE_SERVICES", "1")
    reset_settings()
    try:
        states = []
        for _ in range(2):
            with source_servers():
                states.append(land_source(live.SOURCE).state)
        found = counters()
    finally:
        reset_settings()
    assert states == ["landed", "idle"]
    assert not [row for row in differences(root, found).to_pylist() if row["source"] == live.SOURCE]


def test_postgresql_holds_the_rows_of_the_sandbox(root: Path, stand_in: StandIn) -> None:
    for contract in databases.contracts():
        with psycopg.connect(stand_in.environment[f"LAKE_SOURCE_{contract.source.upper()}_URL"]) as connection:
            for entity in contract.entities.values():
                key = entity.primary_key[0]
                found = {row[0] for row in connection.execute(f'select "{key}" from "{entity.physical_name}"')}
                assert found == {row[key] for row in sandbox_worlds.rows(root, contract, entity)}


def test_only_columns_with_a_wrong_value_are_text(root: Path, stand_in: StandIn) -> None:
    contract = load_contract("orders")
    with psycopg.connect(stand_in.services.database("orders")) as connection:
        types = {
            (table, column): kind
            for table, column, kind in connection.execute(
                "select table_name, column_name, data_type from information_schema.columns"
                " where table_schema = 'public'"
            )
        }
    assert types["orders", "updated_at"] == types["payments", "delivered_at"] == "timestamp with time zone"
    loosened = {
        (entity.name, column.name)
        for entity in contract.entities.values()
        for column in entity.columns
        if column.logical_type != "string" and types[entity.name, column.name] == "text"
    }
    broken = {
        (entity.name, column.name)
        for entity in contract.entities.values()
        for column in entity.columns
        for row in sandbox_worlds.rows(root, contract, entity)
        if column.logical_type != "string" and row[column.name] in ("n/a", "maybe", "yesterday", "last spring")
    }
    assert loosened == broken != set()


def test_postgresql_follows_when_the_sandbox_advances(root: Path, stand_in: StandIn) -> None:
    advance(root, days=4)
    stand_in.reload()
    contract = load_contract("orders")
    with psycopg.connect(stand_in.services.database("orders")) as connection:
        row = connection.execute("select count(*), max(updated_at)::text from orders").fetchone()
    rows = sandbox_worlds.rows(root, contract, contract.entities["orders"])
    assert row is not None
    assert (row[0], row[1][:19]) == (len(rows), max(row["updated_at"] for row in rows)[:19])
    assert row[1] > "2026-07-01"


def test_the_devices_last_day_comes_live_and_only_live(root: Path, stand_in: StandIn) -> None:
    held = live.hold_back_last_day(root)
    expected = sorted(row["reading_id"] for row in sandbox_worlds.file_rows(held["readings"]))
    assert not (root / "devices" / "readings" / held["readings"].name).exists()
    received: list[bytes] = []
    complete = threading.Event()
    address = urlsplit(stand_in.services.mqtt or "")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="test")
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        received.append(message.payload)
        assert message.qos == 1
        if len(received) == sum(len(sandbox_worlds.file_rows(path)) for path in held.values()):
            complete.set()

    client.on_message = on_message
    client.connect(address.hostname or "", address.port or 0)
    client.subscribe("devices/#", qos=1)
    client.loop_start()
    try:
        assert subscribed.wait(20)
        sent = stand_in.publish()
        assert complete.wait(20)
    finally:
        client.disconnect()
        client.loop_stop()
    ids = sorted(json.loads(line)["reading_id"] for line in received if b'"reading_id"' in line)
    assert ids == expected
    assert sent == len(received)


def test_redis_answers(stand_in: StandIn) -> None:
    assert redis.Redis.from_url(stand_in.services.redis or "").ping()


def test_a_broker_that_is_not_there_is_named_with_the_cure(root: Path) -> None:
    with pytest.raises(servers.ServiceError, match="no broker") as rejected:
        live.publish_day(live.hold_back_last_day(root), "mqtt://127.0.0.1:1")
    assert "Mosquitto" in rejected.value.cure


def test_servers_stay_until_they_are_interrupted(root: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "LAKE_HOME": str(tmp_path), "LAKE_SOURCE_ROOT": str(root)}
    child = subprocess.Popen(
        [sys.executable, "-m", "infra.services"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert "the servers run" in child.stdout.readline()
        environment_file = tmp_path / "services.env"
        assert environment_file.stat().st_mode & 0o077 == 0
        address = dict(line.split("=", 1) for line in environment_file.read_text().splitlines())["LAKE_SOURCE_CRM_URL"]
        with psycopg.connect(address) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        child.terminate()
    assert child.wait(30) == 0
    assert not environment_file.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)


def test_servers_are_gone_afterwards() -> None:
    with servers.running(["redis"]) as services:
        port = urlsplit(services.redis or "").port or 0
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(OSError, match=r"refused|reset"):
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_server_that_does_not_come_up_says_what_it_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    false = tmp_path / "redis-server"
    false.write_text("#!/bin/sh\necho no memory for you; exit 1\n")
    false.chmod(0o755)
    monkeypatch.setattr(servers, "program", lambda name: false)
    with pytest.raises(servers.ServiceError, match="no memory for you"), servers.running(["redis"]):
        pass
