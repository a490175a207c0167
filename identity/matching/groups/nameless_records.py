"""Records without a name join the one person who holds their identifier, or stay apart: they never bridge two people.

Kind by kind, from customer numbers down to cookies (`rules.KINDS`, by turn). A component is *named* (it holds a record
with a name), *numbered* (nameless, but it holds an issued number) or *loose*. A numbered component may find the one
named owner of its e-mail, a loose one the one owner of its cookie; a value with two owners (a household's e-mail, a
browser that saw two accounts) decides nothing, and the log-ins in that browser belong each to their account.
"""

import duckdb
import numpy as np
import pyarrow as pa

from identity.matching.engine import put
from identity.matching.groups.components import Ints, ints
from identity.matching.pairs import rules
from identity.matching.pairs.rules import Evidence

_LOOSE, _NUMBERED, _NAMED = 0, 1, 2


def attach(con: duckdb.DuckDBPyConnection, component: Ints) -> Ints:
    """The components with nameless records attached. Adds what it joins to `edges`."""
    put(con, "found", pa.table({"rid": np.arange(len(component)), "component": component}))
    con.execute(
        f"""create table state as
            select f.rid, f.component, case when not p.is_somebody then {_LOOSE} else {_NAMED} end as level
            from found f join people p using (rid)"""
    )
    con.execute("drop table found")
    kinds = [row[0] for row in con.sql("select distinct kind from usable").fetchall()]
    for kind in sorted(kinds, key=lambda k: (rules.kind_of(k).turn, k)):
        _attach_kind(con, kind)
        if kind == "email":
            _attach_similar_emails(con)
    _group_undecided(con)
    found = con.sql("select component from state order by rid").fetchnumpy()["component"]
    con.execute("drop table state")
    return ints(found)


def _attach_kind(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Components that show such values: numbered ones to a named owner, loose ones to any owner, the rest together."""
    evidence = rules.kind_of(kind).evidence
    rule, weight = rules.rule_of(kind), rules.kind_of(kind).weight
    column = f"weight_{kind}" if kind in rules.OWN_COLUMNS else "weight_identifier"
    con.execute(f"create table shown as select value, rid from usable where kind = '{kind}'")
    if evidence is not Evidence.ONLINE:
        _join_owner(con, rule, weight, column, seekers=_NUMBERED, owners=_NAMED)
    _join_owner(con, rule, weight, column, seekers=_LOOSE, owners=_NUMBERED)
    if kind == "email":
        _join_namesake(con, rule, weight, column)
    _group(con, rule, weight, column, level=_NUMBERED if evidence is Evidence.ISSUED else _LOOSE)
    con.execute("drop table shown")


def _join_owner(
    con: duckdb.DuckDBPyConnection, rule: str, weight: float, column: str, *, seekers: int, owners: int
) -> None:
    """Components of level `seekers` join the one component of at least level `owners` that holds their values."""
    con.execute(
        """create table held as
            select u.value, s.component, s.level, min(u.rid) as rid from shown u join state s using (rid)
                group by all"""
    )
    con.execute(
        f"""create table moves as
            with owned as (
                select value, count(*) as owners, min(component) as component, min(rid) as rid, max(level) as level
                from held where level >= {owners} group by value)
            select l.component as seeker, min(o.component) as owner, max(o.level) as level,
                min(o.rid) as owner_rid, min(l.rid) as seeker_rid
            from held l join owned o using (value) where l.level = {seekers}
            group by l.component having count(distinct o.component) = 1 and max(o.owners) = 1"""
    )
    _refuse_other_ids(con)
    _insert_edges(con, "select seeker_rid as a, owner_rid as b from moves", rule, weight, column)
    con.execute("update state set component = m.owner, level = m.level from moves m where state.component = m.seeker")
    for table in ("held", "moves"):
        con.execute(f"drop table {table}")


def _refuse_other_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Take out of `moves` whoever shows a valid national id that is not among those of the owner."""
    con.execute(
        """delete from moves where seeker in (
               with numbers as (
                   select s.component, p.national_id from people p join state s using (rid) where p.id_is_checked),
               shown as (
                   select m.seeker, max(case when n.national_id = o.national_id then 1 else 0 end) as is_same
                   from moves m join numbers n on n.component = m.seeker join numbers o on o.component = m.owner
                   group by m.seeker)
               select seeker from shown where is_same = 0)"""
    )


def _join_namesake(con: duckdb.DuckDBPyConnection, rule: str, weight: float, column: str) -> None:
    """An e-mail that two people show goes to the one whose family and given name it spells, where only one is."""
    con.execute(
        f"""create table moves as
            with spelled as (
                select distinct u.value, s.component, p.rid
                from shown u join state s using (rid) join people p using (rid)
                where len(p.parts) > 0 and len(list_filter(p.parts, lambda part: not contains(
                    regexp_replace(split_part(u.value, '@', 1), '[^a-z]', '', 'g'), part))) = 0),
            owned as (
                select value, min(component) as component, min(rid) as rid from spelled
                group by value having count(distinct component) = 1)
            select s.component as seeker, min(o.component) as owner, min(o.rid) as owner_rid, min(u.rid) as seeker_rid
            from shown u join state s using (rid) join owned o using (value)
            where s.level < {_NAMED} group by s.component having count(distinct o.component) = 1"""
    )
    _insert_edges(con, "select seeker_rid as a, owner_rid as b from moves", rule, weight, column)
    con.execute(f"update state set component = m.owner, level = {_NAMED} from moves m where state.component = m.seeker")
    con.execute("drop table moves")


def _group(con: duckdb.DuckDBPyConnection, rule: str, weight: float, column: str, *, level: int) -> None:
    """Loose components whose values nobody above them holds: together, by the first value that each shows."""
    con.execute(
        f"""create table grouped as
            with owned as (select distinct u.value from shown u join state s using (rid) where s.level > {_LOOSE}),
            free as (
                select s.component, min(u.value) as value, min(u.rid) as rid
                from shown u join state s using (rid) anti join owned using (value) where s.level = {_LOOSE}
                    group by s.component)
            select component, rid, min(component) over (partition by value) as leader, min(rid)
                over (partition by value) as leader_rid
            from free"""
    )
    _insert_edges(con, "select rid as a, leader_rid as b from grouped where rid <> leader_rid", rule, weight, column)
    con.execute(
        f"update state set component = g.leader, level = {level} from grouped g where state.component = g.component"
    )
    con.execute("drop table grouped")


def similar_emails_sql(holdings: str) -> str:
    """SQL of pairs of e-mails one slip apart, by the first rid of each: l, r, value_l, value_r.

    A slip leaves a character out, doubles it or swaps two; one that changes a character makes another address.
    """
    return f"""
        with addresses as (
            select value, min(rid) as rid from {holdings} where kind = 'email' group by value),
        slots as (select value, rid, unnest({similar_email_slots_sql("value")}) as slot from addresses)
        select distinct a.rid as l, b.rid as r, a.value as value_l, b.value as value_r
        from slots a join slots b on a.slot = b.slot and a.value < b.value
        where damerau_levenshtein(a.value, b.value) = 1
          and (length(a.value) <> length(b.value)
               or list_sort(string_split(a.value, '')) = list_sort(string_split(b.value, '')))"""


def similar_email_slots_sql(email: str) -> str:
    """SQL of what two e-mails one slip apart may have in common, a list: the number and the host, where the slip is in
    the letters, the letters and the host, where it is in the number, or all before the @, where it is in the host.
    Short ones tell nothing."""
    local, host = f"split_part({email}, '@', 1)", f"split_part({email}, '@', 2)"
    digits = rules.digits_sql(local)
    letters = f"regexp_replace({local}, '[^a-z]', '', 'g')"
    return f"""case when length({email}) >= 15 and length({digits}) > 2
        then [{digits} || '@' || {host}, case when length({letters}) > 5 then {letters} || '@' || {host} end,
              {local} || '@'] end"""


def _attach_similar_emails(con: duckdb.DuckDBPyConnection) -> None:
    """A nameless address that nobody holds, one slip away from exactly one that somebody holds."""
    con.execute(
        """create table addresses as
           select u.value, max(s.level) as level, min(s.component) as component,
                  count(distinct s.component) as holders, min(u.rid) as rid
           from usable u join state s using (rid) where u.kind = 'email' group by u.value"""
    )
    con.execute(
        f"""create table moves as
            with alike as ({similar_emails_sql("usable")}),
            either as (select value_l as one, value_r as other from alike union all select value_r, value_l from alike)
            select l.component as seeker, min(o.component) as owner, max(o.level) as level,
                min(o.rid) as owner_rid, min(l.rid) as seeker_rid
            from either join addresses l on l.value = one join addresses o on o.value = other
            where l.level < {_NAMED} and o.level = {_NAMED} and l.holders = 1 and o.holders = 1
            group by l.component having count(distinct o.component) = 1"""
    )
    _insert_edges(
        con,
        "select seeker_rid as a, owner_rid as b from moves",
        rules.SIMILAR_EMAIL,
        rules.SIMILAR_EMAIL_WEIGHT,
        "weight_email",
    )
    con.execute("update state set component = m.owner, level = m.level from moves m where state.component = m.seeker")
    for table in ("addresses", "moves"):
        con.execute(f"drop table {table}")


def _group_undecided(con: duckdb.DuckDBPyConnection) -> None:
    """Views of a shared thing (a family's browser before anybody logs in): one group per set of values."""
    con.execute(
        f"""create table undecided as
            with alone as (select component from state group by component having count(*) = 1 and max(level) = {_LOOSE})
            select component, rid, min(component) over (partition by signature) as leader, min(rid)
                over (partition by signature) as leader_rid
            from (select s.component, s.rid, string_agg(u.kind || '=' || u.value, '|' order by u.kind,
                u.value) as signature
                  from state s semi join alone using (component) join usable u using (rid) group by s.component,
                      s.rid)"""
    )
    _insert_edges(
        con,
        "select rid as a, leader_rid as b from undecided where rid <> leader_rid",
        rules.SAME_SHARED_IDENTIFIERS,
        8.0,
        "weight_identifier",
    )
    con.execute("update state set component = u.leader from undecided u where state.component = u.component")
    con.execute("drop table undecided")


def _insert_edges(con: duckdb.DuckDBPyConnection, pairs: str, rule: str, weight: float, column: str) -> None:
    con.execute(
        f"""insert into edges by name
            select least(a, b) as left_rid, greatest(a, b) as right_rid, '{rule}' as rule, {weight} as strength,
                {weight} as {column}
            from ({pairs})"""
    )
