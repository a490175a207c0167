"""Which days of delivery are unusual: silence, thin days and floods are seen, habits and chance are not."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from expectations.delivery import UNUSUAL_DAYS, measure_delivery

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
Unusual = Callable[[Callable[[int], int]], list[date]]


@pytest.fixture
def unusual() -> Iterator[Unusual]:
    """Gives the unusual days of a table that delivered `rows(day)` rows so many days ago, for 40 days."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create macro lake_now() as timestamptz '{NOW.isoformat()}'")

        def find(rows: Callable[[int], int]) -> list[date]:
            days = [(ago(day), rows(day)) for day in range(40)]
            connection.execute("create or replace table days (day date, rows bigint)")
            connection.executemany("insert into days values (?, ?)", days)
            connection.execute(
                """create or replace view "bronze/s/e" as
                    select cast(day as timestamptz) + interval 3 hour as known_at from days, range(days.rows)"""
            )
            measure_delivery(connection, {"s": ["bronze/s/e"]})
            return [
                row[0]
                for row in connection.execute(f"select day from {UNUSUAL_DAYS} where is_watched order by 1").fetchall()
            ]

        yield find


def ago(days: int) -> date:
    return NOW.date() - timedelta(days=days)


def weekly(day: int) -> int:
    return 150 if ago(day).weekday() >= 5 else 100


def test_habit_with_weekends_and_chance_is_not_unusual(unusual: Unusual) -> None:
    assert unusual(lambda day: weekly(day) + (day * 7919) % 21 - 10) == []


def test_silent_days_are_unusual_also_when_nothing_came_since(unusual: Unusual) -> None:
    assert unusual(lambda day: 0 if day <= 2 else 100) == [ago(2), ago(1)]


def test_thin_day_of_a_small_entity_is_unusual_and_its_chance_is_not(unusual: Unusual) -> None:
    chance = [33, 29, 43, 25, 49, 29, 49, 42, 45, 23]
    assert unusual(lambda day: 5 if day == 4 else chance[day % 10]) == [ago(4)]


def test_thin_day_is_unusual(unusual: Unusual) -> None:
    assert unusual(lambda day: 20 if day == 3 else weekly(day)) == [ago(3)]


def test_flood_is_unusual(unusual: Unusual) -> None:
    assert unusual(lambda day: 900 if day == 5 else weekly(day)) == [ago(5)]


def test_day_that_is_not_over_and_days_long_gone_are_not_judged(unusual: Unusual) -> None:
    assert unusual(lambda day: 0 if day in (0, 20) else 100) == []


def test_entity_that_seldom_delivers_has_no_habit(unusual: Unusual) -> None:
    assert unusual(lambda day: 30 if day % 9 == 0 else 0) == []


def test_row_from_the_future_does_not_hide_a_silent_source() -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create macro lake_now() as timestamptz '{NOW.isoformat()}'")
        connection.execute(
            """create view "bronze/s/e" as select * from
                (values (lake_now() - interval 3 day), (lake_now() + interval 3 day)) as t(known_at)"""
        )
        measure_delivery(connection, {"s": ["bronze/s/e"]})
        assert connection.execute("select lake_now() - newest from lake_newest_rows").fetchall() == [
            (timedelta(days=3),)
        ]


def test_entity_that_has_just_begun_has_no_habit(unusual: Unusual) -> None:
    assert unusual(lambda day: 0 if day > 12 else 10 * (day + 1)) == []
