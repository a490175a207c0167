"""Records without a name join the one person who holds their identifier, or stay apart: they never bridge two people.

Kind by kind, from customer numbers down to cookies (`rules.KINDS`, by turn). A browser that saw two accounts belongs
to neither; the log-ins in it belong each to their account. What no named record holds is grouped by itself.
"""

import duckdb
import numpy as np
import pyarrow as pa

from identity import rules
from identity.components import Ints, connected_components

_GROUPED_AGAIN = "SHARED_IDENTIFIER"


def attach(con: duckdb.DuckDBPyConnection, component: Ints) -> Ints:
    """The components with nameless records attached. Adds what it joins to `edges`."""
    con.register("registered", pa.table({"rid": np.arange(len(component)), "component": component}))
    # `is_settled`: somebody whom later kinds may find; a named record, or one grouped by an identifier of its own.
    con.execute(
        """create table state as select r.rid, r.component, p.name_id is not null as is_settled
           from registered r join people p using (rid)"""
    )
    con.unregister("registered")
    kinds = [row[0] for row in con.sql("select distinct kind from usable").fetchall()]
    for kind in sorted(kinds, key=lambda k: (rules.kind_of(k).turn, k)):
        _attach_kind(con, kind)
    _group_undecided(con)
    found = con.sql("select rid, component from state order by rid").fetchnumpy()["component"]
    con.execute("drop table state")
    return np.ascontiguousarray(found, dtype=np.int64)


def _attach_kind(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Loose components with a value of this kind: to its one settled owner; among themselves where it has none."""
    con.execute(
        f"""create table held as
            select distinct u.value, s.component, s.is_settled, min(s.rid) over (partition by u.value, s.component) as rid
            from usable u join state s using (rid) where u.kind = '{kind}'"""
    )
    con.execute(
        f"""create table owners as
            select h.value, count(*) as owners, min(component) as component, min(rid) as rid
            from held h where is_settled group by h.value"""
    )
    # One owner over all values of this kind that the loose component shows, else it is undecided.
    con.execute(
        """create table moves as
           select l.component as loose, min(coalesce(o.component, -1)) filter (o.component is not null) as owner,
                  min(o.rid) as owner_rid, min(l.rid) as loose_rid, min(l.value) as value,
                  count(distinct o.component) as owner_count, coalesce(max(o.owners), 0) as shared_by
           from held l left join owners o using (value) where not l.is_settled group by l.component"""
    )
    new = con.sql("select loose, value, loose_rid from moves where owner_count = 0 order by loose").fetchnumpy()
    if len(new["loose"]):
        _group(con, kind)
    con.execute(
        f"""insert into edges by name
            select least(owner_rid, loose_rid) as left_rid, greatest(owner_rid, loose_rid) as right_rid,
                   '{rules.rule_of(kind)}' as rule, {rules.kind_of(kind).weight} as strength,
                   {rules.kind_of(kind).weight} as weight_{_weight_column(kind)}
            from moves where owner_count = 1 and shared_by = 1"""
    )
    con.execute(
        """update state set component = m.owner, is_settled = true from moves m
           where state.component = m.loose and m.owner_count = 1 and m.shared_by = 1"""
    )
    for table in ("held", "owners", "moves"):
        con.execute(f"drop table {table}")


def _group(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Loose components whose values nobody settled holds: one new group per value."""
    con.execute(
        """create table grouped as
           select loose, loose_rid, min(loose) over (partition by value) as leader, min(loose_rid) over (partition by value) as leader_rid
           from moves where owner_count = 0"""
    )
    con.execute(
        f"""insert into edges by name
            select least(leader_rid, loose_rid) as left_rid, greatest(leader_rid, loose_rid) as right_rid,
                   '{rules.rule_of(kind)}' as rule, {rules.kind_of(kind).weight} as strength,
                   {rules.kind_of(kind).weight} as weight_{_weight_column(kind)}
            from grouped where loose_rid <> leader_rid"""
    )
    con.execute(
        "update state set component = g.leader, is_settled = true from grouped g where state.component = g.loose"
    )
    con.execute("drop table grouped")


def _group_undecided(con: duckdb.DuckDBPyConnection) -> None:
    """Views of a shared thing (a family's browser before anybody logs in): one group per set of values."""
    con.execute(
        """create table undecided as
           select rid, min(rid) over (partition by signature) as leader from (
               select s.rid, string_agg(u.kind || '=' || u.value, '|' order by u.kind, u.value) as signature
               from state s join usable u using (rid) where not s.is_settled group by s.rid)"""
    )
    con.execute(
        f"""insert into edges by name
            select leader as left_rid, rid as right_rid, '{_GROUPED_AGAIN}' as rule, 8.0 as strength, 8.0 as weight_identifier
            from undecided where rid <> leader"""
    )
    con.execute("update state set component = u.leader from undecided u where state.rid = u.rid")
    con.execute("drop table undecided")


def _weight_column(kind: str) -> str:
    return kind if kind in rules.IDENTIFIER_WEIGHTS else "identifier"


__all__ = ["attach", "connected_components"]
