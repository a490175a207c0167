"""Pairs of linked records drawn for people to label, so that precision on labels stands for all links."""

from contracts.catalogue.tables import PERSON_LINKS, PERSON_RECORDS
from identity.review.labels import read_labels
from identity.review.queue import links_sql
from lake.sql.connections import connect
from lake.tables import scan, table_exists


def sample_of_links(size: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Pairs of records that the links give to one person, drawn evenly from all such pairs that nobody has labelled.

    The queue holds the hard pairs; precision on those alone would be lower than that of all links. Only records with a
    name are drawn: of two cookies nobody can say whose they are. A pair is drawn by its person in proportion to
    the person's pairs, then by two of its records, so that only the pairs that are drawn are ever built.
    """
    if not (table_exists(PERSON_LINKS) and table_exists(PERSON_RECORDS)):
        return []
    with connect() as con:
        con.register("labels", read_labels())
        con.execute(f"select setseed({(seed % 1000) / 1000})")
        rows = con.execute(
            f"""with held as (
                        select person_id, list(person_record_id order by person_record_id) as ids
                        from {links_sql()} semi join (
                            from {scan(PERSON_RECORDS)} where coalesce(full_name, family_name) is not null)
                            using (person_record_id)
                        group by 1),
                    sizes as (
                        select ids, sum(len(ids) * (len(ids) - 1) // 2) over (order by person_id) as upto,
                               len(ids) * (len(ids) - 1) // 2 as pairs from held where len(ids) > 1),
                    drawn as (
                        select random() * (select max(upto) from sizes) as place, random() as a, random() as b
                        from range($draws)),
                    placed as (
                        select ids, 1 + cast(floor(a * len(ids)) as bigint) as a,
                               1 + cast(floor(b * (len(ids) - 1)) as bigint) as b
                        from drawn asof join sizes on drawn.place <= sizes.upto),
                    pairs as (select ids[a] as one, ids[case when b >= a then b + 1 else b end] as other from placed)
                select distinct person_record_id_l, person_record_id_r
                from (
                    select least(one, other) as person_record_id_l, greatest(one, other) as person_record_id_r
                    from pairs) anti join labels using (person_record_id_l, person_record_id_r)
                order by hash(person_record_id_l || person_record_id_r) limit $size""",
            {"draws": size * 4, "size": size},
        ).fetchall()
    return rows
