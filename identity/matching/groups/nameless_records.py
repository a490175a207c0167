"""Records without a name join the one person who holds their identifier, or stay apart: they never bridge two people.

Kind by kind, from customer numbers down to cookies (`rules.KINDS`, by turn). A component is *named* (it holds a record
with a name), *numbered* (nameless, but it holds an issued number) or *loose*. A numbered component may find the one
named owner of its e-mail, a loose one the one owner of its cookie; a value with two owners (a household's e-mail, a
browser that saw two accounts) decides nothing, and the log-ins in that browser belong each to their account.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from identity.matching.groups.components import Ints, ints
from identity.matching.pairs import rules
from identity.matching.pairs.rules import Evidence
from identity.matching.tables import EDGES, PEOPLE, USABLE
from lake.sql.rows import column_values
from lake.sql.scratch import Computation, Scratch, ScratchTable
from lake.sql.text import literal

_LOOSE, _NUMBERED, _NAMED = 0, 1, 2
_PLACED = ScratchTable("placed_records", {"rid": "BIGINT", "component": "BIGINT"})
#: The component of each record, and how much is known of its owner.
_STATE = ScratchTable("state", {"rid": "BIGINT", "component": "BIGINT", "level": "INTEGER"})
#: The values of one kind, and who shows them.
_SHOWN = ScratchTable("shown", {"value": "VARCHAR", "rid": "BIGINT"})
#: The components that show each value of one kind.
_HOLDERS = ScratchTable("holders", {"value": "VARCHAR", "component": "BIGINT", "level": "INTEGER", "rid": "BIGINT"})
#: Components that join another one, and the two records that tie them.
_MOVES = ScratchTable(
    "moves",
    {"seeker": "BIGINT", "owner": "BIGINT", "level": "INTEGER", "owner_rid": "BIGINT", "seeker_rid": "BIGINT"},
)
#: Components that are joined with others of their sort, with the first of them.
_GROUPED = ScratchTable("grouped", {"component": "BIGINT", "rid": "BIGINT", "leader": "BIGINT", "leader_rid": "BIGINT"})
#: E-mail addresses, and who shows them.
_ADDRESSES = ScratchTable(
    "addresses",
    {"value": "VARCHAR", "level": "INTEGER", "component": "BIGINT", "holders": "BIGINT", "rid": "BIGINT"},
)
_ATTACH = Computation(
    "attach nameless records",
    reads=(PEOPLE, USABLE),
    changes=(EDGES,),
    inner=(_PLACED, _STATE, _SHOWN, _HOLDERS, _MOVES, _GROUPED, _ADDRESSES),
)


@dataclass(frozen=True)
class _Reason:
    """Why records are joined: the rule's name, its weight in bits, and the column of `EDGES` that gets the weight."""

    rule: str
    weight: float
    column: str


def attach(con: duckdb.DuckDBPyConnection, component: Ints) -> Ints:
    """The component of each record with nameless records attached. Adds the ties that it makes to `EDGES`."""
    with _ATTACH.on(con) as step:
        step.put(_PLACED, pa.table({"rid": np.arange(len(component)), "component": component}))
        step.make(
            _STATE,
            f"""select placed.rid, placed.component, case when not is_somebody then {_LOOSE} else {_NAMED} end as level
                from placed_records placed join people using (rid)""",
        )
        step.drop(_PLACED)
        kinds = column_values(con, "select distinct kind from usable")
        for kind in sorted(kinds, key=lambda name: (rules.kind_of(name).turn, name)):
            _attach_kind(step, kind)
            if kind == "email":
                _attach_similar_emails(step)
        _group_undecided(step)
        return ints(con.sql("select component from state order by rid").fetchnumpy()["component"])


def _attach_kind(step: Scratch, kind: str) -> None:
    """Components that show such values: numbered ones to a named owner, loose ones to any owner, the rest together."""
    evidence = rules.kind_of(kind).evidence
    column = f"weight_{kind}" if kind in rules.OWN_COLUMNS else "weight_identifier"
    reason = _Reason(rules.rule_of(kind), rules.kind_of(kind).weight, column)
    step.make(_SHOWN, f"select value, rid from usable where kind = {literal(kind)}")
    if evidence is not Evidence.ONLINE:
        _join_owner(step, reason, seekers=_NUMBERED, owners=_NAMED)
    _join_owner(step, reason, seekers=_LOOSE, owners=_NUMBERED)
    if kind == "email":
        _join_namesake(step, reason)
    _group(step, reason, level=_NUMBERED if evidence is Evidence.ISSUED else _LOOSE)
    step.drop(_SHOWN)


def _join_owner(step: Scratch, reason: _Reason, *, seekers: int, owners: int) -> None:
    """Components of level `seekers` join the one component of at least level `owners` that holds their values."""
    step.make(
        _HOLDERS,
        """select u.value, s.component, s.level, min(u.rid) as rid from shown u join state s using (rid)
           group by u.value, s.component, s.level""",
    )
    step.make(
        _MOVES,
        f"""with owned as (
                select value, count(*) as owners, min(component) as component, min(rid) as rid, max(level) as level
                from holders where level >= {owners} group by value)
            select l.component as seeker, min(o.component) as owner, max(o.level) as level,
                min(o.rid) as owner_rid, min(l.rid) as seeker_rid
            from holders l join owned o using (value) where l.level = {seekers}
            group by l.component having count(distinct o.component) = 1 and max(o.owners) = 1""",
    )
    _reject_other_ids(step)
    _move(step, reason)
    step.drop(_HOLDERS)


def _reject_other_ids(step: Scratch) -> None:
    """Take out of `_MOVES` whoever shows a valid national id that is not among those of the owner."""
    step.connection.execute(
        """delete from moves where seeker in (
               with numbers as (
                   select s.component, p.national_id from people p join state s using (rid) where p.id_is_checked),
               compared as (
                   select m.seeker, max(case when n.national_id = o.national_id then 1 else 0 end) as is_same
                   from moves m join numbers n on n.component = m.seeker join numbers o on o.component = m.owner
                   group by m.seeker)
               select seeker from compared where is_same = 0)"""
    )


def _join_namesake(step: Scratch, reason: _Reason) -> None:
    """An e-mail that two people show goes to the one whose family and given name it spells, where only one is."""
    step.make(
        _MOVES,
        f"""with spelled as (
                select distinct u.value, s.component, p.rid
                from shown u join state s using (rid) join people p using (rid)
                where len(p.parts) > 0 and len(list_filter(p.parts, lambda part: not contains(
                    regexp_replace(split_part(u.value, '@', 1), '[^a-z]', '', 'g'), part))) = 0),
            owned as (
                select value, min(component) as component, min(rid) as rid from spelled
                group by value having count(distinct component) = 1)
            select s.component as seeker, min(o.component) as owner, {_NAMED} as level, min(o.rid) as owner_rid,
                   min(u.rid) as seeker_rid
            from shown u join state s using (rid) join owned o using (value)
            where s.level < {_NAMED} group by s.component having count(distinct o.component) = 1""",
    )
    _move(step, reason)


def _move(step: Scratch, reason: _Reason) -> None:
    """Join the components of `_MOVES`, and drop it."""
    _insert_edges(step, "select seeker_rid as a, owner_rid as b from moves", reason)
    step.connection.execute(
        "update state set component = m.owner, level = m.level from moves m where state.component = m.seeker"
    )
    step.drop(_MOVES)


def _group(step: Scratch, reason: _Reason, *, level: int) -> None:
    """Loose components whose values nobody above them holds: together, by the first value that each shows."""
    step.make(
        _GROUPED,
        f"""with owned as (select distinct u.value from shown u join state s using (rid) where s.level > {_LOOSE}),
            free as (
                select s.component, min(u.value) as value, min(u.rid) as rid
                from shown u join state s using (rid) anti join owned using (value) where s.level = {_LOOSE}
                group by s.component)
            select component, rid, min(component) over (partition by value) as leader,
                   min(rid) over (partition by value) as leader_rid
            from free""",
    )
    _insert_edges(step, "select rid as a, leader_rid as b from grouped where rid <> leader_rid", reason)
    step.connection.execute(
        f"update state set component = g.leader, level = {level} from grouped g where state.component = g.component"
    )
    step.drop(_GROUPED)


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


def _attach_similar_emails(step: Scratch) -> None:
    """A nameless address that nobody holds, one slip away from exactly one that somebody holds."""
    step.make(
        _ADDRESSES,
        """select u.value, max(s.level) as level, min(s.component) as component,
                  count(distinct s.component) as holders, min(u.rid) as rid
           from usable u join state s using (rid) where u.kind = 'email' group by u.value""",
    )
    step.make(
        _MOVES,
        f"""with alike as ({similar_emails_sql("usable")}),
            either as (select value_l as one, value_r as other from alike union all select value_r, value_l from alike)
            select l.component as seeker, min(o.component) as owner, max(o.level) as level,
                min(o.rid) as owner_rid, min(l.rid) as seeker_rid
            from either join addresses l on l.value = one join addresses o on o.value = other
            where l.level < {_NAMED} and o.level = {_NAMED} and l.holders = 1 and o.holders = 1
            group by l.component having count(distinct o.component) = 1""",
    )
    _move(step, _Reason(rules.SIMILAR_EMAIL, rules.SIMILAR_EMAIL_WEIGHT, "weight_email"))
    step.drop(_ADDRESSES)


def _group_undecided(step: Scratch) -> None:
    """Views of a shared thing (a family's browser before anybody logs in): one group per set of values."""
    step.make(
        _GROUPED,
        f"""with alone as (
                select component from state group by component having count(*) = 1 and max(level) = {_LOOSE}),
            signed as (
                select s.component, s.rid,
                       string_agg(u.kind || '=' || u.value, '|' order by u.kind, u.value) as signature
                from state s semi join alone using (component) join usable u using (rid) group by s.component, s.rid)
            select component, rid, min(component) over (partition by signature) as leader,
                   min(rid) over (partition by signature) as leader_rid
            from signed""",
    )
    reason = _Reason(rules.SAME_SHARED_IDENTIFIERS, rules.SAME_SHARED_IDENTIFIERS_WEIGHT, "weight_identifier")
    _insert_edges(step, "select rid as a, leader_rid as b from grouped where rid <> leader_rid", reason)
    step.connection.execute("update state set component = g.leader from grouped g where state.component = g.component")
    step.drop(_GROUPED)


def _insert_edges(step: Scratch, pairs: str, reason: _Reason) -> None:
    step.insert(
        EDGES,
        f"""select least(a, b) as left_rid, greatest(a, b) as right_rid, {literal(reason.rule)} as rule,
                   {reason.weight} as strength, {reason.weight} as {reason.column}
            from ({pairs})""",
    )
