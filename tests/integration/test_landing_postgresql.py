"""PostgreSQL by watermark: an index does the work, every row lands once, and no value is bent on the way."""

import resource
import time
from typing import Any

import pytest

from contracts.contract_file import ContractError
from ingestion.connectors.databases import sql
from ingestion.connectors.databases.dialects import PostgreSql
from ingestion.connectors.databases.sql import SqlConnector
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected, show
from tests.landing_lake import Shop
from tests.landing_postgresql import Database, at, database, needs_postgresql, postgresql

__all__ = ["database", "postgresql"]
pytestmark = needs_postgresql


def connector(shop: Shop, database: Database) -> SqlConnector:
    return SqlConnector(PostgreSql("shop", database.address), shop.table())


def plan(database: Database, query: str) -> str:
    with database.connect() as connection:
        return "\n".join(row[0] for row in connection.execute(f"explain {query}").fetchall())  # type: ignore[call-overload]


def test_rows_land_with_their_types_and_nothing_new_is_idle(shop: Shop, database: Database) -> None:
    database.add(1, at(9), amount_cny=0.1 + 0.2, is_gift=True)
    database.add(2, at(10), buyer=None, amount_cny=None)
    assert has_new("shop")
    assert shop.land().error is None
    assert shop.rows("sale_id, buyer, amount_cny, is_gift, bought_date::varchar, updated_at::varchar") == [
        ("S1", "陈 小明", 0.1 + 0.2, True, "2026-06-30", "2026-06-30 09:00:00+00"),
        ("S2", None, None, False, "2026-06-30", "2026-06-30 10:00:00+00"),
    ]
    assert not has_new("shop")
    assert shop.land().state == "idle"


def test_watermark_that_is_a_time_is_found_through_its_index(shop: Shop, database: Database) -> None:
    database.run(
        """insert into sales select 'S' || n, null, 1, 1, false, 'shop', date '2026-06-30', t, t, t
           from (select n, timestamptz '2026-01-01 00:00Z' + n * interval '1 minute' t
                 from generate_series(1, 100000) n) as many"""
    )
    database.run("analyze sales")
    asked = connector(shop, database)
    mark, ceiling = asked._mark(), asked._ceiling()
    after = "2026-03-11 09:00:00+00"
    questions = [
        mark.newest(mark.between(after, ceiling), asked.table),
        mark.fingerprint(mark.between(after, ceiling), asked.table),
        mark.nth(100, mark.between(after, ceiling), asked.table),
        f"select count(*) from {asked.table} where {mark.is_odd(ceiling)}",
        f"select * from {asked.table} where ({mark.between(after, ceiling)}) or {mark.is_odd(ceiling)}",
    ]
    asked.close()
    for question in questions:
        steps = plan(database, question)
        assert "Index" in steps, steps
        assert "Seq Scan" not in steps, steps


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date", "text"])
def test_watermark_of_every_type_finds_new_changed_and_late_rows(shop: Shop, database: Database, kind: str) -> None:
    database.create(updated_at=kind)
    database.add(1, at(9))
    database.add(2, at(10))
    shop.land()
    assert not has_new("shop")
    database.run("update sales set pieces = 5, updated_at = %s where sale_id = 'S1'", at(11))
    database.add(3, at(9, 30) if kind == "date" else at(10, 30))
    assert has_new("shop")
    shop.land()
    assert not has_new("shop")
    assert (shop.counts().received, shop.counts().doubled) == (4, 0)


def test_transaction_that_began_earlier_and_commits_later_is_not_lost(shop: Shop, database: Database) -> None:
    with database.transaction() as slow:
        slow.execute("select 1")
        database.add(1, at(10))
        slow.execute("insert into sales select 'S2', null, 1, 1, false, 'shop', current_date, %s, %s, %s",
                     [at(9, 50)] * 3)  # fmt: skip
        database.add(3, at(10, 5))
        shop.land()
        assert shop.rows("sale_id") == [("S1",), ("S3",)]
        assert not has_new("shop")
    assert has_new("shop")
    shop.land()
    counts = shop.counts()
    print(f"late commit: {counts.landed} landed, {counts.doubled} duplicates")
    assert (counts.landed, counts.doubled) == (3, 0)


def test_late_row_is_seen_though_another_one_left_the_overlap(shop: Shop, database: Database) -> None:
    """As many rows as before in the overlap is not the same rows as before."""
    database.add(1, at(9, 40))
    database.add(2, at(10))
    shop.land()
    database.run("delete from sales where sale_id = 'S1'")
    database.add(3, at(9, 50))
    assert has_new("shop")
    shop.land()
    assert shop.counts().landed == 3


@pytest.mark.parametrize("ties", [3_000, pytest.param(1_000_000, marks=pytest.mark.prove)])
def test_rows_that_share_one_watermark_land_once_in_batches_of_bounded_size(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, ties: int
) -> None:
    monkeypatch.setattr(sql, "BATCH_ROWS", -(-ties // 3))
    database.run(
        """insert into sales select 'S' || n, null, 1, 1, false, 'shop', date '2026-06-30', t, t,
                case when n <= %s then t else t + n * interval '1 millisecond' end
            from (select n, timestamptz '2026-06-30 09:00Z' as t from generate_series(1, %s) n) as many""",
        ties,
        2 * ties,
    )
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert shop.land().error is None
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    batches = shop.rows("distinct batch_id")
    assert shop.rows("count(distinct sale_id)") == [(2 * ties,)]
    print(f"{ties} rows of one watermark among {2 * ties}: {len(batches)} batches, {time.monotonic() - started:.1f} s,"
          f" peak memory +{grown} MB")  # fmt: skip
    assert len(batches) == 4  # the tie whole, the others in thirds
    assert not has_new("shop")
    assert shop.counts().landed == 2 * ties


def test_times_beyond_time_are_rejected_one_by_one(shop: Shop, database: Database) -> None:
    odd = ["infinity", "-infinity", "294276-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"]
    for number, value in enumerate(odd):
        database.add(number, at(9), event_at=value)
    database.add(10, "infinity")
    database.add(11, at(9), bought_date="infinity")
    database.add(12, at(9))
    assert shop.land().error is None
    assert shop.rows("sale_id") == [("S12",)]
    assert shop.counts().quarantined == 6
    assert {r.reason for r in list_rejected()} == {"time_out_of_range"}
    raws = [show(r.refused_id)["raw"] for r in list_rejected() if r.column_name == "event_at"]
    assert sorted(raw.split('"event_at":"')[1].split('"')[0] for raw in raws) == [
        "-infinity", "0044-03-15 (BC) 00:00:00+00", "infinity", "infinity",
    ]  # fmt: skip
    assert not has_new("shop")


def test_numbers_that_are_none_or_too_large_are_rejected_and_exact_ones_kept(shop: Shop, database: Database) -> None:
    database.create(amount_cny="numeric", pieces="numeric")
    database.add(1, at(9), amount_cny="NaN")
    database.add(2, at(9), amount_cny="Infinity")
    database.add(3, at(9), pieces="9223372036854775808")
    database.add(4, at(9), pieces="1.5")
    database.add(5, at(9), amount_cny="0.1", pieces="100.00")
    assert shop.land().error is None
    assert shop.rows("sale_id, amount_cny, pieces") == [("S5", 0.1, 100)]
    assert {r.reason for r in list_rejected()} == {"wrong_type"}
    assert shop.counts().quarantined == 4


def test_types_that_arrow_lacks_come_as_their_text(shop: Shop, database: Database) -> None:
    database.run("create domain place as inet")
    database.run("create type mood as enum ('glad', 'sad')")
    database.run(
        """alter table sales add a_uuid uuid, add a_json jsonb, add an_inet place, add a_price money,
           add bytes bytea, add moods mood[], add a_span interval"""
    )
    database.add(1, at(9))
    database.run(
        """update sales set a_uuid = '6300f7c9-fd49-465b-aeea-d3bac3a7a5aa', a_json = '{"a": 0.10}',
           an_inet = '10.1.2.0/24', a_price = 12.5, bytes = '\\x00ff', moods = '{glad,sad}', a_span = '2 days'"""
    )
    assert shop.land().error is None
    assert shop.rows("a_uuid, a_json, an_inet, a_price, bytes, moods, a_span") == [
        (
            "6300f7c9-fd49-465b-aeea-d3bac3a7a5aa",
            '{"a": 0.10}',
            "10.1.2.0/24",
            "$12.50",
            "\\x00ff",
            "{glad,sad}",
            "2 days",
        )
    ]


def test_text_survives_byte_for_byte(shop: Shop, database: Database) -> None:
    texts = ["\x01", "\x01\x01a", "é", "e\u0301", "👩‍👩‍👧", "שלום", "007", " x ", "", "a'b\"c\\"]
    for number, text in enumerate(texts):
        database.add(number, at(9), buyer=text)
    assert shop.land().error is None
    assert [buyer for _, buyer in sorted(shop.rows("sale_id, buyer"))] == texts


@pytest.mark.parametrize("replication", ["none", "logical"])
def test_database_of_another_encoding_is_read_as_text(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, replication: str
) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": "replication", "value": replication}]
    shop.declare()
    name = f"latin_{replication}"
    database.run(f"create database {name} template template0 encoding 'LATIN1' locale 'C'")
    latin = Database(database.services.database(name), database.services)
    monkeypatch.setenv("LAKE_SOURCE_SHOP_URL", latin.address)
    latin.create()
    latin.run("alter table sales replica identity full")
    for number in range(2):
        latin.add(number, at(9 + number), buyer="Müller é")
        assert shop.land().error is None
    assert shop.rows("buyer") == [("Müller é",)] * 2


@pytest.mark.parametrize("option", [{"replication": "physical"}, {"overlapHours": -1}, {"overlapHours": "two"}])
def test_server_options_that_cannot_be_meant_are_rejected(
    shop: Shop, database: Database, option: dict[str, Any]
) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": k, "value": v} for k, v in option.items()]
    shop.declare()
    with pytest.raises(ContractError, match=next(iter(option))):
        shop.land()


def test_overlap_is_as_long_as_the_contract_says(shop: Shop, database: Database) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": "overlapHours", "value": 4}]
    shop.declare()
    database.add(1, at(12))
    shop.land()
    database.add(2, at(9))
    assert has_new("shop")
    shop.land()
    assert shop.counts().landed == 2


def test_database_that_is_out_of_reach_says_so_without_the_password(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_SOURCE_SHOP_URL", "postgresql://lake:secret@127.0.0.1:1/shop")
    result = shop.land()
    assert result.state == "failed"
    assert "127.0.0.1:1/shop" in (result.error or "")
    assert "secret" not in f"{result.error} {result.cure}"
