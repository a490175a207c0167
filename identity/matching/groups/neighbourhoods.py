"""Which records can bear on each other's person: a resolution of whole neighbourhoods gives what one of all would.

Two records are neighbours where one may change who the other is: they share a usable value, they were tied (even where
the tie was cut afterwards), they say the same, or their e-mails are one slip apart. What is further away cannot.
"""

import duckdb

from identity.matching.groups.components import Ints, connected_components, ints
from identity.matching.groups.nameless_records import similar_emails_sql
from identity.matching.tables import JUDGED, PEOPLE, PROFILE_OF, USABLE
from lake.sql.rows import single_value
from lake.sql.scratch import Computation

_FIND_NEIGHBOURS = Computation("find neighbours", reads=(PEOPLE, USABLE, JUDGED, PROFILE_OF))


def neighbourhoods(con: duckdb.DuckDBPyConnection) -> Ints:
    """Per rid the smallest rid of its neighbourhood."""
    with _FIND_NEIGHBOURS.on(con):
        size = int(single_value(con, "select count(*) from people"))
        neighbours = con.sql(
            f"""select min(rid) over (partition by kind, value) as l, rid as r from usable
                union all select l, r from judged where is_tie or is_labelled
                union all select pid, rid from profile_of where rid <> pid
                union all select l, r from ({similar_emails_sql("usable")})"""
        ).fetchnumpy()
    return connected_components(size, ints(neighbours["l"]), ints(neighbours["r"]))
