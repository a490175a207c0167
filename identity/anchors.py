"""Records that name somebody -> components that do not contradict themselves.

Every block (see `rules`) is a star: records that agree in name, birth date and national id hang on the first of them,
and only those first ones are compared with each other. A phone number on 10,000 records therefore costs 10,000 edges,
never 50 million pairs. A component that holds two people none the less, as when a nameless birth date bridges father
and son, is taken apart and joined again from its strongest edge down, as long as nothing contradicts.

Tables read: `people`, `holdings`. Tables made: `guarded` (kind, value, reason, records, names, example), `edges`
(left_rid, right_rid, rule, strength, one weight per comparison).
"""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from identity import rules
from identity.components import Ints, connected_components
from identity.conflicts import cut
from identity.names import Alike, Name, alike

WEIGHTS = ("name", "birth_date", "gender", "national_id", "email", "phone", "street", "postcode", "city", "identifier")


def find_anchors(con: duckdb.DuckDBPyConnection, names: list[Name]) -> Ints:
    """Join the named records: the smallest rid of each record's component; nameless records stay alone."""
    _create_guarded(con)
    _create_blocks(con)
    _create_candidates(con)
    _create_alike(con, names)
    _create_edges(con)
    size = con.sql("select count(*) from people").fetchall()[0][0]
    found = con.sql("select left_rid, right_rid from edges").fetchnumpy()
    component = connected_components(size, _ints(found["left_rid"]), _ints(found["right_rid"]))
    return cut(con, component)


def _create_guarded(con: duckdb.DuckDBPyConnection) -> None:
    """Values shared by too many: they are reported and join nobody."""
    most = " ".join(f"when kind = '{kind}' then {rules.MOST_RECORDS[k.evidence]}" for kind, k in rules.KINDS.items())
    con.execute(
        f"""create table guarded as
            with shared as (
                select kind, value, count(*) as records, count(distinct name_key) as names, min(record_id) as example
                from holdings join people using (rid) group by kind, value
                having count(*) > {rules.MOST_NAMES})
            select kind, value, case when names > {rules.MOST_NAMES} then 'TOO_MANY_NAMES'
                else 'TOO_MANY_RECORDS' end as reason,
                   records, names, example
            from shared
            where names > {rules.MOST_NAMES}
               or records > case {most} else {rules.MOST_RECORDS[rules.UNKNOWN_KIND.evidence]} end"""
    )
    con.execute(
        """create table usable as
           select h.rid, h.kind, h.value from holdings h anti join guarded g on h.kind = g.kind and h.value = g.value"""
    )


def _create_blocks(con: duckdb.DuckDBPyConnection) -> None:
    """Table `blocks`: rule, evidence, value, rid of named records, and each one's combination of hard facts."""
    kinds = [row[0] for row in con.sql("select distinct kind from usable").fetchall()]
    by_kind = " ".join(f"when '{k}' then '{rules.kind_of(k).evidence}'" for k in kinds)
    evidence = f"case kind {by_kind} end" if kinds else "cast(null as varchar)"
    personal = "".join(
        f" union all select '{rule.name}', '{rules.Evidence.PERSONAL}', {rule.block}, rid from people "
        f"where name_id is not null and {rule.block} is not null"
        for rule in rules.PERSONAL_RULES
    )
    con.execute(
        f"""create table memberships as
            select 'SAME_' || upper(kind) as rule, {evidence} as evidence, value, rid
            from usable join people using (rid) where name_id is not null and {evidence} <> '{rules.Evidence.ONLINE}'
            {personal}
            union all
            -- A nameless record that shows several values puts all their named holders into one block.
            select distinct '{rules.SAME_CONTACT_CARD}', '{rules.Evidence.CONTACT}', cast(card.rid as varchar),
                holder.rid
            from (select u.*, count(*) over (partition by u.rid) as values_shown from usable u
                  join people p using (rid) where p.name_id is null and {evidence} <> '{rules.Evidence.ONLINE}') card
            join usable holder on holder.kind = card.kind and holder.value = card.value
            join people p on p.rid = holder.rid
            where card.values_shown > 1 and p.name_id is not null"""
    )
    con.execute(
        """create table blocks as
           select m.rule, m.evidence, m.value, m.rid,
                  min(m.rid) over (
                      partition by m.rule, m.value, p.name_id, p.birth, p.birth_year, p.national_id) as first_rid,
                  -- Father and son of one name in one block: who states no birth date may be either.
                  coalesce(max(p.birth_year) over namesakes - min(p.birth_year) over namesakes > 8, false)
                      or min(case when p.id_is_checked then p.national_id end) over namesakes
                         <> max(case when p.id_is_checked then p.national_id end) over namesakes as is_contested
           from memberships m join people p using (rid)
           where (m.rule, m.value) in (select (rule, value) from memberships group by rule, value having count(*) > 1)
           window namesakes as (partition by m.rule, m.value, p.name_key)"""
    )
    con.execute("drop table memberships")


def _create_candidates(con: duckdb.DuckDBPyConnection) -> None:
    """Table `candidates`: pairs to be held against each other, with the reasons that proposed them."""
    con.execute(
        f"""create table candidates as
            with firsts as (select rule, evidence, value, first_rid as rid, bool_or(coalesce(is_contested,
                false)) as is_contested from blocks group by all),
            crowded as (select rule, value from firsts group by rule, value having count(*) > {4 * rules.MOST_NAMES}),
            compared as (select * from firsts f anti join crowded c on f.rule = c.rule and f.value = c.value)
            select left_rid, right_rid, rule, any_value(evidence) as evidence,
                bool_and(is_contested) as is_contested from (
                select first_rid as left_rid, rid as right_rid, rule, evidence, coalesce(is_contested,
                    false) as is_contested from blocks where rid <> first_rid
                union all
                select a.rid, b.rid, a.rule, a.evidence, a.is_contested or b.is_contested from compared a
                    join compared b
                on a.rule = b.rule and a.value = b.value and a.rid < b.rid)
            group by left_rid, right_rid, rule"""
    )
    con.execute("drop table blocks")


def _create_alike(con: duckdb.DuckDBPyConnection, names: list[Name]) -> None:
    """Table `name_pairs`: how alike each distinct pair of names is; equal names need no row."""
    pairs = con.sql(
        """select distinct least(a.name_id, b.name_id) as a, greatest(a.name_id, b.name_id) as b
           from candidates c join people a on a.rid = c.left_rid join people b on b.rid = c.right_rid
           where a.name_id <> b.name_id"""
    ).fetchnumpy()
    left, right = pairs["a"], pairs["b"]
    levels = [int(alike(names[a], names[b])) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    con.register("registered", pa.table({"a": left, "b": right, "level": pa.array(levels, pa.int64())}))
    con.execute("create table name_pairs as select * from registered")
    con.unregister("registered")


def features_sql() -> str:
    """SQL of candidates with their comparisons: name (level of `Alike`), birth (SAME, CLOSE, CONFLICT, UNKNOWN),
    and true, false or null for gender, national_id, email, phone, same_street, same_postcode, same_city."""
    a_date, b_date = "strftime(a.birth, '%Y%m%d')", "strftime(b.birth, '%Y%m%d')"
    return f"""
        select c.left_rid, c.right_rid, c.rule, c.evidence, c.is_contested,
               case when a.name_id is null or b.name_id is null then {Alike.UNKNOWN.value}
                    when a.name_id = b.name_id then {Alike.SAME.value} else n.level end as name,
               case when abs(a.birth_year - b.birth_year) > 2 and (a.birth is null or b.birth is null) then 'CONFLICT'
                    when a.birth is null or b.birth is null then 'UNKNOWN'
                    when a.birth = b.birth then 'SAME'
                    when damerau_levenshtein({a_date}, {b_date}) = 1
                         or (year(a.birth) = year(b.birth) and month(a.birth) = day(b.birth)
                             and day(a.birth) = month(b.birth))
                         then 'CLOSE'
                    else 'CONFLICT' end as birth,
               a.gender = b.gender as gender,
               case when a.national_id = b.national_id then true when a.id_is_checked and b.id_is_checked
                   then false end as national_id,
               a.email = b.email as email, coalesce(damerau_levenshtein(a.email, b.email) <= 2,
                   false) as similar_email, a.phone = b.phone as phone,
               coalesce(a.street = b.street, false) as same_street, coalesce(a.postcode = b.postcode,
                   false) as same_postcode,
               coalesce(a.city = b.city, false) as same_city,
               a.street is not null and b.street is not null as has_streets,
               a.postcode is not null and b.postcode is not null as has_postcodes,
               a.city is not null and b.city is not null as has_cities,
               coalesce(a.name_key in (select name_key from rare_names), false) as name_is_rare
        from candidates c join people a on a.rid = c.left_rid join people b on b.rid = c.right_rid
        left join name_pairs n on n.a = least(a.name_id, b.name_id) and n.b = greatest(a.name_id, b.name_id)"""


def weights_sql() -> dict[str, str]:
    """SQL of the weight of each comparison, over the columns of `features_sql`."""
    fields = {
        name: f"case {column} when true then {weights[0]} when false then {weights[1]} end"
        for name, column, weights in (
            ("gender", "gender", rules.FIELD_WEIGHTS["gender"]),
            *((name, name, weights) for name, weights in rules.IDENTIFIER_WEIGHTS.items()),
            ("street", "case when has_streets then same_street end", rules.FIELD_WEIGHTS["street"]),
            ("postcode", "case when has_postcodes then same_postcode end", rules.FIELD_WEIGHTS["postcode"]),
            ("city", "case when has_cities then same_city end", rules.FIELD_WEIGHTS["city"]),
        )
    }
    issued = " ".join(
        f"when '{rules.rule_of(name)}' then {kind.weight}"
        for name, kind in rules.KINDS.items()
        if name not in rules.IDENTIFIER_WEIGHTS
    )
    name_weight = " ".join(f"when {level.value} then {weight}" for level, weight in rules.NAME_WEIGHTS.items())
    birth_weight = " ".join(f"when '{relation}' then {weight}" for relation, weight in rules.BIRTH_WEIGHTS.items())
    return {
        "name": f"case name {name_weight} end",
        "birth_date": f"case birth {birth_weight} end",
        **fields,
        "identifier": f"case rule {issued} else case when evidence = 'issued' and rule <> 'SAME_NATIONAL_ID' "
        f"then {rules.UNKNOWN_KIND.weight} end end",
    }


def _create_edges(con: duckdb.DuckDBPyConnection) -> None:
    """Table `edges`: the candidates that agree, one row per pair under its strongest reason."""
    con.execute(
        f"""create table rare_names as select name_key from people where name_key is not null
            group by name_key having count(distinct birth) <= {rules.RARE_NAME_BIRTH_DATES}"""
    )
    agreement = " ".join(f"when evidence = '{evidence}' then {sql}" for evidence, sql in rules.AGREEMENT.items())
    personal = " ".join(f"when rule = '{rule.name}' then {rule.accepts}" for rule in rules.PERSONAL_RULES)
    weights = ", ".join(f"cast({sql} as double) as weight_{name}" for name, sql in weights_sql().items())
    total = " + ".join(f"coalesce(weight_{name}, 0.0)" for name in WEIGHTS)
    con.execute(
        f"""create table edges as
            with features as ({features_sql()}),
            weighed as (select *, {weights} from features
                        where national_id is not false
                          and (not is_contested or evidence = 'issued' or birth in ('SAME', 'CLOSE') or national_id)
                          and (case {personal} {agreement} end)),
            ranked as (select *, {total} as strength from weighed)
            select left_rid, right_rid, rule, strength, {", ".join(f"weight_{name}" for name in WEIGHTS)}
            from (select *, row_number() over (
                      partition by left_rid, right_rid order by strength desc, evidence = 'personal', rule) as place
                  from ranked)
            where place = 1"""
    )
    for table in ("candidates", "name_pairs", "rare_names"):
        con.execute(f"drop table {table}")


def _ints(values: Any) -> Ints:
    """A column that DuckDB gave as NumPy, as the integers of the graph."""
    return np.ascontiguousarray(values, dtype=np.int64)
