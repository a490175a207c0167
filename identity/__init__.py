"""Who is who: records of somebody in nine systems -> one `person_id` per human, stable for ever.

The way of a record through this room, one module each:

    engine       the scratch DuckDB that a resolution runs in; needs no lake
    records      the shape of `person_records`, read from any Arrow table and held to it
    values       e-mails, phones, national ids, dates, places and issued ids in comparable form
    normalise    all values of all records: the two tables that the rest works on
    names        names of both scripts and any order in comparable form, and how alike two of them are
    rules        which records are proposed as one person, and under which guards
    anchors      the proposals among records that name somebody -> components without contradictions
    conflicts    components that hold two people are cut at their weakest ties
    attach       records without a name join the one component that holds their identifier
    components   connected components
    person_ids   components -> ids, carried over from the links that there were
    resolve      all of the above: records -> links, pure
    ledger       links with validity, births, merges and splits of persons
    step         `update_identity()`: the lake's tables in, the lake's tables out
    as_of        the links as they stood at a moment
    profile      one person's file, for `lake profile`

Knows Delta only in `step` and `as_of`; knows nothing of Dagster, dbt or Feast.
"""
