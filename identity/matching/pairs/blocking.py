"""Which records are held against each other: blocks that cannot explode, and the values that too many share.

Records that say the same of somebody are one *profile*, so 10,000 copies of a row cost nothing. Profiles that share a
key (`PERSONAL_KEYS`, or a value that they hold) are candidates. A crowded block is split by name; what is still crowded
is left out and reported.

Tables read: `people`, `holdings` and, where only a part of all records is looked at, `lake_sizes` (key, records, names,
profiles), the sizes of their keys among all. Tables made: `value_keys` (rid, rule, key), `guarded` (kind, value,
reason, records, names, example), `usable`, `profiles` (the compared columns by `pid`), `profile_of` (rid, pid),
`pairs` (l, r, keys), `crowded` (key), `filled` (pid, key: profiles in crowded blocks).
"""

from dataclasses import dataclass

import duckdb

from identity.matching.engine import has_table, short_hash
from identity.matching.groups.nameless_records import similar_email_slots_sql
from identity.matching.pairs import rules
from identity.matching.pairs.rules import Evidence
from identity.matching.person_records import RecordsError

#: A block of more profiles than this is split by name, and left out where that does not help.
MOST_PROFILES = 64
#: A loose key finds what slips hide among few; among many it finds neighbours and namesakes. Measured on 200,000
#: people: nine pairs in ten came by loose keys alone, and one tie in a hundred.
MOST_LOOSE = 8
#: A source that has more kinds of identifiers than this puts values where kinds belong.
MOST_KINDS = 90


@dataclass(frozen=True)
class Key:
    """What profiles must share to be held against each other.

    Attributes:
        name: the reason; value: SQL over `people`, null for none.
        most: profiles that may share it; more are left out.
    """

    name: str
    value: str
    most: int = MOST_PROFILES


def letters_sorted_sql(value: str) -> str:
    """SQL of a value's characters in order: equal where two of them were swapped."""
    return f"list_aggregate(list_sort(string_split({value}, '')), 'string_agg', '')"


#: Strongest reason first: a pair bears the name of the first that it has.
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
    Key("SAME_NAME", "name_key", MOST_LOOSE),
    Key("SAME_GIVEN_NAME_AND_PLACE", "given || coalesce(postcode, city)", MOST_LOOSE),
    Key("SAME_FAMILY_NAME_AND_PLACE", "family || coalesce(postcode, city)", MOST_LOOSE),
    Key("SAME_HOUSE_NUMBER_AND_POSTCODE", "house || '|' || postcode", MOST_LOOSE),
    Key("SAME_BIRTH_DATE_AND_INITIAL", "birth_text || given[:1]", MOST_LOOSE),
    Key("SAME_BIRTH_DATE_AND_FAMILY_INITIAL", "birth_text || family[:1] || '.'", MOST_LOOSE),
    Key("SIMILAR_NAME_AND_POSTCODE", "postcode || given[:1] || '|' || family[:1]", MOST_LOOSE),
    Key("SIMILAR_NAME_AND_CITY", "city || given[:2] || '|' || family[:2]", MOST_LOOSE),
    Key("SIMILAR_ADDRESS_AND_INITIAL", "street[:8] || given[:1]", MOST_LOOSE),
    Key("SIMILAR_NAME_AND_BIRTH_YEAR", "given[:3] || '|' || family[:3] || birth_year", MOST_LOOSE),
    Key("SIMILAR_NAME_AND_BIRTH_DAY", "given[:2] || family[:2] || birth_text[5:]", MOST_LOOSE),
)


#: Columns that `PERSONAL_KEYS` read.
_KEYED = (
    "name_key", "given", "family", "birth_text", "birth_year", "email", "phone", "street", "house", "city", "postcode",
)  # fmt: skip
COMPARED = (
    "name_key", "given", "family", "hanzi", "hanzi_once", "pet", "pet_letters", "nicknames", "generation", "birth",
    "birth_year", "birth_text", "gender", "email", "phone", "national_id", "id_is_checked", "street", "house", "city",
    "postcode", "issued",
)  # fmt: skip


def create_keys(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables `profile_of`, records of somebody that say the same by the first of them, and `value_keys`, the keys of
    what records hold; the kinds of identifiers in the order of their rules' numbers.

    Rules of the kinds come first, then (in `pairs`) that of `rules.SAME_CONTACT_CARD`, then those of `PERSONAL_KEYS`.

    Raises:
        RecordsError: there are more kinds than a pair has bits for.
    """
    kinds = sorted(row[0] for row in con.sql("select distinct kind from holdings").fetchall())
    if len(kinds) > MOST_KINDS:
        raise RecordsError(
            f"there are {len(kinds)} kinds of identifiers, more than {MOST_KINDS}",
            cure="name in `kind` what an identifier is, and put what it says into `value`",
        )
    numbers = " ".join(f"when '{kind}' then {number}" for number, kind in enumerate(kinds))
    # Slots are not held against each other, but neighbours (`neighbourhoods`).
    con.execute(
        f"""create table value_keys as
            select rid, cast(case kind {numbers or "when '' then 0"} end as integer) as rule,
                   {short_hash("kind", "value")} as key from holdings
            union all
            select rid, -1, {short_hash(repr(rules.SIMILAR_EMAIL), "slot")} from (
                select rid, unnest({similar_email_slots_sql("value")}) as slot from holdings where kind = 'email')
            where slot is not null"""
    )
    # A bare name, or a name and a town, proves nothing however often it is the same.
    con.execute(
        f"""create table profile_of as
            with told as (
                select rid, case when is_labelled or (coalesce(email, phone, national_id, birth_text || name_key,
                                     street || name_key) is null and issued is null)
                                 then {short_hash("record_id")} else {short_hash(*COMPARED)} end as profile
                from people where is_somebody)
            select rid, min(rid) over (partition by profile) as pid, profile from told"""
    )
    return kinds


def personal_keys_sql(*, only_loose: bool = False) -> str:
    """SQL over `people`: the list of a record's personal keys; empty for nobody."""
    keys = [
        f"case when is_somebody and {key.value} is not null then {_personal_key_sql(key)} end"
        for key in PERSONAL_KEYS
        if key.most == MOST_LOOSE or not only_loose
    ]
    return f"list_filter([{', '.join(keys)}], lambda key: key is not null)"


def _personal_key_sql(key: Key) -> str:
    return short_hash(repr(key.name), key.value)


def create_guarded(con: duckdb.DuckDBPyConnection) -> None:
    """Table `guarded`: values shared by too many, which are reported and join nobody; `usable`: the other holdings."""
    most = " ".join(f"when kind = '{kind}' then {rules.MOST_RECORDS[k.evidence]}" for kind, k in rules.KINDS.items())
    shared = (
        f"""select kind, value, any_value(s.records) as records, any_value(s.names) as names, min(record_id) as example
           from holdings join people using (rid) join lake_sizes s on s.key = {short_hash("kind", "value")}
           group by kind, value"""
        if _is_part(con)
        else f"""select kind, value, count(*) as records, count(distinct name_key) as names, min(record_id) as example
           from holdings join people using (rid) group by kind, value having count(*) > {rules.MOST_NAMES}"""
    )
    con.execute(
        f"""create table guarded as
            select kind, value, case when names > {rules.MOST_NAMES} then 'TOO_MANY_NAMES'
                else 'TOO_MANY_RECORDS' end as reason, records, names, example
            from ({shared})
            where names > {rules.MOST_NAMES}
               or records > case {most} else {rules.MOST_RECORDS[rules.UNKNOWN_KIND.evidence]} end"""
    )
    con.execute(
        """create table usable as
           select h.rid, h.kind, h.value from holdings h anti join guarded g on h.kind = g.kind and h.value = g.value"""
    )


def create_profiles(con: duckdb.DuckDBPyConnection) -> None:
    """Table `profiles`: what is compared of records that say the same of somebody, without values that are guarded."""
    columns = ", ".join(COMPARED)
    con.execute(
        f"""create table profiles as
            with shown as (
                select rid, min(value) filter (kind = 'email') as email, min(value) filter (kind = 'phone') as phone,
                       min(value) filter (kind = 'national_id') as national_id,
                       list_sort(list(kind || '=' || value)
                           filter (kind not in ('email', 'phone', 'national_id'))) as issued
                from usable semi join (select rid from profile_of where rid = pid) using (rid) group by rid)
            select rid as pid, {columns} from (
                select p.* exclude (email, phone, national_id, issued), u.email, u.phone, u.national_id, u.issued
                from people p semi join (select rid from profile_of where rid = pid) using (rid)
                left join shown u using (rid))"""
    )


def create_pairs(con: duckdb.DuckDBPyConnection, kinds: list[str]) -> None:
    """Table `pairs`: l < r, and `keys`, a bit per rule whose key both have; also `crowded` and `filled`.

    Args:
        kinds: what `create_keys` gave.
    """
    _create_block_keys(con, kinds)
    loose = ", ".join(str(n) for n, key in _numbered(kinds) if key.most == MOST_LOOSE)
    most = f"case when rule in ({loose}) then {MOST_LOOSE} else {MOST_PROFILES} end"
    sizes = "select key, any_value(rule) as rule, count(*) as size from keys group by key having count(*) > 1"
    if _is_part(con):
        sizes = f"""select key, rule, coalesce(l.profiles, s.size) as size
                    from ({sizes}) s left join lake_sizes l using (key)"""
    con.execute(f"create table sizes as select *, size > {most} as is_crowded from ({sizes})")
    named = f"""select rule, {short_hash("key", short_hash("name_key"))} as key, pid from keys join profiles using (pid)
                where name_key is not null
                  and key in (select key from sizes where is_crowded and size > {MOST_PROFILES})
                  and rule not in ({loose})"""
    size = "count(*) over (partition by key)"
    if _is_part(con):
        size = f"coalesce(profiles, {size})"
        named = f"select * from ({named}) left join (select key, profiles from lake_sizes) using (key)"
    con.execute(f"create table named as select rule, key, pid, {size} as size from ({named})")
    con.execute(
        f"""create table blocks as
            select rule, key, pid from keys semi join (select key from sizes where not is_crowded) using (key)
            union all
            select rule, key, pid from named where size between 2 and {MOST_PROFILES}"""
    )
    bits = "bigint" if len(kinds) + len(PERSONAL_KEYS) < 63 else "hugeint"
    con.execute(
        f"""create table pairs as
           select a.pid as l, b.pid as r, bit_or(1::{bits} << a.rule) as keys
           from blocks a join blocks b on a.key = b.key and a.pid < b.pid group by a.pid, b.pid"""
    )
    con.execute(
        f"""create table filled as
            select pid, key from keys semi join (select key from sizes where is_crowded) using (key)
            union all select pid, key from named where size > {MOST_PROFILES}"""
    )
    con.execute("create table crowded as select distinct key from filled")
    for table in ("keys", "sizes", "named", "blocks"):
        con.execute(f"drop table {table}")


def _create_block_keys(con: duckdb.DuckDBPyConnection, kinds: list[str]) -> None:
    """Table `keys` (rule, key, pid), no row twice: the keys by which profiles are held against each other."""
    issued = [number for number, kind in enumerate(kinds) if rules.kind_of(kind).evidence is not Evidence.ONLINE]
    con.execute(
        f"""create table firsts as
            select rid as pid, {", ".join(_KEYED)} from people
            semi join (select rid from profile_of where rid = pid) using (rid)"""
    )
    personal = " union all ".join(
        f"select {number}, {_personal_key_sql(key)}, pid from firsts where {key.value} is not null"
        for number, key in _numbered(kinds)
    )
    # A nameless record that shows several values puts all their named holders into one block.
    con.execute(
        f"""create table keys as
            select distinct rule, key, pid from value_keys join profile_of using (rid)
            where rule in ({", ".join(map(str, issued)) or "null"})
              and key not in (select {short_hash("kind", "value")} from guarded)
            union all
            select distinct {len(kinds)}, {short_hash(repr(rules.SAME_CONTACT_CARD), "card.record_id")}, holder.pid
            from (select u.*, record_id, count(*) over (partition by u.rid) as values_shown from usable u
                  join people p on p.rid = u.rid
                  where not is_somebody and kind in ({", ".join(repr(kinds[n]) for n in issued) or "null"})) card
            join usable on usable.kind = card.kind and usable.value = card.value
            join profile_of holder on holder.rid = usable.rid where card.values_shown > 1
            union all {personal}"""
    )
    con.execute("drop table firsts")


def _numbered(kinds: list[str]) -> list[tuple[int, Key]]:
    """The personal keys under their rules' numbers."""
    return list(enumerate(PERSONAL_KEYS, len(kinds) + 1))


def _is_part(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether `people` are a part of all records, whose sizes stand in `lake_sizes`."""
    return has_table(con, "lake_sizes")
