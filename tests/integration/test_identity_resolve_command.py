"""`lake identity resolve` needs no lake, writes the files that are named, and says what is wrong with its input."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.small_lake import SmallLake

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RECORDS = [
    {"record_id": "a", "full_name": "王小明", "phone": "135 1234 9876", "birth_date": "1980-02-03"},
    {"record_id": "b", "full_name": "Xiaoming Wang", "phone": "+8613512349876", "birth_date": "1980-02-03"},
    {"record_id": "c", "full_name": "赵丽", "phone": None, "birth_date": None},
]


@pytest.fixture
def nowhere(tmp_path: Path) -> SmallLake:
    """A home that is not there and must not come to be."""
    return SmallLake(tmp_path / "home", tmp_path / "token.key")


def write(path: Path, rows: list[dict[str, str | None]]) -> Path:
    pq.write_table(pa.Table.from_pylist([{"source": "crm", "updated_at": NOW} | row for row in rows]), path)
    return path


def test_links_and_explanation_are_written_and_no_lake_is_touched(nowhere: SmallLake, tmp_path: Path) -> None:
    given, links, pairs = (
        write(tmp_path / "records.parquet", RECORDS),
        tmp_path / "links.parquet",
        tmp_path / "pairs.parquet",
    )
    files = ("--input", str(given), "--output", str(links), "--explain", str(pairs))
    document = nowhere.json("identity", "resolve", *files)
    assert (document["records"], document["persons"], document["guarded"]) == (3, 2, [])
    found = {row["record_id"]: row for row in pq.read_table(links).to_pylist()}
    assert list(pq.read_table(links).column_names) == ["record_id", "person_id", "match_kind", "match_strength"]
    assert found["a"]["person_id"] == found["b"]["person_id"] != found["c"]["person_id"]
    assert found["a"]["match_kind"] == "SAME_PHONE"
    assert found["c"]["match_kind"] == "SINGLETON"
    (pair,) = pq.read_table(pairs).to_pylist()
    assert list(pair)[:4] == ["record_id_l", "record_id_r", "match_kind", "match_strength"]
    assert pair["weight_phone"] > 0
    assert not nowhere.home.exists()
    assert not nowhere.key.exists()
    assert {p.name for p in tmp_path.iterdir()} == {"records.parquet", "links.parquet", "pairs.parquet"}
    assert "3 records are 2 persons" in nowhere.ok("identity", "resolve", *files).stdout


def test_unusable_input_ends_with_2_and_a_cure_and_writes_nothing(nowhere: SmallLake, tmp_path: Path) -> None:
    duplicated = write(tmp_path / "doubled.parquet", [*RECORDS, RECORDS[0]])
    broken = tmp_path / "broken.parquet"
    broken.write_text("record_id,source\n")
    lacking = tmp_path / "lacking.parquet"
    pq.write_table(pa.table({"record_id": ["a"], "mail": ["x"]}), lacking)
    output = tmp_path / "links.parquet"
    for given, says in (
        (duplicated, "more than once, as a"),
        (broken, "Parquet"),
        (lacking, "source, updated_at"),
        (tmp_path / "no", "is not there"),
    ):
        done = nowhere.lake("identity", "resolve", "--input", str(given), "--output", str(output))
        assert done.returncode == 2, given
        assert says in done.stderr
        assert "cure:" in done.stderr
        assert "Traceback" not in done.stderr
    done = nowhere.lake(
        "identity", "resolve", "--input", str(duplicated), "--output", str(tmp_path / "no" / "links.parquet")
    )
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert not output.exists()


def test_command_finds_the_people_that_the_pipeline_found(small_lake: SmallLake, tmp_path: Path) -> None:
    """The command is the pipeline's matcher, and on the sandbox it is as good as promised: few people hold two."""
    given, links = tmp_path / "records.parquet", tmp_path / "links.parquet"
    with small_lake.opened():
        from infra.sandbox.truth.score import from_record_ids, score
        from lake.sql.connections import connect
        from lake.tables import scan

        with connect() as con:
            pq.write_table(con.sql(f"select * from {scan('identity/person_records')}").to_arrow_table(), given)
            held = con.sql(
                f"""select person_record_id as record_id, person_id
                    from {scan("identity/person_links")} where valid_to is null"""
            ).fetchall()
            events = con.sql(
                f"select event_id as record_id, person_id from {scan('marts/journey_events')}"
            ).to_arrow_table()
    json.loads(small_lake.ok("identity", "resolve", "--input", str(given), "--output", str(links), "--json").stdout)
    ours = {row["record_id"]: row["person_id"] for row in pq.read_table(links).to_pylist()}
    assert ours.keys() == dict(held).keys()
    assert Counter(Counter(ours.values()).values()) == Counter(Counter(dict(held).values()).values())
    assert len({(ours[record], person) for record, person in held}) == len(set(ours.values()))
    found = score(small_lake.home / "sandbox", from_record_ids(events))
    assert found.precision >= 0.995
    assert found.recall >= 0.5  # of all pairs: who never gives a name or an address cannot be found
    assert found.over_merged <= 0.005 * found.persons
