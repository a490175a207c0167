"""Who is who: records of somebody in nine systems -> one `person_id` per human, stable for ever.

The way of a record through this room, one module each (the guide is docs/identity.md):

    engine          the scratch DuckDB that a resolution runs in; needs no lake
    records         the shape of `person_records`, read from any Arrow table and held to it
    values          what one value means: e-mails, phones, national ids, dates, places in comparable form
    names           names of both scripts and any order in comparable form (with nicknames.csv)
    normalise       all values of all records: the tables `people` and `holdings` that the rest works on
    statistics      what is counted over all records: how frequent names are, which dates and hosts are fillers
    rules           the reasons and the contradictions; which kinds of identifiers there are, and their limits
    blocking        profiles, the keys that make candidates, the values that too many share
    model           the person model (person_model.json): pairs held against strangers and housemates
    ties            candidates -> ties: by a judgement, a rule or the model
    clusters        ties -> people, joined while the whole of both sides agrees
    attach          records without a name join the one person who holds their identifier
    components      connected components of a graph of integers
    neighbourhoods  which records can bear on each other's person
    resolve         all of the above: records -> people and the ties that hold them, pure
    person_ids      people -> ids, carried over from the links that there were

What a lake adds to that:

    training        the person model trained again, without labels, on the lake's own records
    models          the models that this lake was trained to; the newest is in use
    index           what is kept of every record, so that a run looks only at what new records can bear on
    touched         which neighbourhoods new, changed and gone records reach
    incremental     everything anew, or those neighbourhoods only; the result is the same
    ledger          links with validity; births, merges, splits, moves and ends of persons
    step            `update_identity()`: the lake's tables in, the lake's tables out
    as_of           the links as they stood at a moment

What people judge, and how good the links are:

    labels          judgements of pairs, append-only; they beat the matcher for ever
    reviews         the queue of pairs that a person should look at
    sampling        pairs drawn evenly from the links, to be labelled
    side_by_side    two records as a reviewer sees them
    opinion         what the matcher makes of two records, asked for one pair
    unlabelled      what the matcher makes of the labelled records by itself
    gate            whether that may be published
    quality         precision and recall on labels, run by run
    evaluate        links held against a truth: pairs, whole persons, B-cubed, by group

What is asked of one person:

    find            which person an id, an e-mail address or a phone number leads to
    profile         one person's file, for `lake profile` and the page
    explain         why records are one person, compared when somebody asks

Knows Delta where it reads or writes the lake, never in a pure module; knows nothing of Dagster, dbt or Feast.
"""
