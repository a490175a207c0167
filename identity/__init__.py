"""Who is who: records of somebody in nine systems -> one `person_id` per human, stable for ever.

The way of a record through this room (the guide is docs/identity.md). Each folder imports only what stands above it:

`matching/`: records -> people, without the lake's tables, its clock or a state; DuckDB of its own

    engine               the scratch DuckDB that a resolution runs in
    person_records       the shape of `person_records`, into which any Arrow table is read
    tables               the scratch tables that the steps hand on to each other
    comparable/          values       what one value means: e-mails, phones, national ids, dates, places
                         names        names of both scripts and any order (with nicknames.csv)
                         normalise    all values of all records: the tables PEOPLE and HOLDINGS
                         statistics   counts over all records: frequencies of names, dates and hosts that are fillers
    pairs/               rules        the reasons and the contradictions; kinds of identifiers and their limits
                         blocking     profiles, the keys that make candidates, the values that too many share
                         person_model what each agreement says, against strangers and housemates (person_model.json)
                         ties         candidates -> ties: by a judgement, a rule or the model
                         training     the model trained again, without labels, on the records at hand
    groups/              clusters     ties -> people, joined while the whole of both sides agrees
                         nameless_records  records without a name join the one person who holds their identifier
                         neighbourhoods    which records can affect each other's person
                         components   connected components of a graph of integers
    resolve              all of the above: records -> people, and the ties that hold them together
    unlabelled           how the matcher groups the labelled records without their labels

`links/`: people -> ids that last, and only what is new

    tables               the scratch tables that the steps of an incremental resolution hand on to each other
    person_ids           people -> ids, carried over from the previous links
    new_links            records -> links: the matcher, and an id for every person
    person_index         what is kept of every record, so that a run looks only at what new records can affect
    affected_records     the neighbourhoods that new, changed and deleted records reach
    part_of_lake         a part of the lake's records in the matcher; the neighbourhoods that ties reach
    incremental          everything anew, or those neighbourhoods only; the result is the same
    link_history         links with validity; births, merges, splits, moves and ends of persons
    matcher_columns      the id of a person record under its two names, the lake's and the matcher's
    as_of                the links as they stood at a moment

`review/`: what people decide about pairs, and what they see when they decide

    labels               judgements of pairs, append-only; they beat the matcher for ever
    queue                the pairs that a person should look at
    sampling             pairs drawn evenly from the links, to be labelled
    side_by_side         two records as a reviewer sees them
    pair_verdict         what the matcher says of two records, asked for one pair
    explain, waterfall   why records are one person, computed when somebody asks
    trained_models       the models that this lake was trained to; the newest is in use

`quality/`: how good the links are

    gate                 whether the links may be published, by the labels
    figures              precision and recall on labels, run by run
    evaluate             links compared with a truth: pairs, whole persons, B-cubed, by group

`update`: `update_identity()`, from the lake's tables to the lake's tables

Only `links/`, `review/`, `quality/` and `update` read and write tables of the lake; nothing here imports Dagster,
dbt or Feast.
"""
