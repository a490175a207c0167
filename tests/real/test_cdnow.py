"""CDNOW through the `orders` contract: the published customer summary and BG/NBD model come out of the lake again.

Summary: Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2): 2,357 customers
of the 1/10 sample, calibration from 1997-01-01 to 1997-09-30, time in weeks.
"""

from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln

from infra.worlds.cdnow import data_file
from lake import tables
from lake.sql.connections import connect

CALIBRATION_END = "1997-09-30"
SUMMARY = """
    select
        s.sample_id as id, count(distinct o.event_at::date) - 1 as frequency,
        date_diff('day', min(o.event_at::date), max(o.event_at::date)) / 7 as recency,
        date_diff('day', min(o.event_at::date), date '{end}') / 7 as age
    from {orders} as o
    inner join sample as s on o.account_id = s.account_id
    where o.event_at::date <= date '{end}'
    group by s.sample_id
    order by s.sample_id
"""


def read_sample(connection: duckdb.DuckDBPyConnection) -> None:
    """Who is in the 1/10 sample, and under which number in the published summary."""
    connection.execute(
        """create temp table sample as
        select distinct 'A' || f[1] as account_id, f[2]::int as sample_id
        from (select regexp_split_to_array(trim(line), ' +') as f from read_csv(
            ?, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = '\t', quote = ''))""",
        [str(data_file("CDNOW_sample.txt"))],
    )


@pytest.fixture(scope="module")
def rebuilt(cdnow: Any) -> dict[str, np.ndarray]:
    """The customer summary as the lake gives it."""
    with cdnow.open(), connect() as connection:
        read_sample(connection)
        return connection.execute(
            SUMMARY.format(orders=tables.scan("bronze/orders/orders"), end=CALIBRATION_END)
        ).fetchnumpy()


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    """The customer summary as the package holds it."""
    file = data_file("cdnow_customers_summary.csv")
    return duckdb.sql(f"select * from read_csv('{file}', header = true) order by ID").fetchnumpy()


def test_every_purchase_lands_and_none_is_rejected_or_duplicated(cdnow: Any) -> None:
    counted = {entity.entity: vars(entity.counts) for entity in cdnow.results["orders"].entities}
    whole = {"received": 69_659, "landed": 69_659, "quarantined": 0, "doubled": 0}
    assert counted["orders"] == counted["order_lines"] == whole


def test_purchases_that_look_alike_are_not_taken_for_duplicates(cdnow: Any) -> None:
    """255 purchases repeat customer, day, number and price of another: they are purchases, not exact duplicates."""
    with cdnow.open(), connect() as connection:
        (repeated,) = connection.execute(
            f"""select sum(n - 1) from (
                select count(*) as n from {tables.scan("bronze/orders/orders")} as o
                inner join {tables.scan("bronze/orders/order_lines")} as l on o.order_id = l.order_id
                group by o.account_id, o.event_at, l.quantity, o.order_total_cny)"""
        ).fetchone() or (None,)
    assert repeated == 255


def test_published_summary_is_rebuilt_for_all_customers(
    rebuilt: dict[str, np.ndarray], published: dict[str, np.ndarray]
) -> None:
    assert len(rebuilt["id"]) == len(published["ID"]) == 2_357
    assert (rebuilt["id"] == published["ID"]).all()
    assert (rebuilt["frequency"] == published["frequency"]).all()
    # the file has two digits
    assert np.abs(rebuilt["recency"] - published["recency"]).max() < 0.005
    assert np.abs(rebuilt["age"] - published["T"]).max() < 0.005


def test_946_repeat_buyers_made_2457_repeat_transactions(rebuilt: dict[str, np.ndarray]) -> None:
    assert int((rebuilt["frequency"] > 0).sum()) == 946
    assert int(rebuilt["frequency"].sum()) == 2_457


def test_bg_nbd_fits_the_published_parameters_within_one_percent(rebuilt: dict[str, np.ndarray]) -> None:
    x, recency, age = (rebuilt[name].astype(float) for name in ("frequency", "recency", "age"))

    def minus_log_likelihood(log_parameters: np.ndarray) -> float:
        """Equation 6 of the paper, by logarithms."""
        r, alpha, a, b = np.exp(log_parameters)
        counted = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        never_left = -(r + x) * np.log(alpha + age)
        just_left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + recency)
        return -float(np.sum(counted + alive + np.where(x > 0, np.logaddexp(never_left, just_left), never_left)))

    fit = minimize(minus_log_likelihood, np.zeros(4), method="L-BFGS-B")
    assert fit.success
    assert np.exp(fit.x) == pytest.approx([0.243, 4.414, 0.793, 2.426], rel=0.01)
    assert fit.fun == pytest.approx(9_582.4, abs=0.1)


def test_landing_again_brings_nothing(cdnow: Any) -> None:
    from ingestion.landing.land import has_new, land_source

    with cdnow.open():
        before = {name: tables.table_version(name) for name in tables.list_tables("bronze")}
        assert not has_new("orders")
        assert land_source("orders").state == "idle"
        assert {name: tables.table_version(name) for name in tables.list_tables("bronze")} == before
