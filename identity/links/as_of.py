"""The links as they stood at a moment: what training frames join, so that no later merge leaks into them."""

from datetime import datetime

import pyarrow as pa

from contracts.catalogue.tables import PERSON_LINKS
from identity.links.link_history import HISTORY
from lake.sql.connections import connect
from lake.tables import scan, table_exists


def links_as_of(moment: datetime) -> pa.Table:
    """The links that held at a moment (timezone-aware): `HISTORY`, at most one row per person record, `valid_to` null.

    The answer for a moment before the last run's clock is final, once the clock has moved since the first run: until
    then the first load is still going on, and what it brings holds for all earlier moments (`link_history.Moment`).
    """
    if not table_exists(PERSON_LINKS):
        return HISTORY.empty_table()
    with connect() as con:
        links = con.execute(
            f"select * replace (cast(null as timestamptz) as valid_to) from {scan(PERSON_LINKS)} where {held_at('?')}",
            [moment, moment],
        ).to_arrow_table()
    return links.select(HISTORY.names).cast(HISTORY)


def held_at(moment: str) -> str:
    """SQL: whether a row of `person_links` held at a moment, given as SQL that is written twice."""
    return f"valid_from <= {moment} and (valid_to is null or valid_to > {moment})"
