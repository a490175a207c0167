"""Which records can bear on each other's person: a resolution of whole neighbourhoods gives what one of all would.

Two records are neighbours where one may change who the other is: they share a usable value, they were tied (even where
the tie was cut afterwards), they say the same, or their e-mails are one slip apart. What is further away cannot.
"""

import duckdb

from identity.matching.groups.components import Ints, connected_components, ints
from identity.matching.groups.nameless_records import similar_emails_sql


def neighbourhoods(con: duckdb.DuckDBPyConnection) -> Ints:
    """Per rid the smallest rid of its neighbourhood. Reads `people`, `usable`, `judged`, `profile_of`."""
    size = con.sql("select count(*) from people").fetchall()[0][0]
    found = con.sql(
        f"""select min(rid) over (partition by kind, value) as l, rid as r from usable
            union all select l, r from judged where is_tie or is_labelled
            union all select pid, rid from profile_of where rid <> pid
            union all select l, r from ({similar_emails_sql("usable")})"""
    ).fetchnumpy()
    return connected_components(size, ints(found["l"]), ints(found["r"]))
