"""What the benchmark of identity holds our matcher against: people like FEBRL's, exact rules, and one way to score."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.identity_accuracy import Score, score
from benchmarks.inputs.identity_inputs import cut, write_people
from benchmarks.references.exact_rules import best_rule
from identity.matching.person_records import read_records


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write_people(folder, 3000)
    return folder


def test_people_are_the_same_each_time_and_two_thirds_as_many_as_records(people: Path, tmp_path: Path) -> None:
    write_people(tmp_path, 3000)
    assert pq.read_table(tmp_path / "records.parquet").equals(pq.read_table(people / "records.parquet"))
    assert read_records(pq.read_table(people / "records.parquet")).num_rows == 3000
    assert len(set(pq.read_table(people / "truth.parquet")["truth"].to_pylist())) == 2000


def test_duplicate_keeps_most_of_its_values(people: Path) -> None:
    (share,) = duckdb.sql(
        f"""with known as (from '{people}/records.parquet' join '{people}/truth.parquet' using (record_id))
            select avg((a.birth_date = b.birth_date)::int) from known a join known b
            on a.truth = b.truth and a.record_id < b.record_id and a.record_id < 'r00002' and b.record_id >= 'r00002'"""
    ).fetchone() or (0,)
    assert 0.75 < share < 0.9


def test_cut_parts_nobody_but_the_last(people: Path, tmp_path: Path) -> None:
    cut(people, 1000, tmp_path / "cut.parquet")
    (parted, size) = duckdb.sql(
        f"""with kept as (select truth, count(*) as n from '{tmp_path}/cut.parquet'
                join '{people}/truth.parquet' using (record_id) group by truth)
            select count(*) filter (k.n < w.n), sum(k.n) from kept k
            join (select truth, count(*) as n from '{people}/truth.parquet' group by truth) w using (truth)"""
    ).fetchone() or (0, 0)
    assert (parted <= 1, size) == (True, 1000)


def test_best_exact_rule_is_found_among_columns_and_pairs_of_them() -> None:
    records = pa.table({
        "record_id": ["a1", "a2", "b1", "b2", "c"],
        "full_name": ["Li Na", "li na ", "Li Na", "Li Na", None],
        "birth_date": ["1970-01-01", "1970-01-01", "1980-01-01", "1980-01-01", None],
        "city": ["Wuhan", "Jinan", "Wuhan", "Jinan", "Wuhan"],
    })  # fmt: skip
    truth = pa.table({"record_id": ["a1", "a2", "b1", "b2", "c"], "truth": ["a", "a", "b", "b", "c"]})
    rule, links = best_rule(records, truth, "truth")
    assert "birth_date" in rule
    assert score(links, truth) == Score(1.0, recall=1.0, f1=1.0, f1_of_all=1.0, over_merged_percent=0.0)


def test_precision_is_of_the_truth_and_recall_of_what_is_evident() -> None:
    links = pa.table({"record_id": ["1", "2", "3", "4"], "person_id": ["p", "p", "p", "q"]})
    truth = pa.table({
        "record_id": ["1", "2", "3", "4"], "truth": ["A", "A", "A", "A"], "evident": ["A/1", "A/1", "A/2", "A/3"]
    })  # fmt: skip
    found = score(links, truth)
    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)
    assert found.f1_of_all == pytest.approx(2 / 3)
