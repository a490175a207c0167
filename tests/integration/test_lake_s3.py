"""The lake in S3: the same landing, replay and maintenance, and two machines that write at once."""

import logging
import random
from collections import Counter
from contextlib import nullcontext, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as arrow_fs
import pytest

from contracts.settings import SettingsError, reset_settings
from infra.services import object_store
from ingestion.landing.land import has_new
from ingestion.quarantine.records import count_by_reason, replay
from lake import writer
from lake.data_files import copy_into, staging_folder
from lake.landing_state import read_state
from lake.maintenance import Policy, maintain
from lake.s3 import access, leases, objects
from lake.sql.connections import connect
from lake.tables import list_tables, open_table, table_exists, table_uri
from lake.writer import Commit, ConflictError, append
from tests.declared_tables import own_table
from tests.faults import children
from tests.faults.reconcile import Delivered, reconcile
from tests.faults.test_landing_crash import BRONZE, deliver
from tests.faults.traffic import judge
from tests.integration.test_landing_replay import allow_fax
from tests.landing_lake import Shop, sale


@pytest.fixture
def bucket(store: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of the test's own that holds its tables."""
    bucket = object_store.make_bucket(store, f"lake-{abs(hash(home)):x}")
    for name, value in object_store.environment(store).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKE_DELTA_ROOT", f"{bucket}/delta")
    reset_settings()
    return bucket


def data_files(name: str) -> set[str]:
    """Names of the data files that lie in a table's folder."""
    folder = table_uri(name).removeprefix(access.SCHEME)
    listed = access.store_access().for_arrow().get_file_info(arrow_fs.FileSelector(folder, allow_not_found=True))
    return {info.base_name for info in listed if info.base_name.endswith(".parquet")}


def test_landing_replay_and_maintenance_work_as_on_a_disk(shop: Shop, bucket: str) -> None:
    delivered = Delivered()
    for day in range(2):
        deliver(shop, delivered, day)
        assert has_new("shop")
        assert shop.land().error is None
    assert not has_new("shop")
    assert reconcile(shop, delivered).is_sound
    assert list_tables() == [BRONZE, "ops/layout", "quarantine/shop/sales"]
    assert list_tables("bronze") == [BRONZE]
    assert not table_exists("bronze/shop/returns")
    assert not (shop.home / "delta").exists()
    assert count_by_reason() == {"not_allowed": 6}

    allow_fax(shop)
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(6, 0)]
    state, before = read_state(BRONZE), shop.counters()
    done = {d.table: d for d in maintain(policy=Policy(small_files=2))}
    assert done[BRONZE].files_compacted > 1
    assert read_state(BRONZE) == state
    shop.deliver("more.jsonl", [sale(9999)])
    shop.land()
    assert shop.counts().landed == before.landed + 1
    assert not [path for path in staging_folder(BRONZE).iterdir() if path.is_file()]


def another_machine(shop: Shop, number: int) -> dict[str, str]:
    """The environment of a machine with a home of its own, over the same sources and tables."""
    return {"LAKE_HOME": str(shop.home.parent / f"machine-{number}"), "LAKE_SOURCE_ROOT": str(shop.home / "sandbox")}


def test_two_machines_that_land_at_once_lose_and_duplicate_nothing(shop: Shop, bucket: str) -> None:
    delivered = Delivered()
    rounds = 2
    for day in range(rounds):
        deliver(shop, delivered, day)
        machines = [children.start(children.land, **another_machine(shop, number)) for number in range(2)]
        assert [machine.end() for machine in machines] == [0, 0]
    verdict = reconcile(shop, delivered)
    print(f"S3, two machines landing the same source at once, {rounds} rounds: {verdict}")
    assert verdict.is_sound


@pytest.mark.prove
@pytest.mark.parametrize("rounds", [40])
def test_killed_at_random_times_in_s3_nothing_is_lost_or_duplicated(shop: Shop, bucket: str, rounds: int) -> None:
    rng = random.Random(rounds)
    delivered = Delivered()
    deliver(shop, delivered, 0)
    longest = children.seconds_of(children.land)
    phases: Counter[str] = Counter()
    for day in range(1, rounds + 1):
        deliver(shop, delivered, day)
        child = children.start(children.land)
        phases[child.phase if child.kill_after(rng.uniform(0, 1.5 * longest)) else "ended"] += 1
    shop.land()
    verdict = reconcile(shop, delivered)
    print(f"S3, {rounds} rounds, by the last point passed before the kill {dict(phases)}: {verdict}")
    assert verdict.is_sound


def append_without_a_lock(machine: int, batches: int, report: str) -> None:
    """Append batches as one stream, with nothing but the conditional puts between this process and others."""
    writer.table_lock = lambda name: nullcontext()
    lost = 0
    for batch in range(batches):
        rows = pa.table({"writer": [machine], "number": [batch]})
        while True:
            with suppress(ConflictError), own_table("ops/race", rows.schema):
                assert append("ops/race", rows, commit=Commit(f"machine-{machine}", batch, {"cursor": str(batch)}))
                break
            lost += 1
    Path(report).write_text(str(lost))


def test_commits_of_machines_that_share_no_lock_never_overwrite_each_other(bucket: str, tmp_path: Path) -> None:
    machines, batches = 3, 5
    reports = [tmp_path / str(number) for number in range(machines)]
    running = [
        children.start(append_without_a_lock, number, batches, str(report)) for number, report in enumerate(reports)
    ]
    assert [machine.end() for machine in running] == [0] * machines
    table = open_table("ops/race")
    assert table is not None
    rows = table.to_pyarrow_table().to_pylist()
    assert judge([(row["writer"], row["number"]) for row in rows]).is_sound
    assert len(rows) == machines * batches == table.version() + 1
    lost = sum(int(report.read_text()) for report in reports)
    print(f"S3, {machines} writers without a lock: {len(rows)} commits, {lost} races lost; all rows are there")
    assert lost


@pytest.mark.parametrize(
    "point",
    [
        "landing.quarantined",
        pytest.param("landing.staged", marks=pytest.mark.prove),
        pytest.param("landing.committed", marks=pytest.mark.prove),
    ],
)
def test_machine_that_dies_is_waited_for_and_then_passed_over(
    shop: Shop, bucket: str, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    dead = children.start(children.land, LAKE_CRASH_AT=point, **another_machine(shop, 1))
    assert dead.end() == children.SIGKILLED
    monkeypatch.setattr(leases, "PATIENCE", 1.0)
    assert shop.land().error is None
    assert reconcile(shop, delivered).is_sound


@pytest.mark.parametrize(
    "point",
    [
        "landing.rewritten",
        pytest.param("landing.staged", marks=pytest.mark.prove),
        pytest.param("landing.quarantined", marks=pytest.mark.prove),
    ],
)
def test_machine_that_stalls_and_wakes_after_it_was_passed_over_overwrites_nothing(
    shop: Shop, bucket: str, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    stalled = children.start(children.land, **{children.STANDS_STILL_AT: point}, **another_machine(shop, 1))
    stalled.wait_passed(point)
    deliver(shop, delivered, 1)
    with monkeypatch.context() as patched:
        patched.setattr(leases, "PATIENCE", 1.0)
        assert shop.land().error is None
    stalled.wake()
    assert stalled.end() == 0
    shop.land()
    verdict = reconcile(shop, delivered)
    print(f"S3, a machine that stalled at {point} and woke after another had landed the same: {verdict}")
    assert verdict.is_sound


def test_data_of_another_table_below_the_same_bucket_is_left_alone(shop: Shop, bucket: str) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    table = open_table(BRONZE)
    assert table is not None
    assert data_files(BRONZE) == {uri.rpartition("/")[2] for uri in table.file_uris()}


def test_upload_that_fails_is_an_error_and_nothing_names_its_file(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect() as connection:
        files = copy_into(connection, "select 1::bigint as n", tmp_path)
    monkeypatch.setenv("LAKE_DELTA_ROOT", "s3://no-such-bucket/delta")
    reset_settings()
    with pytest.raises(OSError, match="NoSuchBucket"):
        objects.upload([files[0].path], table_uri("ops/things"))
    assert files[0].path.exists()


def test_keys_are_asked_for_and_never_shown(
    bucket: str, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shop.deliver("a.jsonl", [sale(1)])
    shop.land()
    assert object_store.KEY not in caplog.text + repr(access.store_access())
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match="no key") as error:
        shop.land()
    assert "AWS_SECRET_ACCESS_KEY" in error.value.cure


@pytest.mark.parametrize("endpoint", ["http://store.example:9000", "store.example:9000", "ftp://store.example"])
def test_unencrypted_or_odd_endpoint_is_rejected(bucket: str, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("LAKE_S3_ENDPOINT", endpoint)
    reset_settings()
    with pytest.raises(SettingsError, match="LAKE_S3_ENDPOINT"):
        access.store_access()


def test_tables_lie_in_a_folder_or_in_s3(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("LAKE_DELTA_ROOT", "gs://bucket/delta")
    reset_settings()
    with pytest.raises(SettingsError, match="gs://"):
        list_tables()
