"""Which records are compared: blocks that cannot explode, and the values that too many records share.

Records that say the same of somebody are one *profile*, so 10,000 copies of a row cost nothing. Profiles that share a
key (one of `PERSONAL_KEYS`, or a value that they hold) are candidates. A crowded block is split by name; a block that
is still crowded is left out and reported.

Where the records at hand are a part of those of a lake, the sizes of their keys among all records are those of the
table `LAKE_SIZES`: the argument `is_part` says so.
"""

from dataclasses import dataclass, replace

import duckdb

from identity.matching.engine import short_hash
from identity.matching.groups.nameless_records import similar_email_slots_sql
from identity.matching.pairs import rules
from identity.matching.pairs.rules import Evidence
from identity.matching.person_records import RecordsError
from identity.matching.tables import (
    COMPARED,
    FILLED,
    GUARDED,
    HOLDINGS,
    LAKE_SIZES,
    PAIRS,
    PEOPLE,
    PROFILE_OF,
    PROFILES,
    USABLE,
    VALUE_KEYS,
)
from lake.sql.rows import column_values
from lake.sql.scratch import Computation, Scratch, ScratchTable
from lake.sql.text import literal

#: A block of more profiles than this is split by name, and left out where that does not help.
MAX_PROFILES = 64
#: A loose key finds what slips hide among few; among many it finds neighbours and namesakes. Measured on 200,000
#: people: nine pairs in ten came by loose keys alone, and one tie in a hundred.
MAX_LOOSE = 8
#: A source that has more kinds of identifiers than this puts values where kinds belong.
MAX_KINDS = 90


@dataclass(frozen=True)
class Key:
    """What two profiles must share to be compared.

    Attributes:
        name: the reason; value: SQL over `people`, null for none.
        max_profiles: how many profiles may share it; a key of more is left out.
    """

    name: str
    value: str
    max_profiles: int = MAX_PROFILES


def letters_sorted_sql(value: str) -> str:
    """SQL of a value's characters in order: equal where two of them were swapped."""
    return f"list_aggregate(list_sort(string_split({value}, '')), 'string_agg', '')"


#: Strongest reason first.
PERSONAL_KEYS = (
    Key("SAME_NAME_AND_BIRTH_DATE", "name_key || birth_text"),
    Key("SAME_NAME_AND_ADDRESS", "name_key || street"),
    Key("SAME_NAME_AND_SIMILAR_EMAIL", f"name_key || {rules.digits_sql('email')}"),
    Key("SAME_NAME_AND_PLACE", "name_key || coalesce(postcode, city)"),
    Key("SAME_GIVEN_NAME_AND_BIRTH_DATE", "given || birth_text"),
    Key("SAME_FAMILY_NAME_AND_BIRTH_DATE", "family || birth_text"),
    Key("SAME_BIRTH_DATE_AND_PLACE", "birth_text || coalesce(postcode, city)"),
    Key("SAME_GIVEN_NAME_AND_ADDRESS", "given || street"),
    Key("SAME_FAMILY_NAME_AND_ADDRESS", "family || street"),
    Key("SAME_ADDRESS_AND_BIRTH_YEAR", "street || birth_year"),
    Key("SAME_FAMILY_NAME_AND_SIMILAR_PHONE", f"family || {letters_sorted_sql('phone')}"),
    Key("SAME_NAME", "name_key", MAX_LOOSE),
    Key("SAME_GIVEN_NAME_AND_PLACE", "given || coalesce(postcode, city)", MAX_LOOSE),
    Key("SAME_FAMILY_NAME_AND_PLACE", "family || coalesce(postcode, city)", MAX_LOOSE),
    Key("SAME_HOUSE_NUMBER_AND_POSTCODE", "house || '|' || postcode", MAX_LOOSE),
    Key("SAME_BIRTH_DATE_AND_INITIAL", "birth_text || given[:1]", MAX_LOOSE),
    Key("SAME_BIRTH_DATE_AND_FAMILY_INITIAL", "birth_text || family[:1] || '.'", MAX_LOOSE),
    Key("SIMILAR_NAME_AND_POSTCODE", "postcode || given[:1] || '|' || family[:1]", MAX_LOOSE),
    Key("SIMILAR_NAME_AND_CITY", "city || given[:2] || '|' || family[:2]", MAX_LOOSE),
    Key("SIMILAR_ADDRESS_AND_INITIAL", "street[:8] || given[:1]", MAX_LOOSE),
    Key("SIMILAR_NAME_AND_BIRTH_YEAR", "given[:3] || '|' || family[:3] || birth_year", MAX_LOOSE),
    Key("SIMILAR_NAME_AND_BIRTH_DAY", "given[:2] || family[:2] || birth_text[5:]", MAX_LOOSE),
)


#: Columns that `PERSONAL_KEYS` read.
_KEYED = (
    "name_key", "given", "family", "birth_text", "birth_year", "email", "phone", "street", "house", "city", "postcode",
)  # fmt: skip
_COLUMNS_OF_KEYS = {name: PEOPLE.columns[name] for name in _KEYED}
#: The first record of each profile, with what keys are made of.
_FIRSTS = ScratchTable("firsts", {"pid": "BIGINT", **_COLUMNS_OF_KEYS})
#: The keys by which profiles are compared; no row twice.
_KEYS = ScratchTable("keys", {"rule": "INTEGER", "key": "BIGINT", "pid": "BIGINT"})
#: Keys that two profiles or more have, with how many do.
_SIZES = ScratchTable("sizes", {"key": "BIGINT", "rule": "INTEGER", "size": "BIGINT", "is_crowded": "BOOLEAN"})
#: Crowded blocks split by name.
_NAMED = ScratchTable("named", {**_KEYS.columns, "size": "BIGINT"})
#: Profiles that are compared with all others of their key.
_BLOCKS = ScratchTable("blocks", dict(_KEYS.columns))

_CREATE_KEYS = Computation("create the keys of records", reads=(PEOPLE, HOLDINGS), makes=(VALUE_KEYS, PROFILE_OF))
_CREATE_GUARDED = Computation("find values that many share", reads=(PEOPLE, HOLDINGS), makes=(GUARDED, USABLE))
_CREATE_PROFILES = Computation("create profiles", reads=(PEOPLE, PROFILE_OF, USABLE), makes=(PROFILES,))
_CREATE_PAIRS = Computation(
    "pair profiles",
    reads=(PEOPLE, PROFILE_OF, VALUE_KEYS, USABLE, GUARDED, PROFILES),
    makes=(PAIRS, FILLED),
    inner=(_FIRSTS, _KEYS, _SIZES, _NAMED, _BLOCKS),
)


def create_keys(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Make `PROFILE_OF` and `VALUE_KEYS`; return the kinds of identifiers in the order of their rules' numbers.

    The kinds' rules come first, then (in `PAIRS`) that of `rules.SAME_CONTACT_CARD`, then those of `PERSONAL_KEYS`.

    Raises:
        RecordsError: there are more kinds than a pair has bits for.
    """
    kinds = sorted(column_values(con, "select distinct kind from holdings"))
    if len(kinds) > MAX_KINDS:
        raise RecordsError(
            f"there are {len(kinds)} kinds of identifiers, more than {MAX_KINDS}",
            cure="name in `kind` what an identifier is, and put what it says into `value`",
        )
    numbers = " ".join(f"when {literal(kind)} then {number}" for number, kind in enumerate(kinds))
    with _CREATE_KEYS.on(con) as step:
        # Two records that share a slot of an e-mail are not compared for that, but are neighbours (`neighbourhoods`).
        step.make(
            VALUE_KEYS,
            f"""select rid, cast(case kind {numbers or "when '' then 0"} end as integer) as rule,
                       {short_hash("kind", "value")} as key from holdings
                union all
                select rid, -1, {short_hash(literal(rules.SIMILAR_EMAIL), "slot")} from (
                    select rid, unnest({similar_email_slots_sql("value")}) as slot from holdings where kind = 'email')
                where slot is not null""",
        )
        # A bare name, or a name and a town, proves nothing however often it is the same.
        step.make(
            PROFILE_OF,
            f"""with hashed as (
                    select rid, case when is_labelled or (coalesce(email, phone, national_id, birth_text || name_key,
                                         street || name_key) is null and issued is null)
                                     then {short_hash("record_id")} else {short_hash(*COMPARED)} end as profile
                    from people where is_somebody)
                select rid, min(rid) over (partition by profile) as pid, profile from hashed""",
        )
    return kinds


def personal_keys_sql(*, only_loose: bool = False) -> str:
    """SQL over `people`: the list of a record's personal keys; empty for nobody."""
    keys = [
        f"case when is_somebody and {key.value} is not null then {_personal_key_sql(key)} end"
        for key in PERSONAL_KEYS
        if key.max_profiles == MAX_LOOSE or not only_loose
    ]
    return f"list_filter([{', '.join(keys)}], lambda key: key is not null)"


def _personal_key_sql(key: Key) -> str:
    return short_hash(literal(key.name), key.value)


def create_guarded(con: duckdb.DuckDBPyConnection, *, is_part: bool = False) -> None:
    """Make `GUARDED`, the values that too many records share (they are reported and join nobody), and `USABLE`."""
    limits = " ".join(
        f"when kind = {literal(name)} then {rules.MAX_RECORDS[kind.evidence]}" for name, kind in rules.KINDS.items()
    )
    shared = (
        f"""select kind, value, any_value(s.records) as records, any_value(s.names) as names, min(record_id) as example
           from holdings join people using (rid) join lake_sizes s on s.key = {short_hash("kind", "value")}
           group by kind, value"""
        if is_part
        else f"""select kind, value, count(*) as records, count(distinct name_key) as names, min(record_id) as example
           from holdings join people using (rid) group by kind, value having count(*) > {rules.MAX_NAMES}"""
    )
    with _with_sizes(_CREATE_GUARDED, is_part=is_part).on(con) as step:
        step.make(
            GUARDED,
            f"""select kind, value, case when names > {rules.MAX_NAMES} then 'TOO_MANY_NAMES'
                    else 'TOO_MANY_RECORDS' end as reason, records, names, example
                from ({shared})
                where names > {rules.MAX_NAMES}
                   or records > case {limits} else {rules.MAX_RECORDS[rules.UNKNOWN_KIND.evidence]} end""",
        )
        step.make(
            USABLE,
            """select h.rid, h.kind, h.value
               from holdings h anti join guarded g on h.kind = g.kind and h.value = g.value""",
        )


def create_profiles(con: duckdb.DuckDBPyConnection) -> None:
    """Make `PROFILES`: what is compared of records that say the same of somebody, without guarded values."""
    columns = ", ".join(COMPARED)
    with _CREATE_PROFILES.on(con) as step:
        step.make(
            PROFILES,
            f"""with firsts as (select rid from profile_of where rid = pid),
                shown as (
                    select rid, min(value) filter (kind = 'email') as email,
                           min(value) filter (kind = 'phone') as phone,
                           min(value) filter (kind = 'national_id') as national_id,
                           list_sort(list(kind || '=' || value)
                               filter (kind not in ('email', 'phone', 'national_id'))) as issued
                    from usable semi join firsts using (rid) group by rid)
                select rid as pid, {columns} from (
                    select p.* exclude (email, phone, national_id, issued), u.email, u.phone, u.national_id, u.issued
                    from people p semi join firsts using (rid) left join shown u using (rid))""",
        )


def create_pairs(con: duckdb.DuckDBPyConnection, kinds: list[str], *, is_part: bool = False) -> None:
    """Make `PAIRS`, whose `keys` has a bit per rule whose key both profiles have, and `FILLED`.

    Args:
        kinds: what `create_keys` gave.
        is_part: the sizes of keys are those of `LAKE_SIZES`.
    """
    with _with_sizes(_CREATE_PAIRS, is_part=is_part).on(con) as step:
        _create_block_keys(step, kinds)
        _create_blocks(step, kinds, is_part=is_part)
        bits = "bigint" if len(kinds) + len(PERSONAL_KEYS) < 63 else "hugeint"
        step.make(
            PAIRS,
            f"""select a.pid as l, b.pid as r, bit_or(1::{bits} << a.rule) as keys
                from blocks a join blocks b on a.key = b.key and a.pid < b.pid group by a.pid, b.pid""",
        )
        step.make(
            FILLED,
            f"""select pid, key from keys semi join (select key from sizes where is_crowded) using (key)
                union all select pid, key from named where size > {MAX_PROFILES}""",
        )


def _with_sizes(computation: Computation, *, is_part: bool) -> Computation:
    """The computation, which also reads `LAKE_SIZES` where the records are a part of the lake's."""
    return replace(computation, reads=(*computation.reads, LAKE_SIZES)) if is_part else computation


def _create_blocks(step: Scratch, kinds: list[str], *, is_part: bool) -> None:
    """Make `_SIZES`, `_NAMED` and `_BLOCKS` of `_KEYS`."""
    loose = ", ".join(str(number) for number, key in _numbered(kinds) if key.max_profiles == MAX_LOOSE)
    limit = f"case when rule in ({loose}) then {MAX_LOOSE} else {MAX_PROFILES} end"
    sizes = "select key, any_value(rule) as rule, count(*) as size from keys group by key having count(*) > 1"
    if is_part:
        sizes = f"""select key, rule, coalesce(l.profiles, s.size) as size
                    from ({sizes}) s left join lake_sizes l using (key)"""
    step.make(_SIZES, f"select *, size > {limit} as is_crowded from ({sizes})")
    named = f"""select rule, {short_hash("key", short_hash("name_key"))} as key, pid from keys join profiles using (pid)
                where name_key is not null
                  and key in (select key from sizes where is_crowded and size > {MAX_PROFILES})
                  and rule not in ({loose})"""
    size = "count(*) over (partition by key)"
    if is_part:
        size = f"coalesce(profiles, {size})"
        named = f"select * from ({named}) left join (select key, profiles from lake_sizes) using (key)"
    step.make(_NAMED, f"select rule, key, pid, {size} as size from ({named})")
    step.make(
        _BLOCKS,
        f"""select rule, key, pid from keys semi join (select key from sizes where not is_crowded) using (key)
            union all
            select rule, key, pid from named where size between 2 and {MAX_PROFILES}""",
    )


def _create_block_keys(step: Scratch, kinds: list[str]) -> None:
    """Make `_KEYS`."""
    issued = [number for number, kind in enumerate(kinds) if rules.kind_of(kind).evidence is not Evidence.ONLINE]
    step.make(
        _FIRSTS,
        f"""select rid as pid, {", ".join(_KEYED)} from people
            semi join (select rid from profile_of where rid = pid) using (rid)""",
    )
    personal = " union all ".join(
        f"select {number}, {_personal_key_sql(key)}, pid from firsts where {key.value} is not null"
        for number, key in _numbered(kinds)
    )
    # A nameless record that shows several values puts all their named holders into one block.
    step.make(
        _KEYS,
        f"""select distinct rule, key, pid from value_keys join profile_of using (rid)
            where rule in ({", ".join(map(str, issued)) or "null"})
              and key not in (select {short_hash("kind", "value")} from guarded)
            union all
            select distinct {len(kinds)}, {short_hash(literal(rules.SAME_CONTACT_CARD), "card.record_id")}, holder.pid
            from (select u.*, record_id, count(*) over (partition by u.rid) as values_shown from usable u
                  join people p on p.rid = u.rid
                  where not is_somebody and kind in ({", ".join(literal(kinds[n]) for n in issued) or "null"})) card
            join usable on usable.kind = card.kind and usable.value = card.value
            join profile_of holder on holder.rid = usable.rid where card.values_shown > 1
            union all {personal}""",
    )
    step.drop(_FIRSTS)


def _numbered(kinds: list[str]) -> list[tuple[int, Key]]:
    """The personal keys under their rules' numbers."""
    return list(enumerate(PERSONAL_KEYS, len(kinds) + 1))
