"""The sandbox's nine systems: the same from the same seed, in the contracts' shape, with their truth."""

import re
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from contracts.contract_file import Column
from contracts.errors import LakeError
from infra.sandbox import world
from infra.sandbox.life import simulate
from infra.sandbox.rows import waiting_rows
from infra.sandbox.truth.reconcile import produced
from tests.unit import sandbox_worlds
from tests.unit.sandbox_worlds import Row


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox_worlds.make(tmp_path_factory.mktemp("world"))


def truth(root: Path, name: str, query: str = "select * from truth") -> list[Row]:
    with duckdb.connect() as connection:
        connection.execute(f"create view truth as from read_parquet('{root}/truth/{name}.parquet')")
        found = connection.execute(query)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def effects(root: Path) -> Row:
    import json

    found: Row = json.loads((root / "truth" / "effects.json").read_text())
    return found


def test_same_seed_makes_the_same_world_and_another_seed_another(root: Path, tmp_path: Path) -> None:
    again = sandbox_worlds.make(tmp_path)
    other = sandbox_worlds.make(tmp_path, seed=8)
    first, second, third = (sandbox_worlds.fingerprint(place) for place in (root, again, other))
    assert first == second
    same = [name for name in first if third.get(name) == first[name] and not name.endswith("clock.json")]
    assert not same


def test_every_entity_has_rows_and_the_truth_counts_them_all(root: Path) -> None:
    truth_counts = {(row["source"], row["entity"]): row["received"] for row in produced(root).to_pylist()}
    seen = {
        (contract.source, entity.name): len(sandbox_worlds.rows(root, contract, entity))
        for contract, entity in sandbox_worlds.entities()
    }
    assert truth_counts == {name: count for name, count in seen.items() if count}
    assert len(seen) - len(truth_counts) <= 1, "a rare entity may be empty in a world this small"


def test_truth_names_every_row_by_its_natural_key(root: Path) -> None:
    truth_rows = Counter((row["source"], row["entity"], row["natural_key"]) for row in truth(root, "records"))
    seen = Counter(
        (contract.source, entity.name, str(row[entity.primary_key[0]]))
        for contract, entity in sandbox_worlds.entities()
        for row in sandbox_worlds.rows(root, contract, entity)
    )
    assert truth_rows == seen


def test_good_rows_keep_their_contract_and_bad_ones_break_it_once(root: Path) -> None:
    bad = {(row["source"], row["entity"], row["natural_key"]): row["reason"] for row in truth(root, "bad_rows")}
    found = {}
    for contract, entity in sandbox_worlds.entities():
        for row in sandbox_worlds.rows(root, contract, entity):
            reasons = [reason for column in entity.columns if (reason := broken(column, row[column.name]))]
            if reasons:
                assert len(reasons) == 1
                found[contract.source, entity.name, str(row[entity.primary_key[0]])] = reasons[0]
    assert found == bad


def broken(column: Column, value: object) -> str | None:
    """A second opinion on a raw value, written without the code of landing."""
    if value is None:
        return "missing_required" if column.required else None
    kind = column.logical_type
    try:
        number = float(str(value)) if kind in ("integer", "number") else 0.0
        if kind == "timestamp":
            at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            if column.name == "event_at" and not 1990 <= at.year <= 2026:
                return "time_out_of_range"
        if kind == "date" and not isinstance(value, date):
            date.fromisoformat(str(value))
    except ValueError:
        return "wrong_type"
    if kind == "boolean" and str(value) not in {"0", "1", "True", "False", "true", "false"}:
        return "wrong_type"
    if column.allowed and column.severity == "block" and str(value) not in column.allowed:
        return "not_allowed"
    if column.pattern and not re.search(column.pattern, str(value)):
        return "bad_pattern"
    low, high = column.minimum, column.maximum
    return "out_of_range" if (low is not None and number < low) or (high is not None and number > high) else None


def test_every_system_breaks_its_contract_on_one_known_day(root: Path) -> None:
    planned = effects(root)["troubles"]
    bad_rows = truth(
        root,
        "bad_rows",
        "select source, reason, count(*) as rows, any_value(day) as day from truth group by source, reason, day",
    )
    days = {
        source: {str(row["day"]) for row in bad_rows if row["source"] == source}
        for source in planned["contract_breaking_days"]
    }
    assert days == {source: {day} for source, day in planned["contract_breaking_days"].items()}
    reasons = {row["reason"] for row in bad_rows}
    assert reasons == {
        "missing_required",
        "wrong_type",
        "not_allowed",
        "out_of_range",
        "bad_pattern",
        "time_out_of_range",
    }
    for row in bad_rows:
        assert row["rows"] <= planned["bad_rows_by_reason"][row["source"]][row["reason"]]


def test_a_drop_file_holds_the_rows_of_its_day(root: Path) -> None:
    strays = duplicates = 0
    for contract, entity in sandbox_worlds.entities():
        if contract.server("embedded").format in ("jsonl", "csv", "parquet"):
            for path in sandbox_worlds.files(root, contract, entity):
                day = path.name.split(".")[0]
                delivered = [str(row["delivered_at"])[:10] for row in sandbox_worlds.file_rows(path)]
                assert delivered
                assert set(delivered) <= {day, str(date.fromisoformat(day) - timedelta(days=1))}
                strays += sum(one != day for one in delivered)
    duplicates = truth(root, "records", "select count(*) as n from truth where row_kind = 'double'")[0]["n"]
    assert strays <= duplicates, "only rows that are sent once more come in the file of the day after"


def test_nothing_is_delivered_after_the_clock(root: Path) -> None:
    now = "2026-07-01"
    for contract, entity in sandbox_worlds.entities():
        for row in sandbox_worlds.rows(root, contract, entity):
            assert str(row["delivered_at"]) < now


def test_one_source_is_silent_for_two_days_and_then_brings_everything(root: Path) -> None:
    silent = effects(root)["troubles"]["silent"]
    first = date.fromisoformat(silent["first_day"])
    quiet = {str(first + timedelta(days=number)) for number in range(silent["days"])}
    brought = {str(row["day"]) for row in truth(root, "produced") if row["source"] == silent["source"]}
    assert not quiet & brought
    assert str(first + timedelta(days=silent["days"])) in brought


def test_broken_reconciliation_and_volume_drop_cost_as_many_rows_as_the_truth_says(root: Path) -> None:
    troubles = effects(root)["troubles"]
    contract, entity = next(pair for pair in sandbox_worlds.entities() if pair[1].name == "orders")
    placed = {str(row["order_id"]) for row in sandbox_worlds.rows(root, contract, entity)}
    paid = {str(row["order_id"]) for row in sandbox_worlds.rows(root, contract, contract.entities["payments"])}
    bad = {str(row["natural_key"]) for row in truth(root, "bad_rows")}
    unpaid = len(placed - paid - bad)
    assert (
        troubles["rows"]["broken_reconciliation_rows"] - 2
        <= unpaid
        <= troubles["rows"]["broken_reconciliation_rows"] + 2
    )
    assert troubles["rows"]["volume_drop_rows"] > 0


def test_order_totals_are_the_sum_of_their_lines_less_the_discount(root: Path) -> None:
    contract = next(contract for contract, entity in sandbox_worlds.entities() if entity.name == "orders")
    bad = {str(row["natural_key"]) for row in truth(root, "bad_rows")}
    lines: Counter[str] = Counter()
    for row in sandbox_worlds.rows(root, contract, contract.entities["order_lines"]):
        if row["order_line_id"] not in bad:
            lines[row["order_id"]] += round(row["line_total_cny"] * 100)
    for row in sandbox_worlds.rows(root, contract, contract.entities["orders"]):
        if row["order_id"] not in bad:
            assert round((row["order_total_cny"] + row["discount_cny"]) * 100) == lines[row["order_id"]]


def test_many_rows_of_a_database_share_one_updated_at(root: Path) -> None:
    contract, entity = next(pair for pair in sandbox_worlds.entities() if pair[1].name == "customers")
    counts = Counter(row["updated_at"] for row in sandbox_worlds.rows(root, contract, entity))
    assert max(counts.values()) > sandbox_worlds.PERSONS / 5


def test_late_duplicate_and_corrected_rows_are_there(root: Path) -> None:
    kinds = {
        row["row_kind"]: row["n"]
        for row in truth(root, "records", "select row_kind, count(*) as n from truth group by 1")
    }
    assert {"first", "update", "late", "double", "correction", "bad"} <= set(kinds)
    assert all(count > 0 for count in kinds.values())


@pytest.mark.parametrize(("persons", "days"), [(1, 1), (3, 2), (40, 400)])
def test_worlds_of_any_size_can_be_made(tmp_path: Path, persons: int, days: int) -> None:
    root = sandbox_worlds.make(tmp_path, persons=persons, days=days)
    assert sum(produced(root)["received"].to_pylist()) > 0


def test_people_made_in_many_blocks_and_read_back_in_many_parts_share_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "BLOCK", 50)
    monkeypatch.setattr(waiting_rows, "ROWS_AT_ONCE", 100)
    root = sandbox_worlds.make(tmp_path, persons=120, days=30)
    world.advance(root)
    truth_counts = {(row["source"], row["entity"]): row["received"] for row in produced(root).to_pylist()}
    people = {row["person"] for row in truth(root, "records") if row["person"]}
    assert len(people) > 110
    for contract, entity in sandbox_worlds.entities():
        rows = sandbox_worlds.rows(root, contract, entity)
        key = entity.primary_key[0]
        firsts = {row[key] for row in rows}
        again = truth(
            root,
            "records",
            f"select count(*) as n from truth where source = '{contract.source}' and entity = '{entity.name}' "
            "and row_kind in ('update', 'correction', 'double')",
        )[0]["n"]
        assert len(firsts) >= len(rows) - again
        if contract.server("embedded").format != "sqlite":
            assert truth_counts.get((contract.source, entity.name), 0) == len(rows)


def test_a_sandbox_that_is_there_is_not_overwritten(root: Path) -> None:
    before = sandbox_worlds.fingerprint(root)
    with pytest.raises(LakeError, match="holds a sandbox already"):
        world.create(root, persons=2, days=2)
    assert sandbox_worlds.fingerprint(root) == before


def test_what_lies_in_the_way_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("mine")
    (tmp_path / "file").touch()
    for place, said in (("taken", "holds something else"), ("file/sandbox", "cannot be made")):
        with pytest.raises(LakeError, match=said) as rejected:
            world.create(tmp_path / place, persons=2, days=2)
        assert rejected.value.cure
    assert (tmp_path / "taken" / "letter.txt").read_text() == "mine"


def test_the_truth_says_how_well_leaving_can_be_foretold(tmp_path: Path) -> None:
    measured = effects(sandbox_worlds.make(tmp_path, persons=1500, days=120))["measured"]
    assert 0.06 < measured["churn_per_year"] < 0.20
    assert 0.7 < measured["best_auc"] < 0.9


def test_a_world_of_nobody_is_rejected_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as rejected:
        world.create(tmp_path / "none", persons=0, days=5)
    assert rejected.value.exit_code == 2
    assert rejected.value.cure
