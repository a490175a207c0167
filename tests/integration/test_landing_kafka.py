"""A Kafka topic: every committed message once, by the lake's own offsets; what cannot be read is kept or reported."""

import json
import time
from typing import Any

import pytest

from ingestion.connectors.streams import kafka
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected, raw_bytes, show
from lake.landing_state import read_state
from lake.tables import table_version
from tests.brokers import KafkaTopic, read_over_kafka, wait_until
from tests.landing_lake import Shop, sale


@pytest.fixture
def topic(shop: Shop, kafka_broker: str) -> KafkaTopic:
    topic = KafkaTopic(kafka_broker, partitions=2).create()
    read_over_kafka(shop, topic)
    return topic


def cursor() -> dict[str, Any]:
    return dict(read_state("bronze/shop/sales")["streams"]["kafka"]["cursor"])


def test_messages_land_once_and_the_offsets_are_in_the_commit(
    shop: Shop, topic: KafkaTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BATCH_MESSAGES", 20)
    topic.send([sale(n) for n in range(50)])
    assert has_new("shop")
    assert shop.land().state == "landed"
    assert shop.counts().landed == 50
    assert len({batch for (batch,) in shop.rows("batch_id")}) == 3
    assert cursor()["offsets"] == {"0": 25, "1": 25}
    version = table_version("bronze/shop/sales")
    assert not has_new("shop")
    assert shop.land().state == "idle"
    assert table_version("bronze/shop/sales") == version
    topic.send([sale(50), sale(50), sale(51, pieces="x")])
    shop.land()
    counts = shop.counts()
    assert (counts.landed, counts.doubled, counts.quarantined) == (51, 1, 1)
    assert {place for (place,) in shop.rows("source_file")} == {f"{topic.name}/0", f"{topic.name}/1"}


def test_full_refresh_reads_all_again_and_adds_nothing(shop: Shop, topic: KafkaTopic) -> None:
    topic.send([sale(n) for n in range(10)])
    shop.land()
    before = shop.counts()
    shop.land(full_refresh=True)
    assert shop.counts() == before


def test_empty_topic_is_idle(shop: Shop, topic: KafkaTopic) -> None:
    assert not has_new("shop")
    assert shop.land().state == "idle"


def test_what_is_no_record_is_kept_in_quarantine_with_its_place(shop: Shop, topic: KafkaTopic) -> None:
    large = b'{"sale_id": "' + b"x" * 3_000_000
    topic.send([sale(1), b"not json", b"", b"\xff\xfe{}", b"[]", b"3", large, sale(2)], partition=1)
    topic.send([None], partition=0, key="S7")
    topic.send([None], partition=0, key="S8")
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (10, 2, 8)
    rejected = list_rejected()
    assert {r.reason for r in rejected} == {"unreadable"}
    assert b"\xff\xfe{}" in {raw_bytes(show(r.refused_id)) for r in rejected}, "byte for byte as it came"
    places = {(r.source_file, r.source_position) for r in rejected}
    assert places == {(f"{topic.name}/1", n) for n in range(1, 7)} | {(f"{topic.name}/0", n) for n in (0, 1)}
    assert not has_new("shop")


def test_message_with_several_records_lands_each(shop: Shop, topic: KafkaTopic) -> None:
    rows = [sale(n) for n in range(6)]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows[3:5]) + "\n"
    topic.send([json.dumps(rows[:3]).encode(), lines.encode(), json.dumps(rows[5], indent=2).encode()])
    shop.land()
    assert shop.counts().landed == 6


def test_numbers_and_texts_come_through_as_they_were_sent(shop: Shop, topic: KafkaTopic) -> None:
    topic.send([sale(1, amount_cny=0.1, buyer="0012"), sale(2, pieces=2**70), [sale(3, buyer="👩 שלום", pieces=2**70)]])
    topic.send([sale(4, buyer="👩 שלום")])
    shop.land()
    assert shop.rows("sale_id, amount_cny, buyer") == [("S1", 0.1, "0012"), ("S4", 9.5, "👩 שלום")]
    assert shop.counts().quarantined == 2


def test_new_partition_is_read_from_its_beginning(shop: Shop, topic: KafkaTopic) -> None:
    topic.send([sale(n) for n in range(4)])
    shop.land()
    topic.grow(3)
    wait_until(lambda: len(topic.admin.list_topics(topic.name, timeout=5).topics[topic.name].partitions) == 3)
    topic.send([sale(9)], partition=2)
    assert has_new("shop")
    shop.land()
    assert shop.counts().landed == 5
    assert cursor()["offsets"] == {"0": 2, "1": 2, "2": 1}


def test_only_committed_transactions_land_and_their_markers_keep_nothing_busy(shop: Shop, topic: KafkaTopic) -> None:
    producer = topic.producer(**{"transactional.id": topic.name})
    producer.init_transactions(20)
    for number, is_kept in enumerate([True, False]):
        producer.begin_transaction()
        for row in range(5):
            producer.produce(topic.name, json.dumps(sale(10 * number + row)).encode(), partition=0)
        producer.flush(20)
        (producer.commit_transaction if is_kept else producer.abort_transaction)(20)
    producer.begin_transaction()
    producer.produce(topic.name, json.dumps(sale(90)).encode(), partition=0)
    producer.flush(20)
    shop.land()
    assert [name for (name,) in shop.rows("sale_id")] == [f"S{n}" for n in range(5)]
    assert not has_new("shop"), "an open transaction is not there yet"
    producer.commit_transaction(20)
    assert has_new("shop")
    shop.land()
    assert shop.counts().landed == 6
    assert not has_new("shop")


def test_messages_that_retention_deleted_unread_are_counted_and_reported_once(shop: Shop, topic: KafkaTopic) -> None:
    topic.send([sale(n) for n in range(4)], partition=0)
    shop.land()
    topic.send([sale(n) for n in range(4, 11)], partition=0)
    _delete_before(topic, 0, 9)
    result = shop.land()
    assert result.state == "failed"
    assert "lost 5 messages" in (result.error or "")
    assert "offsets 4 to 8" in (result.error or "")
    assert "retention" in (result.cure or "")
    assert [name for (name,) in shop.rows("sale_id")] == ["S0", "S1", "S10", "S2", "S3", "S9"]
    assert cursor()["lost"] == 5
    topic.send([sale(20)], partition=0)
    assert shop.land().state == "landed"
    assert cursor()["lost"] == 5


def _delete_before(topic: KafkaTopic, partition: int, offset: int) -> None:
    from confluent_kafka import TopicPartition

    place = TopicPartition(topic.name, partition, offset)
    topic.admin.delete_records([place])[place].result(20)


def test_topic_made_anew_is_reported_and_read_from_its_beginning(shop: Shop, topic: KafkaTopic) -> None:
    topic.send([sale(n) for n in range(4)])
    shop.land()
    topic.delete()
    wait_until(lambda: topic.name not in topic.admin.list_topics(timeout=5).topics)
    assert has_new("shop")
    missing = shop.land()
    assert missing.state == "failed"
    assert f"no topic {topic.name}" in (missing.error or "")
    topic.create()
    topic.send([sale(n) for n in range(3, 9)])
    result = shop.land()
    assert "made anew" in (result.error or "")
    assert len(shop.rows()) == 9
    assert shop.land().state == "idle"


def test_topic_name_that_cannot_be_is_rejected_with_cure(shop: Shop, topic: KafkaTopic) -> None:
    del shop.document["servers"][0]["stream"]
    shop.declare()
    with pytest.raises(kafka.ContractError, match=r"sales/\*.jsonl") as rejected:
        shop.land()
    assert "stream" in rejected.value.cure


def test_broker_that_is_away_is_reported_within_seconds(shop: Shop, topic: KafkaTopic) -> None:
    shop.document["servers"][0]["port"] = 1
    shop.declare()
    started = time.monotonic()
    result = shop.land()
    assert time.monotonic() - started < 5
    assert result.state == "failed"
    assert "127.0.0.1:1" in (result.error or "")
    assert result.cure


def test_drops_and_stream_of_one_entity_land_each_row_once(
    shop: Shop, topic: KafkaTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = shop.document["servers"].pop() | {"server": "stream", "host": "127.0.0.1", "port": 9092}
    shop.document["servers"] = [{"server": "embedded", "type": "local", "path": "shop", "format": "jsonl"}, live]
    shop.declare()
    shop.deliver("1.jsonl", [sale(n) for n in range(5)])
    topic.send([sale(n) for n in range(3, 8)])
    shop.land()
    assert shop.counts().landed == 5, "without an address the stream is left alone"
    monkeypatch.setenv("LAKE_SOURCE_SHOP_URL", topic.address)
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.doubled) == (10, 8, 2)
