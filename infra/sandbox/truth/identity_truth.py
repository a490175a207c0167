"""The truth about person records: which person each is really about, and whether its values could identify anybody.

A person record is a view of somebody, made of all rows of a source that say the same (`person_records`). Its true
person is the one that those rows are about; a view that several people share (a family's browser, an e-mail that a
form was given instead of none) has none, nor has one of nobody (a bot).

Much of that truth nobody could find: a browser in which nobody ever signed in shows what no other record of the same
person shows, and who shops under an account without ever giving a name or a number is two people for any matcher. So
each record also has the person that is `evident`: the part of its true person that values can bring together. Within
one true person two records belong together by evidence where they show

    the same e-mail, phone, national id or issued identifier (or one that differs by a slip of the keyboard), or
    the same name with the same birth date, street or postcode,

and so do records that a chain of such ties. A value that more than `MAX_PEOPLE` true people show (a placeholder) is
no evidence, nor is a name alone: two of one name are two people until something else agrees. The normalisation is
plain, and on purpose not the matcher's own.

A matcher is measured against both: precision is that of `truth` (all it claims must be true), recall is that of the
pairs of `truth` and for those of `evident`. The latter is no ceiling: a matcher may rightly find a few more (names in
two scripts, a name that nobody else has; measured: 420 of 62,600 in the sandbox of 2,000).
"""

from pathlib import Path

import duckdb
import pyarrow as pa

#: A family or a shared flat show one value; more than these share nothing but a filler.
MAX_PEOPLE = 10
TRUTH = pa.schema([("record_id", pa.string()), ("truth", pa.string()), ("evident", pa.string())])
#: Kinds whose values people type, with the number of slips of the keyboard that still show the same value.
_SLIPS = {"email": 2, "phone": 1, "national_id": 1}


def person_truth(records: pa.Table, rows: pa.Table, root: Path) -> pa.Table:
    """The truth of each person record: `TRUTH`; `truth` and `evident` are null where no one true person is known.

    Args:
        records: `person_records`.
        rows: `record_id`, `row_id` (`<source>:<entity>:<natural key>`): the rows behind each record.
        root: the sandbox, whose `truth/records.parquet` says whom each row is about.
    """
    with duckdb.connect() as con:
        con.register("records", records)
        con.register("rows", rows)
        con.execute(
            """create temp table truths as
               with people as (
                   select distinct source || ':' || entity || ':' || natural_key as row_id, person
                   from read_parquet($file) where person is not null and row_kind <> 'bad')
               select record_id, case when count(distinct person) = 1 then min(person) end as truth
               from (select distinct record_id, row_id from rows) left join people using (row_id) group by record_id""",
            {"file": str(root / "truth" / "records.parquet")},
        )
        _create_evidence(con)
        _create_groups(con)
        return (
            con.execute(
                """select record_id, truth,
                       truth || '/' || dense_rank() over (partition by truth order by of) as evident
                   from records left join truths using (record_id) left join groups using (record_id, truth)
                   order by record_id"""
            )
            .to_arrow_table()
            .cast(TRUTH)
        )


def _create_evidence(con: duckdb.DuckDBPyConnection) -> None:
    """Table `evidence`: truth, record_id, kind and value that the record shows and that may tie it to others."""
    con.execute(
        """create temp table shown as
           with known as (
               select r.*, truth, array_to_string(
                   list_sort(regexp_split_to_array(lower(trim(full_name)), '[^\\p{L}]+')), ' ') as name
               from records r join truths using (record_id) where truth is not null),
           identifiers as (
               select truth, record_id, item.kind as kind, item.value as value
               from (select truth, record_id, unnest(identifiers) as item from known)),
           given as (
               select truth, record_id, 'email' as kind, email as value from known
               union all select truth, record_id, 'phone', phone from known
               union all select truth, record_id, 'national_id', national_id from known
               union all select * from identifiers),
           plain as (
               select truth, record_id, kind, case kind
                   when 'email' then lower(trim(value))
                   when 'phone' then right(regexp_replace(value, '[^0-9]', '', 'g'), 10)
                   else upper(regexp_replace(value, '[^\\p{L}\\p{N}]', '', 'g')) end as value
               from given)
           select distinct * from plain where value <> ''
           union select truth, record_id, 'name and birth date', name || '|' || trim(birth_date) from known
               where name <> '' and birth_date is not null
           union select truth, record_id, 'name and street', name || '|' || lower(trim(street)) from known
               where name <> '' and street is not null
           union select truth, record_id, 'name and postcode', name || '|' || trim(postcode) from known
               where name <> '' and postcode is not null"""
    )
    con.execute(
        f"""create temp table usual as
            select * from shown where (kind, value) in (
                select (kind, value) from shown group by kind, value having count(distinct truth) <= {MAX_PEOPLE})"""
    )
    slips = " ".join(f"when '{kind}' then {most}" for kind, most in _SLIPS.items())
    con.execute(
        f"""create temp table evidence as
            with held as (select distinct truth, kind, value from usual where kind in {tuple(_SLIPS)}),
            slips as (
                select a.truth, a.kind, a.value as one, b.value as other
                from held a join held b on a.truth = b.truth and a.kind = b.kind and a.value < b.value
                where damerau_levenshtein(a.value, b.value) <= case a.kind {slips} end)
            select truth, record_id, kind, value from usual
            union all
            select u.truth, u.record_id, 'slip of ' || u.kind, s.one || '|' || s.other
            from usual u join slips s on u.truth = s.truth and u.kind = s.kind and u.value in (s.one, s.other)"""
    )


def _create_groups(con: duckdb.DuckDBPyConnection) -> None:
    """Table `groups`: truth, record_id and the group `of` evidence that the record lies in, by its smallest label."""
    con.execute(
        """create temp table groups as select truth, record_id, row_number() over (order by record_id) as of
           from truths where truth is not null"""
    )
    while True:
        con.execute(
            """create or replace temp table lowered as
               with by_value as (
                   select truth, kind, value, min(of) as lowest from evidence join groups using (truth, record_id)
                   group by truth, kind, value)
               select record_id, min(lowest) as lowest from evidence join by_value using (truth, kind, value)
               group by record_id"""
        )
        (changed,) = con.execute(
            "update groups set of = lowest from lowered l where l.record_id = groups.record_id and lowest < of"
        ).fetchone() or (0,)
        if not changed:
            return
