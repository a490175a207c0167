"""Feature tables: equal to a plain count by hand, as it was known at every snapshot, and appended once."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbt_project import runner
from features.build import build_features
from features.catalogue import load_groups
from lake.tables import table_version
from tests.integration import small_bronze
from tests.integration.feature_lake import Rows, copied_lake, lake_at, read
from tests.integration.small_bronze import MERGED, MERGED_AT, NOW, Row


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rows]:
    return copied_lake(tmp_path_factory)


@pytest.fixture(scope="module")
def home(lake: tuple[Path, Rows]) -> Path:
    return lake[0]


@pytest.fixture(scope="module", autouse=True)
def rows(lake: tuple[Path, Rows]) -> Iterator[Rows]:
    home, made = lake
    with lake_at(home):
        yield made


@dataclass(frozen=True)
class Known:
    """What the lake believed at a moment, worked out row by row: no joins, no windows, nothing of the product."""

    rows: Rows
    moment: datetime

    def of(self, source: str, entity: str) -> list[Row]:
        """The newest version known of every row, with the person it was believed to be about."""
        newest: dict[str, Row] = {}
        for row in self.rows[source, entity]:
            previous = newest.get(row["record_id"])
            if row["known_at"] <= self.moment and (previous is None or previous["known_at"] < row["known_at"]):
                newest[row["record_id"]] = row
        return [row | {"person": self.person(row["_person"])} for row in newest.values()]

    def person(self, name: str) -> str:
        surviving, absorbed = MERGED
        return surviving if name == absorbed and self.moment >= MERGED_AT else name

    def children(self, source: str, entity: str, parent: str, key: str) -> list[Row]:
        """Rows whose parent is known too."""
        parents = {row[key] for row in self.of(source, parent)}
        return [row for row in self.of(source, entity) if row[key] in parents]

    def consented_readings(self) -> list[Row]:
        """Readings whose device's latest registration known carries consent; those of vehicles need none."""
        latest: dict[str, Row] = {}
        registrations = self.of("devices", "registrations")
        for row in sorted(registrations, key=lambda r: (-r["event_at"].timestamp(), r["record_id"])):
            latest.setdefault(row["device_serial"], row)
        return [
            row
            for row in self.of("devices", "readings")
            if row["device_serial"] in latest
            and (row["kind"] != "wearable" or latest[row["device_serial"]]["has_health_consent"])
        ]


def rows_of(source: str, entity: str) -> Callable[[Known], list[Row]]:
    return lambda known: known.of(source, entity)


def rows_below(source: str, entity: str, parent: str, key: str) -> Callable[[Known], list[Row]]:
    return lambda known: known.children(source, entity, parent, key)


def claims_with_cycle(known: Known) -> list[Row]:
    return [
        row | {"cycle": (row["closed_at"] - row["opened_at"]).total_seconds() / 86400 if row["closed_at"] else None}
        for row in known.of("service_delivery", "claims")
    ]


def every(row: Row) -> bool:
    return True


def counted(rows: list[Row]) -> int:
    return len(rows)


def total(column: str) -> Callable[[list[Row]], float]:
    return lambda rows: sum(row[column] for row in rows)


def of(column: str, aggregate: Callable[[Any], Any]) -> Callable[[list[Row]], Any]:
    """An aggregate over the values that are not null; null where there are none."""

    def measure(rows: list[Row]) -> Any:
        values = pd.Series([row[column] for row in rows if row[column] is not None], dtype=float)
        return aggregate(values) if len(values) else None

    return measure


def spread(values: Any) -> Any:
    return values.std(ddof=1) if len(values) > 1 else None


def last(column: str) -> Callable[[list[Row]], Any]:
    def measure(rows: list[Row]) -> Any:
        with_value = [row for row in rows if row[column] is not None]
        return max(with_value, key=lambda row: (row["event_at"], row["record_id"]))[column] if with_value else None

    return measure


def share_late(rows: list[Row]) -> Any:
    return sum(row["delay_minutes"] > 15 for row in rows) / len(rows) if rows else None


orders = rows_of("orders", "orders")
lines = rows_below("orders", "order_lines", "orders", "order_id")
deliveries = rows_of("service_delivery", "deliveries")
responses = rows_of("voice_of_customer", "responses")
transfers = rows_below("contact_centre", "transfers", "contacts", "contact_id")
resolutions = rows_below("contact_centre", "resolutions", "contacts", "case_id")
goodwill = rows_of("contact_centre", "goodwill")

#: Feature -> where its rows come from, which of them count, and what is made of them. Every aggregate, every
#: way to a person (own record, parent, one of several parents, consent) and every derived column is among them.
BY_HAND: dict[str, tuple[Callable[[Known], list[Row]], Callable[[Row], bool], Callable[[list[Row]], Any]]] = {
    "orders_count_7d": (orders, every, counted),
    "orders_count_365d": (orders, every, counted),
    "order_value_cny_sum_90d": (orders, lambda r: r["order_status"] != "cancelled", total("order_total_cny")),
    "items_sum_90d": (lines, every, total("quantity")),
    "product_categories_distinct_365d": (lines, every, lambda rows: len({row["product_category"] for row in rows})),
    "delay_minutes_avg_365d": (deliveries, every, of("delay_minutes", np.mean)),
    "delay_minutes_max_30d": (deliveries, every, of("delay_minutes", np.max)),
    "delay_minutes_spread_stddev_365d": (deliveries, every, of("delay_minutes", spread)),
    "late_deliveries_of_all_share_365d": (deliveries, lambda r: r["delay_minutes"] is not None, share_late),
    "claim_cycle_days_max_365d": (claims_with_cycle, every, of("cycle", np.max)),
    "nps_score_last_365d": (responses, lambda r: r["survey"] == "nps", last("score")),
    "nps_score_min_365d": (responses, lambda r: r["survey"] == "nps", of("score", np.min)),
    "cases_closed_count_90d": (resolutions, every, counted),
    "transfers_count_365d": (transfers, every, counted),
    "goodwill_successes_count_365d": (goodwill, lambda r: r["later_outcome"] == "retained", counted),
    "wearable_readings_count_90d": (Known.consented_readings, lambda r: r["kind"] == "wearable", counted),
    "vehicle_readings_count_365d": (Known.consented_readings, lambda r: r["kind"] == "vehicle", counted),
    "sessions_count_90d": (rows_of("web_app", "sessions"), lambda r: not r["is_bot"], counted),
    "consent_withdrawals_count_90d": (rows_of("crm", "consents"), lambda r: not r["is_granted"], counted),
}


def by_hand(known: Known, feature: str) -> dict[str, Any]:
    """Value by person, of every person the source knows, 0 rows counted as such."""
    find, counts, measure = BY_HAND[feature]
    window = timedelta(days=int(feature.rpartition("_")[2].removesuffix("d")))
    values: dict[str, list[Row]] = {person: [] for person in small_bronze.PERSONS}
    for row in find(known):
        if known.moment - window <= row["event_at"] < known.moment and counts(row):
            values[row["person"]].append(row)
    return {person: measure(rows) for person, rows in values.items()}


@pytest.mark.parametrize("feature", BY_HAND)
def test_feature_equals_a_count_by_hand_at_every_snapshot(feature: str, rows: Rows) -> None:
    (group,) = [g for g in load_groups() if feature in {f.name for f in g.features}]
    table = read(group.table, f"person_id, event_timestamp, {feature}")
    moments = table.event_timestamp.unique()
    values = {moment: by_hand(Known(rows, moment.to_pydatetime()), feature) for moment in moments}
    expected = [values[moment][person] for person, moment in zip(table.person_id, table.event_timestamp, strict=True)]
    computed = table[feature].astype(float).to_numpy()
    np.testing.assert_allclose(computed, np.array(expected, dtype=float), rtol=1e-9)
    assert len(set(computed[~np.isnan(computed)])) > 2, "a feature that never varies proves nothing"


def test_tables_hold_the_declared_features_with_their_types_and_nothing_else() -> None:
    for group in load_groups():
        table = read(group.table)
        names = [feature.name for feature in group.features]
        assert list(table.columns) == ["person_id", "event_timestamp", "created_timestamp", *names]
        for feature in group.features:
            assert str(table[feature.name].dtype) == ("int64" if feature.is_whole_number else "float64"), feature.name


def test_first_run_takes_a_snapshot_every_30_days_back_through_what_is_known() -> None:
    for group in load_groups():
        table = read(group.table, "person_id, event_timestamp, created_timestamp")
        moments = sorted(table["event_timestamp"].unique(), reverse=True)
        assert moments[0] == pd.Timestamp(NOW)
        assert {(NOW - moment).days % 30 for moment in moments} == {0}
        assert len(moments) >= 360 // 30
        assert not table.duplicated(["person_id", "event_timestamp"]).any()
        assert (table["created_timestamp"] == table["event_timestamp"]).all()


def test_outcome_filled_in_later_reaches_no_snapshot_before_it_was_known(rows: Rows) -> None:
    """The planted trap: the column stands under the early event_at; who reads the newest version sees the future."""
    table = read("features/service_contacts", "person_id, event_timestamp, goodwill_successes_count_365d as successes")
    newest = Known(rows, NOW).of("contact_centre", "goodwill")
    leaks = 0
    for person, moment, successes in table.itertuples(index=False):
        at = moment.to_pydatetime()
        naive = sum(
            row["later_outcome"] == "retained" and at - timedelta(days=365) <= row["event_at"] < at
            for row in newest
            if row["person"] == person
        )
        leaks += naive > successes
    assert leaks > 5, "the trap is not in this world"


def test_late_delivery_reaches_no_snapshot_before_it_was_delivered(rows: Rows) -> None:
    """Orders that happened before a snapshot and came after it: counted by `event_at` alone, they would leak."""
    table = read("features/purchases", "person_id, event_timestamp, orders_count_365d as counted")
    leaks = 0
    for moment, snapshot in table.groupby("event_timestamp"):
        known = Known(rows, moment.to_pydatetime())
        everything = Known(rows, NOW).of("orders", "orders")
        for person, orders_counted in zip(snapshot.person_id, snapshot.counted, strict=True):
            happened = sum(
                known.person(row["_person"]) == person
                and known.moment - timedelta(days=365) <= row["event_at"] < known.moment
                for row in everything
            )
            leaks += happened > orders_counted
    assert leaks > 5, "no delivery is late in this world"


def test_merge_learnt_later_does_not_reach_earlier_snapshots() -> None:
    surviving, absorbed = MERGED
    table = read("features/purchases", "person_id, event_timestamp, orders_count_365d as orders")
    before, after = table[table.event_timestamp < MERGED_AT], table[table.event_timestamp >= MERGED_AT]
    assert (before.person_id == absorbed).any()
    assert (after.person_id == surviving).any()
    assert not (after.person_id == absorbed).any()
    newest = before[before.event_timestamp == before.event_timestamp.max()].set_index("person_id")["orders"]
    first = after[after.event_timestamp == after.event_timestamp.min()].set_index("person_id")["orders"]
    assert first[surviving] > newest[surviving] + 2


def test_person_has_a_row_in_every_snapshot_from_the_first_one_on() -> None:
    """Without it a point-in-time join would reach back to a stale one."""
    for group in load_groups():
        table = read(group.table, "person_id, event_timestamp")
        moments = sorted(table["event_timestamp"].unique())
        for person, snapshots in table.groupby("person_id")["event_timestamp"]:
            end = len(moments) if person != MERGED[1] else sum(moment < MERGED_AT for moment in moments)
            start = moments.index(snapshots.min())
            assert sorted(snapshots) == moments[start:end], (group.name, person)


def test_same_day_twice_writes_no_version() -> None:
    before = {group.table: table_version(group.table) for group in load_groups()}
    result = build_features()
    assert {group.table: table_version(group.table) for group in load_groups()} == before
    assert not any(write.changed for write in result.writes.values())


def test_next_day_appends_its_snapshot_a_rebuild_gives_the_same_table_and_a_measure_is_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the lake and of the project, so that the other tests keep theirs."""
    copy = tmp_path / "lake"
    shutil.copytree(home, copy)
    project = tmp_path / "dbt_project"
    shutil.copytree(runner.PROJECT, project, ignore=shutil.ignore_patterns("target", "__pycache__"))
    declaration = project / "models" / "features" / "relationship.yml"
    line = "consent_changes: {aggregates: [count], windows: [30], unit: consents, description: Consents declared}"
    place = "            consents:\n              measures:\n"
    text = declaration.read_text()
    assert place in text
    declaration.write_text(text.replace(place, f"{place}                {line}\n"))
    monkeypatch.setattr(runner, "PROJECT", project)
    tomorrow = NOW + timedelta(days=1, hours=15)
    with lake_at(copy, tomorrow):
        before = read("features/relationship")
        build_features(["relationship"], root=declaration.parent)
        appended = read("features/relationship")
        build_features(["relationship"], full_refresh=True, root=declaration.parent)
        rebuilt = read("features/relationship")
    new = appended[appended.event_timestamp == pd.Timestamp(NOW + timedelta(days=1))]
    assert len(new) > 0
    assert len(appended) == len(before) + len(new)
    assert new["consent_changes_count_30d"].sum() > 0
    key = ["person_id", "event_timestamp"]
    pd.testing.assert_frame_equal(
        appended[before.columns].sort_values(key, ignore_index=True),
        rebuilt[before.columns].sort_values(key, ignore_index=True),
    )
    first = rebuilt[rebuilt.event_timestamp == rebuilt.event_timestamp.min()]
    assert first["consent_changes_count_30d"].notna().all(), "a rebuild computes a new feature for the past, too"
